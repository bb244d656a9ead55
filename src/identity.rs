//! Where the gray id comes from: the first source that holds a good one, else a fresh UUID.

use std::borrow::Cow;

use uuid::fmt::Hyphenated;

use crate::condition::claim;
use crate::explain::{Note, Observer};
use crate::facts::Facts;
use crate::headers;
use crate::hex::hex;
use crate::limits;
use crate::policy::{Absent, IdSource, Normalize};
use crate::settings::{Settings, Source};

/// Who is being split: the bucketing key.
#[derive(Debug, Clone)]
pub enum GrayId<'a> {
    /// It stood in the request. The flag says whether it already stands in the header that is passed on.
    Sent {
        /// The id, byte for byte.
        id: &'a [u8],
        /// Whether the header that is passed on already holds it.
        in_header: bool,
    },
    /// Made from what the request holds: several parts, a claim, another spelling.
    Derived(Vec<u8>),
    /// Nobody sent one: a UUID version 4.
    Fresh([u8; Hyphenated::LENGTH]),
}

impl<'a> GrayId<'a> {
    /// The id that was read from a request.
    fn of(id: Cow<'a, [u8]>, in_header: bool) -> Self {
        match id {
            Cow::Borrowed(id) => GrayId::Sent { id, in_header },
            Cow::Owned(id) => GrayId::Derived(id),
        }
    }

    /// The id as it is hashed and passed on.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            GrayId::Sent { id, .. } => id,
            GrayId::Derived(id) => id,
            GrayId::Fresh(id) => id,
        }
    }

    /// A UUID version 4 from 16 random bytes.
    pub fn fresh(random: [u8; 16]) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        uuid::Builder::from_random_bytes(random).into_uuid().hyphenated().encode_lower(&mut text);
        GrayId::Fresh(text)
    }

    /// Bytes that make the same fresh id again, if it is one.
    pub(crate) fn drawn(&self) -> Option<[u8; 16]> {
        let GrayId::Fresh(text) = self else { return None };
        uuid::Uuid::try_parse_ascii(text).ok().map(uuid::Uuid::into_bytes)
    }
}

/// The id of the request: what the hop before decided, if it is believed, else from the policy's sources in their order,
/// else what the policy says for a request without one.
pub(crate) fn find<'a>(
    settings: &Settings,
    facts: &Facts<'a>,
    observer: &impl Observer,
) -> Option<GrayId<'a>> {
    let name = &*settings.names.id;
    let note = |place: &dyn Fn() -> IdSource, found: Option<&[u8]>, is_taken| {
        observer.note(|| Note::Source { place: place(), found: found.map(<[u8]>::to_vec), is_taken });
    };
    if facts.admission().believed
        && let Some(id) = facts.single_header(name)
    {
        let is_taken = is_id(id);
        note(&|| IdSource::Header(name.to_owned()), Some(id), is_taken);
        if is_taken {
            return Some(GrayId::Sent { id, in_header: true });
        }
    }
    let found = settings.sources.iter().find_map(|source| {
        let id = value_of(source, facts, &settings.normalize, observer);
        let is_taken = id.as_deref().is_some_and(is_id);
        note(&|| source.into(), id.as_deref(), is_taken);
        let in_header = matches!(source, Source::Header(header) if **header == *name);
        // With spaces at its ends it stands there in another spelling.
        let in_header = in_header && !settings.normalize.trim;
        Some(GrayId::of(id.filter(|_| is_taken)?, in_header))
    });
    found.or_else(|| {
        let id = match settings.absent {
            Absent::Issue => facts.random().map(GrayId::fresh),
            Absent::RequestId => {
                let id = facts.single_header(headers::REQUEST_ID);
                let id = id.map(|id| normalized(Cow::Borrowed(id), &settings.normalize));
                id.filter(|id| is_id(id)).map(|id| GrayId::of(id, false))
            }
            Absent::None => None,
        };
        observer.note(|| Note::NoId { absent: settings.absent, has_other: id.is_some() });
        id
    })
}

/// What a source holds, in the spelling that ids are brought into.
fn value_of<'a>(
    source: &Source,
    facts: &Facts<'a>,
    normalize: &Normalize,
    observer: &impl Observer,
) -> Option<Cow<'a, [u8]>> {
    let value = match source {
        Source::Address => {
            let address = facts.source_address()?.to_canonical();
            Cow::Owned(address.to_string().into_bytes())
        }
        // An id that stands twice is no identity.
        Source::Header(header) => Cow::Borrowed(facts.single_header(header)?),
        Source::Query(parameter) => Cow::Borrowed(facts.query(parameter.as_bytes())?),
        Source::Cookie(cookie) => Cow::Borrowed(facts.cookie(cookie.as_bytes())?),
        Source::Claim(claim) => Cow::Owned(claim::text(&facts.claim(claim.as_bytes())?)),
        Source::Composite(parts) => return composite(parts, facts, normalize, observer).map(Cow::Owned),
    };
    Some(normalized(value, normalize))
}

/// The id of several parts, all of which must be there: `murmur3_x64_128` with seed 0 of the parts with a zero byte
/// between them, both halves as 16 hexadecimal digits. What holds a zero byte is no part, a claim that is a list: so no other parts look
/// the same.
fn composite(
    parts: &[Source],
    facts: &Facts<'_>,
    normalize: &Normalize,
    observer: &impl Observer,
) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(limits::ID);
    for part in parts {
        if !text.is_empty() {
            text.push(0);
        }
        let value = value_of(part, facts, normalize, observer);
        let value = value.filter(|value| !value.is_empty() && !value.contains(&0));
        if value.is_none() {
            observer.note(|| Note::Missing(part.into()));
        }
        text.extend_from_slice(&value?);
    }
    let hash = murmur3::murmur3_x64_128(&mut text.as_slice(), 0).ok()?;
    Some(hex(&hash.rotate_left(64).to_be_bytes()))
}

fn normalized<'a>(id: Cow<'a, [u8]>, normalize: &Normalize) -> Cow<'a, [u8]> {
    let id = match id {
        Cow::Borrowed(id) if normalize.trim => Cow::Borrowed(id.trim_ascii()),
        Cow::Owned(id) if normalize.trim => Cow::Owned(id.trim_ascii().to_vec()),
        id => id,
    };
    if normalize.lower_case && id.iter().any(u8::is_ascii_uppercase) {
        return Cow::Owned(id.to_ascii_lowercase());
    }
    id
}

/// Whether `id` may be an identity: 1 to 256 bytes without control characters and without a space at either end, so that
/// it arrives at the next hop as it is here.
pub(crate) fn is_id(id: &[u8]) -> bool {
    (1..=limits::ID).contains(&id.len())
        && !id.iter().fold(false, |found, byte| found | byte.is_ascii_control())
        && !id.starts_with(b" ")
        && !id.ends_with(b" ")
}
