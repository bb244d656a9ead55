//! The test bed's promises about etcd, on the real one.
#![cfg(test)]

use graylane_etcd::{Code, Error, EventKind, Keys, Transaction};
use graylane_testbed::Etcd;

mod real_etcd {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let first = client.put("/a/1", "one").await.unwrap();
        let second = client.put("/a/2", "two").await.unwrap();
        client.put("/b", "else").await.unwrap();
        assert_eq!(second.revision, first.revision + 1);

        let found = client.get(Keys::under("/a/")).await.unwrap();
        assert_eq!(found.header.revision, second.revision + 1);
        let pairs: Vec<_> = found.values.iter().map(|it| (it.key.as_slice(), it.value.as_slice())).collect();
        assert_eq!(pairs, [(&b"/a/1"[..], &b"one"[..]), (b"/a/2", b"two")]);
        assert_eq!(found.values[1].mod_revision, second.revision);
        assert_eq!(client.get(Keys::under("")).await.unwrap().values.len(), 3);

        assert_eq!(client.get_at(Keys::one("/a/2"), first.revision).await.unwrap().values, []);
        let ahead = client.get_at(Keys::one("/a/2"), 1000).await.unwrap_err();
        assert_eq!(ahead.code(), Some(Code::OutOfRange), "{ahead}");

        assert_eq!(client.delete(Keys::under("/a/")).await.unwrap().count, 2);
        assert_eq!(client.get(Keys::under("/a/")).await.unwrap().values, []);
    }

    #[tokio::test]
    async fn a_transaction_is_done_or_says_what_is_there() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let create = Transaction::default().when_revision("/k", 0).put("/k", "1").or_get(Keys::one("/k"));
        let made = client.transact(create.clone()).await.unwrap();
        assert!(made.done && made.found.is_empty());
        let again = client.transact(create).await.unwrap();
        assert!(!again.done);
        assert_eq!(again.found[0].values[0].mod_revision, made.header.revision);

        let swap = Transaction::default()
            .when_value("/k", "1")
            .when_revision("/k", made.header.revision)
            .put("/l", "2")
            .delete(Keys::one("/k"))
            .get(Keys::under("/"));
        let swapped = client.transact(swap.clone()).await.unwrap();
        assert!(swapped.done);
        assert_eq!(swapped.found[0].values[0].key, b"/l");
        assert!(!client.transact(swap).await.unwrap().done);
    }

    #[tokio::test]
    async fn a_watch_tells_what_happens_and_what_has_happened() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let first = client.put("/w/1", "a").await.unwrap().revision;
        let mut from_then = client.watch(Keys::under("/w/"), first).await.unwrap();
        let mut from_now = client.watch(Keys::under("/w/"), 0).await.unwrap();
        client.put("/elsewhere", "x").await.unwrap();
        client.delete(Keys::one("/w/1")).await.unwrap();

        let past = from_then.next().await.unwrap().events;
        assert_eq!((past[0].kind(), past[0].now.value.as_slice()), (EventKind::Put, &b"a"[..]));
        let now = from_now.next().await.unwrap();
        assert_eq!(
            (now.events[0].kind(), now.events[0].now.key.as_slice()),
            (EventKind::Delete, &b"/w/1"[..])
        );
        assert_eq!(now.events[0].now.mod_revision, now.header.revision);
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_kill() {
        let mut etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let written = client.put("/k", "v").await.unwrap().revision;
        let mut watch = client.watch(Keys::one("/k"), 0).await.unwrap();
        let address = etcd.address();

        etcd.kill().unwrap();
        let broken = watch.next().await.unwrap_err();
        assert!(matches!(broken, Error::Broken { .. }), "{broken:?}");
        let down = client.put("/k", "lost").await.unwrap_err();
        assert!(matches!(down, Error::Unreachable(_) | Error::Broken { .. }), "{down:?}");
        let down = client.get(Keys::one("/k")).await.unwrap_err().to_string();
        assert!(down.contains(&address.to_string()) && down.contains("refused"), "{down}");

        etcd.resume().await.unwrap();
        assert_eq!(etcd.address(), address);
        let found = client.get(Keys::one("/k")).await.unwrap();
        assert_eq!((found.header.revision, found.values[0].value.as_slice()), (written, &b"v"[..]));
    }

    #[tokio::test]
    async fn its_log_and_its_metrics_can_be_read() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let watchers = "etcd_debugging_mvcc_watcher_total";
        assert_eq!(etcd.metric(0, watchers).await.unwrap(), Some(0.0));
        let _watch = client.watch(Keys::one("/k"), 0).await.unwrap();
        assert_eq!(etcd.metric(0, watchers).await.unwrap(), Some(1.0));
        assert_eq!(etcd.metric(0, "no_such").await.unwrap(), None);
        assert!(etcd.log(0).unwrap().contains("elected leader"));
        assert!(etcd.process(0).unwrap().resident_bytes().unwrap() > 1_000_000);
    }

    #[tokio::test]
    async fn an_etcd_that_ends_at_once_says_why() {
        let error = format!("{:#}", Etcd::builder().flag("--no-such-flag").start().await.unwrap_err());
        assert!(error.contains("etcd ended at once") && error.contains("no-such-flag"), "{error}");
    }
}
