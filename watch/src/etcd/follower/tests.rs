use proptest::prelude::*;

use super::super::message::{Event, KeyValue};
use super::*;

/// What went out.
#[derive(Debug, Default)]
struct Calls {
    last: u32,
    made: Vec<(Method, Vec<u8>, Option<String>)>,
    opened: Vec<Option<String>>,
    sent: Vec<Vec<u8>>,
    ended: Vec<u32>,
}

impl Link for Calls {
    fn call(&mut self, method: Method, message: &[u8], token: Option<&str>, _: Millis) -> Option<u32> {
        self.made.push((method, message.to_vec(), token.map(str::to_owned)));
        self.last += 1;
        Some(self.last)
    }

    fn open(&mut self, token: Option<&str>) -> Option<u32> {
        self.opened.push(token.map(str::to_owned));
        self.last += 1;
        Some(self.last)
    }

    fn send(&mut self, _: u32, message: &[u8]) {
        self.sent.push(message.to_vec());
    }

    fn end(&mut self, stream: u32) {
        self.ended.push(stream);
    }
}

impl Calls {
    /// From which revision the last watch was asked for.
    fn watches_from(&self) -> i64 {
        let sent = self.sent.iter().rev().map(|sent| WatchRequest::decode(&sent[..]).unwrap());
        let mut created = sent.filter_map(|request| match request.ask? {
            Ask::Create(create) => Some(create.start_revision),
            Ask::Progress(_) => None,
        });
        created.next().unwrap()
    }

    fn lists(&self) -> usize {
        self.made.iter().filter(|(method, ..)| *method == Method::Range).count()
    }
}

fn header(revision: i64) -> Header {
    Header { cluster_id: 1, revision, raft_term: 2 }
}

fn found(key: &str, mod_revision: i64) -> KeyValue {
    KeyValue { key: key.into(), mod_revision, value: b"{}".to_vec() }
}

fn page(revision: i64, keys: &[&str], more: bool) -> Vec<u8> {
    let values = keys.iter().map(|key| found(key, 1)).collect();
    RangeResponse { header: Some(header(revision)), values, more }.encode_to_vec()
}

fn told(header: Header, events: &[(&str, i64)], fragment: bool) -> Vec<u8> {
    let event = |(key, revision): &(&str, i64)| Event { kind: 0, now: Some(found(key, *revision)) };
    let events = events.iter().map(event).collect();
    WatchResponse { header: Some(header), events, fragment, ..WatchResponse::default() }.encode_to_vec()
}

/// One that watches, after a list of nothing at revision 10.
fn watching() -> (Follower, Calls) {
    let (mut follower, mut calls) = (Follower::new(&Etcd::default()), Calls::default());
    assert_eq!(follower.tick(0, &mut calls), None);
    let news = follower.reply(1, Ok(&page(10, &[], false)), 0, &mut calls);
    assert!(matches!(news, Some(News::List { revision: 10, is_another_history: false, .. })), "{news:?}");
    assert_eq!(calls.watches_from(), 11);
    (follower, calls)
}

fn keys(news: Option<News>) -> Vec<String> {
    match news {
        Some(News::Changes { changes, .. }) => changes.into_iter().map(|change| change.key).collect(),
        other => panic!("{other:?}"),
    }
}

fn is_trouble(news: Option<&News>) -> bool {
    matches!(news, Some(News::Trouble(_)))
}

#[test]
fn a_revision_in_fragments_is_told_when_it_is_whole() {
    let (mut follower, mut calls) = watching();
    let first = told(header(11), &[("/policies/a", 11)], true);
    assert_eq!(follower.message(2, &first, 1, &mut calls), None);
    let last = told(header(11), &[("/policies/b", 11)], false);
    assert_eq!(keys(follower.message(2, &last, 1, &mut calls)), ["a", "b"]);

    // One that broke off is asked for anew from its beginning.
    let first = told(header(12), &[("/policies/c", 12)], true);
    assert_eq!(follower.message(2, &first, 2, &mut calls), None);
    assert!(is_trouble(follower.closed(2, 14, 2).as_ref()));
    follower.tick(60, &mut calls);
    assert_eq!((calls.watches_from(), calls.lists()), (12, 1));
    let whole = told(header(12), &[("/policies/c", 12), ("/policies/d", 12)], false);
    assert_eq!(keys(follower.message(3, &whole, 61, &mut calls)), ["c", "d"]);
}

