//! Settings and segments -> a plan: the index over all releases, and what requests may claim under them.
//!
//! A release is compiled without knowing of the others; only here do they meet. A release that is replaced needs a
//! new link, not a new compilation of the others.

use std::sync::Arc;

use crate::error::{At, Problem};
use crate::index::{Conflict, Index};
use crate::limits;
use crate::pattern::Place;
use crate::plan::{Plan, Segment};
use crate::settings::{Claims, Settings};

/// Links the segments of a policy; `at` is the list of its releases.
pub(super) fn link(mut settings: Settings, segments: Vec<Arc<Segment>>, at: &mut At<'_>) -> Plan {
    let claims = claims(&settings, &segments);
    let count = claims.len() - settings.claims.len();
    if count > limits::OVERRIDE_NAMES {
        let allowed = format_args!(
            "at most {} override headers and cookies in all releases together",
            limits::OVERRIDE_NAMES
        );
        at.error(Problem::TooMany, count, allowed);
    }
    settings.claims = claims;
    let mut index = Index::default();
    for (position, segment) in (0_u32..).zip(&segments) {
        let conflict = segment.matches.pairs().find_map(|(host, path)| {
            let conflict = index.add(host, path, position, segment.routes).err()?;
            Some((Place { host, path }, conflict))
        });
        // One message a release: the others would say the same.
        if let Some((place, conflict)) = conflict {
            report(&place, conflict, &segments, at.index(position as usize).key("match"));
        }
    }
    Plan { settings, index, segments }
}

/// What requests may claim: the settings' own, and the overrides of all releases.
fn claims(settings: &Settings, segments: &[Arc<Segment>]) -> Claims {
    let headers = segments.iter().flat_map(|segment| {
        let rules = segment.overrides.rules.map(|name| segment.text(name));
        segment.arena.words(segment.overrides.headers).chain(rules)
    });
    let cookies = segments.iter().flat_map(|segment| segment.arena.words(segment.overrides.cookies));
    Claims::new(&settings.names, &settings.sources, headers, cookies)
}

fn report(place: &Place<'_>, conflict: Conflict, segments: &[Arc<Segment>], mut at: At<'_>) {
    match conflict {
        Conflict::Routed(other) => {
            let name = segments.get(other as usize).map_or(&[][..], |segment| segment.name());
            let name = String::from_utf8_lossy(name);
            let allowed = format_args!(
                "releases[{other}] ({name}) routes it already; one release routes a host and path"
            );
            at.error(Problem::Duplicate, place, allowed);
        }
        Conflict::TooManyGroups => {
            let allowed = format_args!("at most {} AB tests without a route", limits::GOVERNING - 1);
            at.error(Problem::TooMany, place, allowed);
        }
    }
}
