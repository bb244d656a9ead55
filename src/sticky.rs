//! The sticky cookie: which lane a user got, told by the user's own browser.
//!
//! Its value is `{release}~{lane}~{revision}`, and with a key `~{mac}`: the first 16 bytes, in hexadecimal, of the
//! HMAC-SHA256 of `graylane-sticky-1`, a zero byte, the text before, a zero byte, and the gray id. No name of a release or lane holds a
//! tilde. A bare lane name, as other systems set it, counts as a memory without a revision where no key is asked for.

use hmac_sha256::HMAC;

use crate::arena::LaneId;
use crate::bytes::split;
use crate::facts::Facts;
use crate::hex::{hex, unhex};
use crate::plan::{Proof, Segment, Sticky};
use crate::settings::Settings;

/// Bytes of a MAC that are kept: 128 bits.
const MAC: usize = 16;

/// Why a sticky cookie is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// There is none.
    Absent,
    /// It is not of the form that its release writes.
    Malformed,
    /// It names another release.
    OtherRelease,
    /// It names a lane that the release does not have.
    UnknownLane,
    /// It is of another revision.
    OtherRevision,
    /// Its MAC is not right, or there is no key or id to check it by.
    NotAuthentic,
}

/// The lane that the cookie of a request remembers, if it may be believed. Whether the lane is open is another question.
pub(crate) fn recall(
    segment: &Segment,
    sticky: &Sticky,
    settings: &Settings,
    facts: &Facts<'_>,
    id: Option<&[u8]>,
) -> Result<LaneId, Doubt> {
    let value = facts.cookie(segment.text(sticky.cookie.name)).ok_or(Doubt::Absent)?;
    let mut parts = split(value, b'~');
    let (first, lane, revision) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let Some((lane, revision)) = lane.zip(revision) else {
        return match lane {
            Some(_) => Err(Doubt::Malformed),
            None if sticky.proof != Proof::None => Err(Doubt::NotAuthentic),
            None => segment.lane_named(first).ok_or(Doubt::UnknownLane),
        };
    };
    if first != segment.name() {
        return Err(Doubt::OtherRelease);
    }
    let lane = segment.lane_named(lane).ok_or(Doubt::UnknownLane)?;
    // As it is written: neither +3 nor 03.
    let is_written = revision == b"0" || matches!(revision.first(), Some(b'1'..=b'9'));
    let digits = std::str::from_utf8(revision).ok().filter(|_| is_written);
    let revision = digits.and_then(|digits| digits.parse().ok());
    let revision: u32 = revision.ok_or(Doubt::Malformed)?;
    if !sticky.any_revision && revision != segment.revision() {
        return Err(Doubt::OtherRevision);
    }
    if sticky.proof == Proof::None {
        return parts.next().map_or(Ok(lane), |_| Err(Doubt::Malformed));
    }
    let mac = parts.next().and_then(unhex::<MAC>).filter(|_| parts.next().is_none());
    let key = settings.key(sticky.proof);
    let code = key.zip(id).map(|(key, id)| code(key, &text(segment, lane, revision), id));
    let is_authentic = code.zip(mac).is_some_and(|(code, mac)| is_same(&code, &mac));
    if is_authentic { Ok(lane) } else { Err(Doubt::NotAuthentic) }
}

/// The value of the cookie that remembers `lane`; `None` where it takes a key or an id that is not there.
pub(crate) fn remember(
    segment: &Segment,
    sticky: &Sticky,
    settings: &Settings,
    lane: LaneId,
    id: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let mut text = text(segment, lane, segment.revision());
    if sticky.proof != Proof::None {
        let code = code(settings.key(sticky.proof)?, &text, id?);
        text.push(b'~');
        text.extend(hex(&code));
    }
    Some(text)
}

fn text(segment: &Segment, lane: LaneId, revision: u32) -> Vec<u8> {
    [segment.name(), b"~", segment.lane_name(lane), b"~", revision.to_string().as_bytes()].concat()
}

fn code(key: &[u8], text: &[u8], id: &[u8]) -> [u8; MAC] {
    let mut code = HMAC::new(key);
    for part in [b"graylane-sticky-1\0".as_slice(), text, b"\0", id] {
        code.update(part);
    }
    let [code @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = code.finalize();
    code
}

/// Compares in a time that does not tell how much is right.
fn is_same(one: &[u8; MAC], other: &[u8; MAC]) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}