#[test]
fn a_watch_that_catches_up_is_asked_for_after_what_it_has_told_not_after_its_header() {
    let (mut follower, mut calls) = watching();
    let some = told(header(90), &[("/policies/a", 20)], false);
    assert_eq!(keys(follower.message(2, &some, 1, &mut calls)), ["a"]);
    // That nothing happened says nothing of what is still to come.
    assert_eq!(follower.message(2, &told(header(95), &[], false), 1, &mut calls), None);
    follower.closed(2, 14, 2);
    follower.tick(60, &mut calls);
    assert_eq!(calls.watches_from(), 21);
}

#[test]
fn a_member_that_lags_is_left_and_everything_is_listed() {
    for lagging in [header(9), Header { raft_term: 1, ..header(30) }, Header { cluster_id: 7, ..header(30) }]
    {
        let (mut follower, mut calls) = watching();
        let news = follower.message(2, &told(lagging, &[], false), 1, &mut calls);
        assert!(is_trouble(news.as_ref()), "{lagging:?}");
        assert_eq!(calls.ended, [2]);
        // What it tells late is not heard any more.
        assert_eq!(
            follower.message(2, &told(header(11), &[("/policies/a", 11)], false), 2, &mut calls),
            None
        );
        follower.tick(60, &mut calls);
        assert_eq!(calls.lists(), 2);
        // The leader's list continues what was known, so it is no other history.
        let news = follower.reply(3, Ok(&page(12, &["/policies/a"], false)), 61, &mut calls);
        assert!(matches!(news, Some(News::List { is_another_history: false, .. })), "{news:?}");
    }
}

#[test]
fn an_etcd_that_went_back_is_another_history_once() {
    let (mut follower, mut calls) = watching();
    follower.message(2, &told(header(5), &[], false), 1, &mut calls);
    follower.tick(60, &mut calls);
    let news = follower.reply(3, Ok(&page(5, &[], false)), 61, &mut calls);
    assert!(matches!(news, Some(News::List { revision: 5, is_another_history: true, .. })), "{news:?}");
    assert_eq!(calls.watches_from(), 6);
    let news = follower.message(4, &told(header(6), &[("/policies/a", 6)], false), 62, &mut calls);
    assert_eq!(keys(news), ["a"]);
}

#[test]
fn what_cannot_be_read_is_listed_anew() {
    let (mut follower, mut calls) = watching();
    assert!(is_trouble(follower.message(2, b"\xff\xff", 1, &mut calls).as_ref()));
    follower.tick(60, &mut calls);
    assert!(is_trouble(follower.reply(3, Ok(b"\xff"), 61, &mut calls).as_ref()));
    follower.tick(200, &mut calls);
    // A page of nothing, of which there is said to be more, would be asked for for ever.
    assert!(is_trouble(follower.reply(4, Ok(&page(12, &[], true)), 201, &mut calls).as_ref()));
    follower.tick(500, &mut calls);
    assert_eq!(calls.lists(), 4);
}

#[test]
fn whoever_cannot_take_in_more_hears_no_more_and_lists_when_told_that_time_has_passed() {
    let (mut follower, mut calls) = watching();
    assert!(!follower.will_list());
    assert!(is_trouble(follower.overrun(1, &mut calls).as_ref()));
    assert_eq!((calls.ended.as_slice(), follower.will_list()), ([2].as_slice(), true));
    assert_eq!(follower.message(2, &told(header(11), &[("/policies/a", 11)], false), 2, &mut calls), None);
    assert_eq!((follower.overrun(3, &mut calls), calls.lists()), (None, 1));
    follower.tick(60, &mut calls);
    assert_eq!(calls.lists(), 2);
}

#[test]
fn pages_are_of_one_revision_and_a_failed_one_begins_the_list_again() {
    let (mut follower, mut calls) = (Follower::new(&Etcd::default()), Calls::default());
    follower.tick(0, &mut calls);
    follower.reply(1, Ok(&page(10, &["/policies/a"], true)), 1, &mut calls);
    let asked = RangeRequest::decode(&calls.made.last().unwrap().1[..]).unwrap();
    assert_eq!((asked.revision, &asked.key[..]), (10, &b"/policies/a\0"[..]));
    // Compacted meanwhile.
    assert!(is_trouble(follower.reply(2, Err(11), 2, &mut calls).as_ref()));
    follower.tick(60, &mut calls);
    let asked = RangeRequest::decode(&calls.made.last().unwrap().1[..]).unwrap();
    assert_eq!((asked.revision, &asked.key[..]), (0, &b"/policies/"[..]));
}

