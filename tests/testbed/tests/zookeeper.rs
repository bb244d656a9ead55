//! The test bed's promises about ZooKeeper, on the real one.
#![cfg(test)]

use std::time::Duration;

use graylane_testbed::{Cut, ZooKeeper, eventually};
use zookeeper_client::{Acls, Client, CreateMode, Error, EventType, SessionState};

const LIMIT: Duration = Duration::from_secs(20);

/// Waits for the end of a session, and says which it was.
async fn end(client: &Client) -> SessionState {
    let mut states = client.state_watcher();
    let ended = async {
        loop {
            let state = states.state();
            if state.is_terminated() {
                return state;
            }
            states.changed().await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.expect("the session to end")
}

mod real_zookeeper {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_watches_tell_of_it() {
        let zookeeper = ZooKeeper::start().await.unwrap();
        let client = zookeeper.client().await.unwrap();
        let nodes = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let (_, absent) = client.check_and_watch_stat("/policy").await.unwrap();
        client.create("/policy", b"one", &nodes).await.unwrap();
        assert_eq!(absent.changed().await.event_type, EventType::NodeCreated);

        let (data, stat, changed) = client.get_and_watch_data("/policy").await.unwrap();
        assert_eq!((data.as_slice(), stat.version), (&b"one"[..], 0));
        assert!(zookeeper.ask("wchs").await.unwrap().contains("Total watches:1"));
        client.set_data("/policy", b"two", Some(0)).await.unwrap();
        assert_eq!(changed.changed().await.event_type, EventType::NodeDataChanged);
        assert_eq!(client.set_data("/policy", b"three", Some(0)).await.unwrap_err(), Error::BadVersion);

        let (_, _, deleted) = client.get_and_watch_data("/policy").await.unwrap();
        client.delete("/policy", None).await.unwrap();
        assert_eq!(deleted.changed().await.event_type, EventType::NodeDeleted);
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_kill_and_the_session_goes_on() {
        let mut zookeeper = ZooKeeper::start().await.unwrap();
        let client = Client::connector().with_session_timeout(Duration::from_mins(1));
        let client = client.connect(&zookeeper.address().to_string()).await.unwrap();
        let nodes = CreateMode::Persistent.with_acls(Acls::anyone_all());
        client.create("/policy", b"one", &nodes).await.unwrap();
        let (_, stat, changed) = client.get_and_watch_data("/policy").await.unwrap();
        let address = zookeeper.address();

        zookeeper.kill().unwrap();
        assert!(zookeeper.ask("srvr").await.is_err());
        zookeeper.resume().await.unwrap();
        assert_eq!(zookeeper.address(), address);
        let again = eventually("the session to be resumed", LIMIT, async || {
            Ok(client.get_data("/policy").await.ok())
        });
        assert_eq!(again.await.unwrap(), (b"one".to_vec(), stat));
        client.set_data("/policy", b"two", None).await.unwrap();
        assert_eq!(changed.changed().await.event_type, EventType::NodeDataChanged);
    }

    #[tokio::test]
    async fn a_session_that_is_not_heard_of_in_time_expires_and_takes_its_nodes_along() {
        let zookeeper = ZooKeeper::start().await.unwrap();
        let mut cut = Cut::before(zookeeper.address()).await.unwrap();
        let client = Client::connector().with_session_timeout(Duration::from_millis(600));
        let client = client.connect(&cut.address().to_string()).await.unwrap();
        assert_eq!(client.session_timeout(), Duration::from_millis(600));
        let nodes = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
        client.create("/mine", b"", &nodes).await.unwrap();
        let other = zookeeper.client().await.unwrap();
        let (_, gone) = other.check_and_watch_stat("/mine").await.unwrap();
        let id = client.session_id().to_string();
        assert!(zookeeper.sessions().await.unwrap().contains(&id));

        cut.stall();
        let expired = eventually("ZooKeeper to give it up", LIMIT, async || {
            Ok((!zookeeper.sessions().await?.contains(&id)).then_some(()))
        });
        expired.await.unwrap();
        assert_eq!(gone.changed().await.event_type, EventType::NodeDeleted);
        cut.sever().await;
        cut.heal().await.unwrap();
        assert_eq!(end(&client).await, SessionState::Expired);
        assert_eq!(client.get_data("/mine").await.unwrap_err(), Error::SessionExpired);
    }
}
