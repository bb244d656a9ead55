//! The first step of every decision: what of a request is believed, and what is removed before anything reads it.
//!
//! It happens for every request, governed or not: a claim that slips through an ungoverned path would be believed
//! one hop later. Lane, cluster and slot say where *this* hop sends a request, so they are removed from whatever
//! comes in, at an edge and in the mesh. Claims (group, label, overrides) come from the hop before in the mesh,
//! and from trusted sources at an edge; from anybody else they are removed. The gray id is an identity, not a
//! right: it is accepted from anybody, unless the policy takes it from elsewhere.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::baggage;
use crate::limits;
use crate::policy::Trust;
use crate::request::Headers;
use crate::settings::Settings;

/// Header names that [`Admission::removed`] may hold: three of the hop and all claims.
const REMOVED: usize = 3 + limits::CLAIMS;

/// What of a request is believed, and what is removed from it.
#[derive(Debug, Clone, Default)]
pub struct Admission<'a> {
    /// Whether the claims of the request count.
    pub believed: bool,
    /// Headers that the request carries and that are removed.
    pub removed: ArrayVec<&'a str, REMOVED>,
    /// The cookies without those that claim something; empty when nothing is left.
    pub cookies: Option<Vec<u8>>,
    /// The baggage without the traffic label; empty when nothing is left.
    pub baggage: Option<Vec<u8>>,
}

impl Admission<'_> {
    /// How many claims are removed.
    pub fn stripped(&self) -> usize {
        self.removed.len() + usize::from(self.cookies.is_some()) + usize::from(self.baggage.is_some())
    }
}

/// Judges what a request claims of itself.
pub(crate) fn admit<'a>(
    settings: &'a Settings,
    trust: Trust,
    headers: &Headers,
    source_address: impl Fn() -> Option<IpAddr>,
) -> Admission<'a> {
    let Settings { names, claims, .. } = settings;
    let hop = [&*names.lane, &*names.cluster, &*names.slot];
    let believed = match trust {
        Trust::Mesh => true,
        // Asking the host for the address costs; without a list of trusted sources nobody asks.
        Trust::Edge => {
            !settings.trusted.is_empty()
                && source_address()
                    .is_some_and(|address| settings.trusted.iter().any(|network| network.contains(address)))
        }
    };
    let claimed = if believed { &[] } else { &*claims.headers };
    let unwanted = hop.into_iter().chain(claimed.iter().map(AsRef::as_ref));
    // As many as a policy may name fit; `take` keeps that from ever being a trap.
    let removed = unwanted.filter(|name| headers.has(*name)).take(REMOVED).collect();
    let (mut cookies, mut baggage) = (None, None);
    if !believed {
        cookies = headers.without_cookies(&claims.cookies.iter().map(|name| name.as_bytes()));
        baggage = baggage::without_label(headers);
    }
    Admission { believed, removed, cookies, baggage }
}
