//! Exposure events: which group of which experiment a user has met, for the log from which an experiment is judged.
//!
//! One entry for each experiment, separated by commas: `button;group=B;rev=1;reason=split;id=u-42`. The group is the one that the user
//! belongs to; `served=A` follows it where another lane stood in. Only `split` and `sticky` are groups by chance, others were forced.
//! The id is percent-encoded; with a key it is `hash=`, the first 16 bytes, in hexadecimal, of its HMAC-SHA256.

use std::io::Write;

use hmac_sha256::HMAC;

use crate::decision::{Decision, Entry, Reason};
use crate::effect::extend_list;
use crate::hex::hex;
use crate::identity::GrayId;
use crate::plan::{Plan, Segment};

/// Events that were told lately.
///
/// A table of fixed size, in which an event has 16 places; where all are taken, the one that came first goes. So an event may
/// be told twice within its window, and readers have to count ids. One is not told for the sake of another if both have the same 64-bit
/// hash: with all places taken, one event in 10^15.
#[derive(Debug)]
pub struct Told {
    places: Box<[Place]>,
}

/// When an event was told, in seconds since 1970, and its hash; 0 where there is none.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u64,
    at: i64,
}

/// How many events are remembered: 256 KB.
const PLACES: usize = 1 << 14;
/// Among so many places an event has its own.
const WAYS: usize = 16;

impl Default for Told {
    fn default() -> Self {
        Told { places: vec![Place::default(); PLACES].into() }
    }
}

impl Told {
    /// Whether the event that these parts tell apart was not told in the last `window` seconds; if so, it is told now. Times are in seconds
    /// since 1970.
    pub fn tell(&mut self, parts: &[&[u8]], now: i64, window: i64) -> bool {
        self.is_new(hash_of(parts), now, window)
    }

    /// Whether the event with this hash was not told in the last `window` seconds; if so, it is told now.
    fn is_new(&mut self, hash: u64, now: i64, window: i64) -> bool {
        let set = usize::try_from(hash % (PLACES / WAYS) as u64).unwrap_or_default() * WAYS;
        let Some(places) = self.places.get_mut(set..set + WAYS) else { return true };
        if let Some(place) = places.iter_mut().find(|place| place.hash == hash) {
            // A clock that was set back must not silence anybody for long.
            let is_new = !(place.at..place.at.saturating_add(window)).contains(&now);
            if is_new {
                place.at = now;
            }
            return is_new;
        }
        places.rotate_right(1);
        if let Some(first) = places.first_mut() {
            *first = Place { hash, at: now };
        }
        true
    }
}

/// The events of a decision that were not told lately; empty when there are none. `told` is made where the policy asks for events.
pub fn exposures(plan: &Plan, decision: &Decision<'_>, told: &mut Option<Told>) -> Vec<u8> {
    let mut out = Vec::new();
    let (Some(settings), Some(id)) = (&plan.settings.exposures, &decision.id) else { return out };
    let id = GrayId::as_bytes(id);
    let key = settings.proof.and_then(|proof| plan.settings.key(proof));
    if settings.proof.is_some() && key.is_none() {
        return out;
    }
    let told = told.get_or_insert_default();
    for entry in &decision.entries {
        let Some((segment, group)) = plan.release(entry.release).and_then(|segment| met(segment, entry))
        else {
            continue;
        };
        let is_forced = !matches!(entry.reason, Reason::Split | Reason::Sticky);
        let now = decision.facts.now().seconds();
        let parts = [segment.name(), group, &segment.revision().to_le_bytes(), &[is_forced.into()], id];
        if !told.tell(&parts, now, settings.window.into()) {
            continue;
        }
        extend_list(&mut out, &[segment.name(), b";group=", group]);
        if let Some(served) = entry.served.filter(|served| Some(*served) != entry.assigned) {
            out.extend_from_slice(b";served=");
            out.extend_from_slice(segment.lane_name(served));
        }
        // Writing into memory does not fail.
        let _ = write!(out, ";rev={};reason={}", segment.revision(), entry.reason);
        match key {
            None => {
                out.extend_from_slice(b";id=");
                percent_encode(id, &mut out);
            }
            Some(key) => {
                out.extend_from_slice(b";hash=");
                out.extend(hex(&hashed(key, id)));
            }
        }
    }
    out
}

/// The release, if it is an experiment that the request is part of, and the group.
fn met<'p>(segment: &'p Segment, entry: &Entry) -> Option<(&'p Segment, &'p [u8])> {
    let group = segment.lane_name(entry.assigned?);
    entry.is_part(segment).then_some((segment, group))
}

/// 64 bits of `murmur3_x64_128` with seed 0 of the parts, with a zero byte between them.
fn hash_of(parts: &[&[u8]]) -> u64 {
    let text = parts.join(&0);
    let hash = murmur3::murmur3_x64_128(&mut text.as_slice(), 0).unwrap_or_default();
    // 0 is no event.
    u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default().max(1)
}