#[test]
fn silence_is_what_was_not_heard_however_often_it_is_tried_again() {
    let (mut follower, mut calls) = watching();
    let mut trouble = 0;
    for now in (0..30_000).step_by(20) {
        trouble += usize::from(is_trouble(follower.tick(now, &mut calls).as_ref()));
        assert_eq!(follower.contact(), Some(0), "nobody said anything");
    }
    assert!((5..9).contains(&trouble), "{trouble}");
    let number = calls.last;
    follower.message(number, &told(header(10), &[], false), 30_000, &mut calls);
    assert_eq!(follower.contact(), Some(30_000));
}

#[test]
fn after_any_failure_it_signs_in_anew() {
    let user = User { name: Some("proxy".to_owned()), password: Some("hush".to_owned()) };
    let mut follower = Follower::new(&Etcd { user: Some(user), ..Etcd::default() });
    let mut calls = Calls::default();
    let token = |token: &str| AuthenticateResponse { token: token.to_owned() }.encode_to_vec();
    follower.tick(0, &mut calls);
    follower.reply(1, Ok(&token("one")), 1, &mut calls);
    follower.reply(2, Ok(&page(10, &[], false)), 2, &mut calls);
    assert_eq!(calls.opened, [Some("one".to_owned())]);
    follower.closed(3, 16, 3);
    follower.tick(60, &mut calls);
    let wrong = follower.reply(4, Err(3), 61, &mut calls);
    assert!(matches!(&wrong, Some(News::Trouble(why)) if why.contains("password is wrong")), "{wrong:?}");
    follower.tick(1_000, &mut calls);
    follower.reply(5, Ok(&token("two")), 1_001, &mut calls);
    assert_eq!(calls.opened.last(), Some(&Some("two".to_owned())));
}

#[test]
fn a_key_that_is_no_text_is_told_as_one_that_no_document_has() {
    assert_eq!(below(b"/policies/releases/a", "/policies/").unwrap(), "releases/a");
    let strange = below(b"/policies/releases/\xff", "/policies/").unwrap();
    assert_eq!(strange, r"releases/\xff/ (no UTF-8)");
    assert_eq!(graylane_document::Key::parse(&strange), None);
    assert_eq!(below(b"/policy", "/policies/"), None);
}

/// Something that may come.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let events = prop::collection::vec((prop::sample::select(vec!["/policies/a", "/x"]), 0..20_i64), 0..3);
    let said =
        (0..20_i64, 0..3_u64, events, any::<bool>()).prop_map(|(revision, raft_term, events, part)| {
            told(Header { raft_term, ..header(revision) }, &events, part)
        });
    let listed =
        (0..20_i64, any::<bool>()).prop_map(|(revision, more)| page(revision, &["/policies/a"], more));
    prop_oneof![said, listed, prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    /// No bytes make it panic, in whatever order things happen, and it always goes on.
    #[test]
    fn whatever_comes_it_goes_on(steps in prop::collection::vec((0..5_u8, 0..3_u32, bytes(), 0..5_000_u64), 0..40)) {
        let (mut follower, mut calls) = (Follower::new(&Etcd::default()), Calls::default());
        let mut now = 0;
        for (kind, back, bytes, passed) in steps {
            now += passed;
            let number = calls.last.saturating_sub(back);
            match kind {
                0 => follower.tick(now, &mut calls),
                1 => follower.reply(number, Ok(&bytes), now, &mut calls),
                2 => follower.reply(number, Err(back), now, &mut calls),
                3 => follower.message(number, &bytes, now, &mut calls),
                _ => follower.closed(number, back, now),
            };
        }
        // A stream that stands, a call that is under way, or another try soon.
        let before = calls.last;
        if let State::Waiting { until } = follower.state {
            prop_assert!(until <= now + RETRY.1);
            follower.tick(until, &mut calls);
            prop_assert!(calls.last > before);
        }
    }
}
