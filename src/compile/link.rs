//! Settings and segments -> a plan: the index over all releases, and what requests may claim under them.
//!
//! A release is compiled without knowing of the others; only here do they meet. A release that is replaced needs a
//! new link, not a new compilation of the others.

use super::split::percent_shown;
use crate::arena::position;
use crate::error::{At, Problem, Quoted};
use crate::gate::{Gate, Outside};
use crate::index::{Conflict, Index};
use crate::limits;
use crate::pattern::Place;
use crate::plan::{Head, Plan, Segment};
use crate::settings::{Claims, Settings};

/// Links the segments of a policy; `at` is the list of its releases.
pub(super) fn link(mut settings: Settings, segments: Vec<Segment>, at: &mut At<'_>) -> Plan {
    let order: Vec<u32> = (0..position(segments.len())).collect();
    let mut tell = |release: Option<u32>, tell: &dyn Fn(&mut At<'_>)| match release {
        Some(release) => tell(&mut at.index(release as usize)),
        None => tell(at),
    };
    let meeting = Meeting { segments: &segments, order: &order, are_listed: true };
    let (claims, index) = meeting.link(&settings, &mut tell);
    settings.claims = claims;
    Plan { settings, index, segments }
}

/// Where mistakes go: the release at fault, none where all of them are together, and what tells it at its place.
type Tell<'t> = dyn FnMut(Option<u32>, &dyn Fn(&mut At<'_>)) + 't;

/// Releases that meet.
pub(super) struct Meeting<'a> {
    pub(super) segments: &'a [Segment],
    /// Those that take part, by their positions. Of two that cannot be together the later one is at fault.
    pub(super) order: &'a [u32],
    /// Whether they stand in a list, and are told by their places in it.
    pub(super) are_listed: bool,
}

impl<'a> Meeting<'a> {
    /// What requests may claim under them, and the index over them.
    pub(super) fn link(&self, settings: &Settings, tell: &mut Tell<'_>) -> (Claims, Index) {
        let claims = self.claims(settings);
        let count = claims.len() - settings.claims.len();
        if count > limits::OVERRIDE_NAMES {
            tell(None, &|at| {
                let allowed = format_args!(
                    "at most {} override headers and cookies in all releases together",
                    limits::OVERRIDE_NAMES
                );
                at.error(Problem::TooMany, count, allowed);
            });
        }
        self.sticky_is_no_override(&claims, tell);
        self.layers_do_not_overlap(tell);
        let mut index = Index::default();
        for release in self.order {
            // One message a release: the others would say the same.
            if let Err((place, conflict)) = index.add(self.segments, *release) {
                tell(Some(*release), &|at| self.report(&place, conflict, &mut at.key("match")));
            }
        }
        (claims, index)
    }

    fn segments(&self) -> impl Iterator<Item = (u32, &'a Segment)> {
        self.order.iter().filter_map(|at| Some((*at, self.segments.get(*at as usize)?)))
    }

    /// A release as messages name it.
    fn name(&self, release: u32) -> String {
        let name = self.segments.get(release as usize).map_or(&[][..], Segment::name);
        let name = String::from_utf8_lossy(name);
        if self.are_listed { format!("releases[{release}] ({name})") } else { format!("release {name}") }
    }

    /// A cookie that overrides is removed at an edge, so it cannot remember.
    fn sticky_is_no_override(&self, claims: &Claims, tell: &mut Tell<'_>) {
        for (release, segment) in self.segments() {
            let Some(sticky) = segment.head().sticky else { continue };
            let name = String::from_utf8_lossy(segment.text(sticky.cookie.name));
            if claims.cookies.iter().any(|claim| **claim == *name) {
                tell(Some(release), &|at| {
                    let mut at = at.key("sticky");
                    let allowed =
                        "a release has this cookie as an override; a cookie remembers or forces, not both";
                    at.key("cookie").key("name").error(Problem::Duplicate, Quoted(&name), allowed);
                });
            }
        }
    }

    /// Experiments of one layer never share a user, unless they are never on at the same time; one that is off never is.
    fn layers_do_not_overlap(&self, tell: &mut Tell<'_>) {
        let part_of = |segment: &Segment| {
            let Head { gates, layer, off, .. } = segment.head();
            if off {
                return None;
            }
            let gate = segment.block().list(gates).find(|gate| gate.outside == Outside::Layer)?;
            // Of a part that is nobody's nobody is shared.
            (gate.from < gate.to).then_some((layer?, gate))
        };
        let parts: Vec<_> = self
            .segments()
            .filter_map(|(release, segment)| Some((release, segment, part_of(segment)?)))
            .collect();
        for (index, (release, segment, (layer, gate))) in parts.iter().enumerate() {
            let meets = |(_, other, (other_layer, other_gate)): &&(u32, &Segment, (u32, Gate))| {
                layer == other_layer
                    && gate.from < other_gate.to
                    && other_gate.from < gate.to
                    && segment.head().during.meets(&other.head().during)
            };
            if let Some((other, ..)) = parts.iter().take(index).find(meets) {
                tell(Some(*release), &|at| {
                    let value = format!(
                        "{} to {}",
                        percent_shown(gate.from, gate.buckets),
                        percent_shown(gate.to, gate.buckets)
                    );
                    let other = self.name(*other);
                    let allowed = format_args!(
                        "{other} has a part of this in the same layer; give each a part of its own"
                    );
                    at.key("ab").key("traffic").error(Problem::Duplicate, value, allowed);
                });
            }
        }
    }

    /// What requests may claim: the settings' own, and the overrides of all releases.
    fn claims(&self, settings: &Settings) -> Claims {
        let headers = self.segments().flat_map(|(_, segment)| {
            let (block, Head { overrides, .. }) = (segment.block(), segment.head());
            block.words(overrides.headers).chain(overrides.rules.map(|name| block.text(name)))
        });
        let cookies =
            self.segments().flat_map(|(_, segment)| segment.block().words(segment.head().overrides.cookies));
        Claims::new(&settings.names, &settings.sources, headers, cookies)
    }

    fn report(&self, place: &Place<'_>, conflict: Conflict, at: &mut At<'_>) {
        match conflict {
            Conflict::Routed(other) => {
                let other = self.name(other);
                let allowed = format_args!("{other} routes it already; one release routes a host and path");
                at.error(Problem::Duplicate, place, allowed);
            }
            Conflict::TooManyGroups => {
                let allowed = format_args!("at most {} AB tests without a route", limits::GOVERNING - 1);
                at.error(Problem::TooMany, place, allowed);
            }
        }
    }
}

/// Whether two versions of a release are the same to all others: the same places, part of a layer, overrides and cookie.
pub(super) fn meet_alike(one: &Segment, other: &Segment) -> bool {
    seen_by_others(one) == seen_by_others(other)
}

fn seen_by_others(segment: &Segment) -> impl PartialEq + use<'_> {
    let (block, head) = (segment.block(), segment.head());
    let hosts: Vec<_> = head.matches.hosts(block).collect();
    let paths: Vec<_> = head.matches.paths(block).collect();
    let gate = block.list(head.gates).find(|gate| gate.outside == Outside::Layer);
    let part = gate.filter(|_| !head.off).map(|gate| (head.layer, gate.from, gate.to, head.during));
    let headers: Vec<_> = block.words(head.overrides.headers).collect();
    let cookies: Vec<_> = block.words(head.overrides.cookies).collect();
    let rules = head.overrides.rules.map(|name| block.text(name));
    let sticky = head.sticky.map(|sticky| block.text(sticky.cookie.name));
    ((head.routes, hosts, paths), part, (headers, rules, cookies), sticky)
}