/// The hash under which an id is told: the first 16 bytes of its HMAC-SHA256.
pub fn hashed(key: &[u8], id: &[u8]) -> [u8; 16] {
    let [code @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = HMAC::mac(id, key);
    code
}

/// All but letters, digits, `-`, `.`, `_` and `~` as `%` and two digits.
///
/// Source: RFC 3986, section 2.3.
fn percent_encode(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::given::Given;
    use crate::policy::Trust;
    use crate::time::Timestamp;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

    fn plan(exposures: &Value) -> Plan {
        let ab = |salt: &str| json!({"salt": salt, "route": salt == "one", "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}]});
        let release = |name: &str, more: &Value| {
            let mut release = json!({
                "name": name, "match": {"hosts": ["shop"]}, "lanes": [{"name": "A"}, {"name": "B"}], "ab": ab(name),
            });
            for (key, value) in more.as_object().unwrap() {
                release[key] = value.clone();
            }
            release
        };
        let one = json!({"overrides": {"headers": ["x-to"]}, "revision": 3});
        let two =
            json!({"rules": [{"name": "r", "when": {"header": {"x-b": {"present": true}}}, "lane": "B"}]});
        let policy = json!({"language": 1, "exposures": exposures, "releases": [release("one", &one), release("two", &two)]});
        let configuration = json!({"trust": "mesh", "keys": {"k1": SECRET}, "policy": policy}).to_string();
        crate::load(configuration.as_bytes()).plan.unwrap()
    }

    /// What is told of a request of this user at a time.
    fn told(plan: &Plan, told: &mut Option<Told>, (id, at): (&str, i64), headers: &[(&str, &str)]) -> String {
        let own = [(":authority", "shop"), (":path", "/"), ("x-gray-id", id)];
        let headers = own.iter().chain(headers).copied().collect();
        let request = Given { headers, now: Timestamp::from_seconds(at), ..Given::default() };
        let decision = crate::decide(plan, Trust::Mesh, &request);
        String::from_utf8(exposures(plan, &decision, told)).unwrap()
    }

    #[test]
    fn a_user_is_told_once_in_a_window_for_each_experiment_and_group() {
        let (plan, mut memory) = (plan(&json!({"window": 60})), None);
        let first = told(&plan, &mut memory, ("u-1", 1_000), &[]);
        let entries: Vec<&str> = first.split(", ").collect();
        assert_eq!(entries.len(), 2, "{first}");
        assert!(
            entries[0].starts_with("one;group=") && entries[0].ends_with(";rev=3;reason=split;id=u-1"),
            "{first}"
        );
        assert!(
            entries[1].starts_with("two;group=") && entries[1].ends_with(";rev=1;reason=split;id=u-1"),
            "{first}"
        );
        assert_eq!(told(&plan, &mut memory, ("u-1", 1_059), &[]), "");
        assert_eq!(told(&plan, &mut memory, ("u-2", 1_059), &[]).split(", ").count(), 2, "another user");
        assert_eq!(told(&plan, &mut memory, ("u-1", 1_060), &[]), first, "the window is over");
        assert_eq!(told(&plan, &mut memory, ("u-1", 500), &[]), first, "the clock was set back");
    }

    #[test]
    fn whoever_is_forced_into_a_group_is_told_apart() {
        let (plan, mut memory) = (plan(&json!({})), None);
        let split = told(&plan, &mut memory, ("u-1", 0), &[]);
        let group = if split.starts_with("one;group=A") { "A" } else { "B" };
        let forced = told(&plan, &mut memory, ("u-1", 1), &[("x-to", group), ("x-b", "")]);
        assert_eq!(
            forced,
            format!("one;group={group};rev=3;reason=override;id=u-1, two;group=B;rev=1;reason=rule;id=u-1")
        );
    }

    #[test]
    fn an_id_is_told_so_that_no_id_looks_like_something_else_or_hashed() {
        let clear = told(&plan(&json!({})), &mut None, ("a;b, c=d %é", 0), &[]);
        assert!(clear.ends_with(";id=a%3Bb%2C%20c%3Dd%20%25%C3%A9"), "{clear}");
        let hashed = told(&plan(&json!({"key": "k1"})), &mut None, ("u-1", 0), &[]);
        // printf u-1 | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102030405060708090a0b0c0d0e0f
        assert!(hashed.ends_with(";hash=2d2359252e37b69cabf8ab645e21193d"), "{hashed}");
    }

    #[test]
    fn nothing_is_told_where_the_policy_does_not_ask_or_nobody_is_known() {
        assert_eq!(told(&plan(&Value::Null), &mut None, ("u-1", 0), &[]), "");
        assert_eq!(told(&plan(&json!({})), &mut None, ("", 0), &[]), "");
    }

    #[test]
    fn whoever_is_not_remembered_any_more_is_told_again_and_nobody_is_passed_over() {
        let mut told = Told::default();
        let many = u64::try_from(PLACES * 4).unwrap();
        for hash in 1..=many {
            assert!(told.is_new(hash, 0, 60));
        }
        let last = many - u64::try_from(PLACES).unwrap() + 1..=many;
        assert!(last.clone().all(|hash| !told.is_new(hash, 1, 60)), "the last are remembered");
        assert!(told.is_new(1, 1, 60));
    }
}
