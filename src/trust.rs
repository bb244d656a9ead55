//! The first step of every decision: what of a request is believed, and what is removed before anything reads it.
//!
//! It happens for every request, governed or not: a claim that slips through an ungoverned path would be believed
//! one hop later. Lane, cluster and slot say where *this* hop sends a request, so they are removed from whatever
//! comes in, at an edge and in the mesh. Claims (group, label, overrides) come from the hop before in the mesh,
//! and from trusted sources at an edge; from anybody else they are removed. The gray id is an identity, not a
//! right: it is accepted from anybody, unless the policy takes it from elsewhere.

use std::net::IpAddr;

use crate::baggage;
use crate::bytes::same;
use crate::limits;
use crate::policy::Trust;
use crate::request::Headers;
use crate::settings::{Claims, Settings};

/// What of a request is believed, and what is removed from it.
#[derive(Debug, Clone, Default)]
pub struct Admission<'a> {
    /// Whether the claims of the request count.
    pub believed: bool,
    /// Whether the address of who sent it decided that.
    pub by_address: bool,
    /// Headers that the request carries and that are removed.
    pub removed: Removed<'a>,
    /// The cookies without those that claim something; empty when nothing is left.
    pub cookies: Option<Vec<u8>>,
    /// The baggage without the traffic label; empty when nothing is left.
    pub baggage: Option<Vec<u8>>,
}

/// Headers that are removed from a request. A bit says of each name that may be unwanted whether it is there: a decision is moved
/// about, and a list of names would be most of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removed<'a> {
    settings: Option<&'a Settings>,
    bits: u64,
}

/// Names that may be unwanted: three of the hop and all claims.
const UNWANTED: usize = Claims::HOP + limits::CLAIMS;
const _: () = assert!(UNWANTED <= u64::BITS as usize, "each has a bit");

impl<'a> Removed<'a> {
    /// Those of the unwanted headers of a policy that the request carries. Lane, cluster and slot always are; claims unless they
    /// are believed.
    fn of(settings: &'a Settings, believed: bool, headers: &Headers) -> Self {
        let names = &*settings.claims.headers;
        let unwanted = if believed { names.get(..Claims::HOP) } else { names.get(..UNWANTED) };
        let mut bits = 0;
        for (at, name) in unwanted.unwrap_or(names).iter().enumerate() {
            if headers.has(&**name) {
                bits |= 1 << at;
            }
        }
        Removed { settings: Some(settings), bits }
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let bits = self.bits;
        let names = self.settings.into_iter().flat_map(|settings| &settings.claims.headers).take(UNWANTED);
        names.enumerate().filter(move |(at, _)| bits & 1 << at != 0).map(|(_, name)| &**name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Whether a header of that name is removed.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        !self.is_empty() && self.iter().any(|removed| same(removed.as_bytes(), name))
    }
}

impl Admission<'_> {
    /// How many claims are removed.
    pub fn stripped(&self) -> usize {
        self.removed.len() + usize::from(self.cookies.is_some()) + usize::from(self.baggage.is_some())
    }
}

/// Judges what a request claims of itself. Inlined it would take registers from whoever decides: 6 % more for ten rules.
#[inline(never)]
pub(crate) fn admit<'a>(
    settings: &'a Settings,
    trust: Trust,
    headers: &Headers,
    source_address: impl Fn() -> Option<IpAddr>,
) -> Admission<'a> {
    // Asking the host for the address costs; without a list of trusted sources nobody asks.
    let by_address = trust == Trust::Edge && !settings.trusted.is_empty();
    let is_trusted = |from| settings.trusted.iter().any(|network| network.contains(from));
    let believed = trust == Trust::Mesh || by_address && source_address().is_some_and(is_trusted);
    let removed = Removed::of(settings, believed, headers);
    let (mut cookies, mut baggage) = (None, None);
    if !believed {
        let names = &settings.claims.cookies;
        if !names.is_empty() {
            cookies = headers.without_cookies(&names.iter().map(|name| name.as_bytes()));
        }
        baggage = baggage::without_label(headers);
    }
    Admission { believed, by_address, removed, cookies, baggage }
}
