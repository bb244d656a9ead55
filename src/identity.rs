//! Where the gray id comes from: the first source that holds a good one, else a fresh UUID.

use uuid::fmt::Hyphenated;

use crate::facts::Facts;
use crate::limits;
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
    /// Nobody sent one: a UUID version 4.
    Fresh([u8; Hyphenated::LENGTH]),
}

impl GrayId<'_> {
    /// The id as it is hashed and passed on.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            GrayId::Sent { id, .. } => id,
            GrayId::Fresh(id) => id,
        }
    }

    /// A UUID version 4 from 16 random bytes.
    pub fn fresh(random: [u8; 16]) -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        uuid::Builder::from_random_bytes(random).into_uuid().hyphenated().encode_lower(&mut text);
        GrayId::Fresh(text)
    }
}

/// The id that the request brought along: what the hop before decided, if it is believed, else from the policy's sources
/// in their order.
pub(crate) fn find<'a>(settings: &Settings, facts: &Facts<'a>) -> Option<GrayId<'a>> {
    let name = &*settings.names.id;
    let decided = if facts.admission().believed { sent(facts.single_header(name), true) } else { None };
    decided.or_else(|| {
        settings.sources.iter().find_map(|source| match source {
            // An id that stands twice is no identity.
            Source::Header(header) => sent(facts.single_header(header), **header == *name),
            Source::Query(parameter) => sent(facts.query(parameter.as_bytes()), false),
            Source::Cookie(cookie) => sent(facts.cookie(cookie.as_bytes()), false),
        })
    })
}

fn sent(id: Option<&[u8]>, in_header: bool) -> Option<GrayId<'_>> {
    id.filter(|id| is_id(id)).map(|id| GrayId::Sent { id, in_header })
}

/// Whether `id` may be an identity: 1 to 256 bytes without control characters and without a space at either end, so that
/// it arrives at the next hop as it is here.
fn is_id(id: &[u8]) -> bool {
    (1..=limits::ID).contains(&id.len())
        && !id.iter().any(u8::is_ascii_control)
        && id.trim_ascii().len() == id.len()
}
