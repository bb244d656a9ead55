//! The test bed's promises about etcd, on the real one.
#![cfg(test)]

use std::time::{Duration, Instant};

use graylane_etcd::{Access, Client, Code, Error, EventKind, Keys, Tls, Transaction};
use graylane_testbed::{Authority, Cut, Etcd, eventually};

const LIMIT: Duration = Duration::from_secs(20);

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
    async fn a_transaction_may_depend_on_a_range_of_keys() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let read = client.put("/r/1", "a").await.unwrap().revision;
        let write = |to: &str| {
            Transaction::default().when_unwritten_since(Keys::under("/r/"), read).put(to, "written")
        };
        assert!(client.transact(write("/elsewhere")).await.unwrap().done);
        assert!(client.transact(write("/elsewhere")).await.unwrap().done, "what is elsewhere does not count");
        assert!(client.transact(write("/r/2")).await.unwrap().done);
        assert!(!client.transact(write("/elsewhere")).await.unwrap().done, "/r/2 was written since");
        let nothing_there =
            Transaction::default().when_unwritten_since(Keys::under("/none/"), 1).put("/k", "1");
        assert!(client.transact(nothing_there).await.unwrap().done);
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

    #[tokio::test]
    async fn a_watch_from_a_compacted_revision_is_refused() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let first = client.put("/k", "1").await.unwrap().revision;
        let last = client.put("/k", "2").await.unwrap().revision;
        etcd.compact(last).await.unwrap();

        let watched = client.watch(Keys::one("/k"), first).await;
        // etcd says it with the first answer or with the second.
        let error = match watched {
            Err(error) => error,
            Ok(mut watch) => watch.next().await.unwrap_err(),
        };
        assert!(matches!(error, Error::Compacted { revision } if revision == last), "{error:?}");
        let read = client.get_at(Keys::one("/k"), first).await.unwrap_err();
        assert_eq!(read.code(), Some(Code::OutOfRange), "{read}");
        client.watch(Keys::one("/k"), last).await.unwrap().next().await.unwrap();
    }

    #[tokio::test]
    async fn a_restored_snapshot_makes_the_revision_go_back() {
        let mut etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let saved = client.put("/k", "saved").await.unwrap();
        let snapshot = etcd.snapshot().await.unwrap();
        let mut lost = saved.revision;
        for _ in 0..5 {
            lost = client.put("/k", "lost").await.unwrap().revision;
        }
        etcd.restore(&snapshot).await.unwrap();

        let found = client.get(Keys::one("/k")).await.unwrap();
        assert_eq!(found.header.revision, saved.revision);
        assert!(found.header.revision < lost);
        assert_eq!(found.values[0].value, b"saved");
        assert_eq!(found.header.cluster_id, saved.cluster_id);
    }

    #[tokio::test]
    async fn a_cluster_goes_on_under_another_leader() {
        let mut etcd = Etcd::builder().members(3).start().await.unwrap();
        let client = etcd.client().await.unwrap();
        client.put("/k", "1").await.unwrap();
        let leader = etcd.leader().await.unwrap();
        let other = (leader + 1) % 3;
        etcd.move_leader(other).await.unwrap();
        assert_eq!(etcd.leader().await.unwrap(), other);

        etcd.kill_member(other).unwrap();
        let next = etcd.leader().await.unwrap();
        assert_ne!(next, other);
        assert_eq!(client.get(Keys::one("/k")).await.unwrap().values[0].value, b"1");
        // What went to the dead one may be told as broken once, and goes elsewhere then.
        let written = eventually("a put to be taken", LIMIT, async || Ok(client.put("/k", "2").await.ok()));
        let written = written.await.unwrap().revision;

        // Two of three down: nobody may decide.
        etcd.kill_member(next).unwrap();
        let alone = Client::connect(etcd.access().limit(Duration::from_secs(1))).await.unwrap();
        let error = alone.put("/k", "3").await.unwrap_err();
        assert!(
            matches!(error, Error::Late { .. } | Error::Refused { code: Code::Unavailable, .. }),
            "{error:?}"
        );

        etcd.resume().await.unwrap();
        let found = client.get(Keys::one("/k")).await.unwrap();
        assert!(found.values[0].mod_revision >= written);
    }

    #[tokio::test]
    async fn users_do_what_they_may_and_nobody_else_does_anything() {
        let builder =
            Etcd::builder().writer("app", "right", "/app/").reader("guest", "right", "/app/public/");
        let mut etcd = builder.start().await.unwrap();
        let access = etcd.access().limit(Duration::from_secs(2));
        let app = Client::connect(access.clone().user("app", "right")).await.unwrap();
        let guest = Client::connect(access.user("guest", "right")).await.unwrap();
        app.put("/app/public/k", "v").await.unwrap();
        assert_eq!(guest.get(Keys::under("/app/public/")).await.unwrap().values.len(), 1);
        let mut watch = guest.watch(Keys::under("/app/public/"), 0).await.unwrap();
        app.put("/app/public/k", "w").await.unwrap();
        assert_eq!(watch.next().await.unwrap().events[0].now.value, b"w");

        for refused in [
            app.put("/other", "v").await.unwrap_err(),
            guest.put("/app/public/k", "v").await.unwrap_err(),
            guest.get(Keys::under("/app/")).await.unwrap_err(),
        ] {
            assert_eq!(refused.code(), Some(Code::PermissionDenied), "{refused}");
        }
        let watch = guest.watch(Keys::under("/app/"), 0).await.unwrap_err();
        assert!(watch.to_string().contains("permission denied"), "{watch}");
        let wrong = Client::connect(etcd.access().user("app", "wrong")).await.unwrap_err();
        assert!(wrong.to_string().contains("invalid user ID or password"), "{wrong}");
        let nobody = Client::connect(Access::to(etcd.endpoints())).await.unwrap();
        let nobody = nobody.get(Keys::one("/app/public/k")).await.unwrap_err();
        assert!(nobody.to_string().contains("user name is empty"), "{nobody}");

        // Users are part of what is kept; tokens are not. One of before is met with silence, and then fetched anew.
        let snapshot = etcd.snapshot().await.unwrap();
        etcd.restore(&snapshot).await.unwrap();
        assert_eq!(guest.get(Keys::one("/app/public/k")).await.unwrap().values[0].value, b"w");
        assert!(matches!(app.put("/app/public/k", "x").await, Err(Error::Late { .. })));
        app.put("/app/public/k", "y").await.unwrap();
        etcd.client().await.unwrap().put("/other", "v").await.unwrap();
    }

    #[tokio::test]
    async fn a_token_expires_and_is_renewed() {
        let builder = Etcd::builder().writer("app", "right", "/app/").token_seconds(1);
        // Later versions say it in this detail alone.
        let etcd = builder.flag("--log-level=debug").start().await.unwrap();
        let app = Client::connect(etcd.access().user("app", "right")).await.unwrap();
        app.put("/app/k", "1").await.unwrap();
        let gone = "deleted a simple token\",\"user-name\":\"app\"";
        eventually("the token to expire", LIMIT, async || Ok(etcd.log(0)?.contains(gone).then_some(())))
            .await
            .unwrap();
        app.put("/app/k", "2").await.unwrap();
    }

    #[tokio::test]
    async fn tls_lets_no_stranger_in() {
        let authority = Authority::new().unwrap();
        let etcd = Etcd::builder().tls(&authority).unwrap().start().await.unwrap();
        etcd.client().await.unwrap().put("/k", "v").await.unwrap();
        assert!(etcd.endpoints()[0].starts_with("https://127.0.0.1:"));

        let own = authority.client("somebody").unwrap();
        let other = Authority::new().unwrap().client("somebody").unwrap();
        let nobody = Tls { identity: None, ..own.clone() };
        let stranger = Tls { identity: other.identity.clone(), ..own.clone() };
        let deceived = Tls { authority: other.authority.clone(), ..own.clone() };
        for (who, tls, admitted) in [
            ("own", own, true),
            ("nobody", nobody, false),
            ("stranger", stranger, false),
            ("deceived", deceived, false),
        ] {
            let client = Client::connect(Access::to(etcd.endpoints()).tls(tls)).await.unwrap();
            let found = client.get(Keys::one("/k")).await;
            assert_eq!(found.is_ok(), admitted, "{who}: {found:?}");
        }
        let plain = Client::connect(Access::to([format!("http://{}", etcd.address())])).await.unwrap();
        plain.get(Keys::one("/k")).await.unwrap_err();
        assert!(etcd.control(&["get", "/k"]).await.unwrap().contains('v'));
    }

    #[tokio::test]
    async fn with_users_the_name_in_a_certificate_is_one() {
        let authority = Authority::new().unwrap();
        let builder = Etcd::builder().tls(&authority).unwrap().writer("app", "right", "/app/");
        let etcd = builder.start().await.unwrap();
        etcd.client().await.unwrap().put("/k", "by root, with a password").await.unwrap();
        let by = async |name| {
            let access = Access::to(etcd.endpoints()).tls(authority.client(name).unwrap());
            Client::connect(access).await.unwrap().put("/app/k", "without a password").await
        };
        by("app").await.unwrap();
        by("somebody").await.unwrap_err();
    }

    #[tokio::test]
    async fn behind_a_cut_the_client_says_what_it_knows() {
        let etcd = Etcd::start().await.unwrap();
        let mut cut = Cut::before(etcd.address()).await.unwrap();
        let access = Access::to([format!("http://{}", cut.address())]).limit(Duration::from_millis(500));
        let client = Client::connect(access).await.unwrap();
        client.put("/k", "1").await.unwrap();
        let mut watch = client.watch(Keys::one("/k"), 0).await.unwrap();

        cut.stall();
        let late = client.put("/k", "2").await.unwrap_err();
        assert!(matches!(late, Error::Late { .. }), "{late:?}");
        cut.refuse().await;
        cut.sever().await;
        let broken = watch.next().await.unwrap_err();
        assert!(matches!(broken, Error::Broken { .. }), "{broken:?}");
        let gone = client.get(Keys::one("/k")).await.unwrap_err();
        assert!(matches!(gone, Error::Unreachable(_)), "{gone:?}");

        cut.heal().await.unwrap();
        client.put("/k", "3").await.unwrap();
    }

    #[tokio::test]
    async fn a_put_takes_far_less_than_a_second() {
        let etcd = Etcd::start().await.unwrap();
        let client = etcd.client().await.unwrap();
        let mut took = Vec::new();
        for number in 0..200 {
            let began = Instant::now();
            client.put("/latency", number.to_string()).await.unwrap();
            took.push(began.elapsed());
        }
        took.sort();
        println!("etcd's put, median of {}: {:?}; 95 %: {:?}", took.len(), took[100], took[190]);
        assert!(took[100] < Duration::from_millis(500), "{took:?}");
    }
}
