//! Decision -> effects, as values. The host applies them; nothing here does anything.

use std::borrow::Cow;
use std::io::Write;

use crate::arena::LaneId;
use crate::baggage;
use crate::bytes::before;
use crate::decision::{Decision, Entry, Reason};
use crate::headers;
use crate::identity::GrayId;
use crate::limits;
use crate::plan::{Cache, Head, Mode, Plan, Segment};
use crate::policy::Follow;
use crate::request::Pairs;
use crate::settings::Cookie;
use crate::sticky;

/// A change to the headers of a request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit<'a> {
    /// The header.
    pub name: Cow<'a, str>,
    /// What happens to it.
    pub change: Change<'a>,
}

/// What happens to a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// It stands once, with this value, however often it stood before.
    Set(Cow<'a, [u8]>),
    /// It stands once more, with this value.
    Append(Cow<'a, [u8]>),
    /// It does not stand any more.
    Remove,
}

impl Edit<'_> {
    /// The edit on its own, free of the request and the plan.
    pub fn into_owned(self) -> Edit<'static> {
        let change = match self.change {
            Change::Set(value) => Change::Set(Cow::Owned(value.into_owned())),
            Change::Append(value) => Change::Append(Cow::Owned(value.into_owned())),
            Change::Remove => Change::Remove,
        };
        Edit { name: Cow::Owned(self.name.into_owned()), change }
    }
}

fn set<'a>(name: &'a str, value: impl Into<Cow<'a, [u8]>>) -> Edit<'a> {
    Edit { name: Cow::Borrowed(name), change: Change::Set(value.into()) }
}

fn append(name: &str, value: Vec<u8>) -> Edit<'_> {
    Edit { name: Cow::Borrowed(name), change: Change::Append(Cow::Owned(value)) }
}

/// What is counted of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// A release decided, for this reason.
    Decided(Reason),
    /// No release governs the request, or everything is off.
    Ungoverned,
    /// Claims that were removed.
    Stripped,
    /// Pairs of a traffic label that were dropped.
    LabelPairsDropped,
}

impl Counter {
    /// Every counter.
    pub fn all() -> impl Iterator<Item = Counter> {
        let others = [Counter::Ungoverned, Counter::Stripped, Counter::LabelPairsDropped];
        Reason::ALL.into_iter().map(Counter::Decided).chain(others)
    }
}

/// What a decision does: to the request, to the response, to the counters.
#[derive(Debug, Clone)]
pub struct Effects<'a> {
    /// Edits of the request headers, each header at most once.
    pub request: Vec<Edit<'a>>,
    /// Edits of the response headers, to be kept until the response comes.
    pub response: Vec<Edit<'a>>,
    /// Whether no shared cache may keep the response: see [`private`].
    pub is_private: bool,
}

/// The `Cache-Control` of a response that came with these, once no shared cache may keep it: without `public`, `s-maxage` and
/// another `private`, and with `private`. The rest stays, so browsers do as before.
///
/// Source: RFC 9111, section 5.2.2.
pub fn private<'v>(values: impl Iterator<Item = &'v [u8]>) -> Vec<u8> {
    let mut out = b"private".to_vec();
    let directives = values.flat_map(directives).map(<[u8]>::trim_ascii);
    for directive in directives.filter(|directive| !directive.is_empty()) {
        let name = before(directive, b'=').trim_ascii();
        let gone = [b"public".as_slice(), b"private", b"s-maxage"];
        if !gone.iter().any(|gone| name.eq_ignore_ascii_case(gone)) {
            extend_list(&mut out, &[directive]);
        }
    }
    out
}

/// The elements of a list, whose commas count outside of quotes alone.
///
/// Source: RFC 9110, sections 5.6.1 and 5.6.4.
fn directives(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    line.split(move |byte| {
        let is_plain = !std::mem::take(&mut is_escaped);
        is_quoted ^= is_plain && *byte == b'"';
        is_escaped = is_plain && is_quoted && *byte == b'\\';
        !is_quoted && *byte == b','
    })
}

/// The effects of `decision`.
pub fn effects<'a>(plan: &'a Plan, decision: &'a Decision<'_>) -> Effects<'a> {
    let mut effects = Effects { request: Vec::new(), response: Vec::new(), is_private: false };
    let writer = Writer { plan, decision };
    if decision.is_governed() {
        effects.request.reserve(8);
        writer.lane(&mut effects);
        writer.identity(&mut effects);
        writer.groups(&mut effects);
        writer.memories(&mut effects.response);
        writer.caches(&mut effects);
        writer.label(&mut effects);
    }
    writer.strip(&mut effects.request);
    if decision.facts.header(headers::DEBUG).is_some() && !decision.entries.is_empty() {
        effects.response.push(set(headers::DECISION, summary(plan, decision)));
    }
    effects
}

/// The decision as one line of text, for the access log; empty when nothing governs the request:
/// `user-svc;lane=v2;reason=split;bucket=1234`, one for each release, separated by commas. `served=` is another lane that serves, and
/// `because=guard` says that a guard has tripped.
pub fn summary(plan: &Plan, decision: &Decision<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for entry in &decision.entries {
        let Some(segment) = plan.release(entry.release) else { continue };
        extend_list(&mut out, &[segment.name()]);
        if let Some(assigned) = entry.assigned {
            out.extend_from_slice(b";lane=");
            out.extend_from_slice(segment.lane_name(assigned));
        }
        if let Some(served) = entry.served.filter(|served| Some(*served) != entry.assigned) {
            out.extend_from_slice(b";served=");
            out.extend_from_slice(segment.lane_name(served));
        }
        if entry.is_guarded {
            out.extend_from_slice(b";because=guard");
        }
        out.extend_from_slice(b";reason=");
        out.extend_from_slice(entry.reason.as_str().as_bytes());
        if let Some(rule) = entry.rule {
            out.extend_from_slice(b";rule=");
            out.extend_from_slice(segment.rule_name(rule));
        }
        if let Some(bucket) = entry.bucket {
            // Writing into memory does not fail.
            let _ = write!(out, ";bucket={bucket}");
        }
        if let Some(outside) = entry.outside {
            out.extend_from_slice(b";outside=");
            out.extend_from_slice(outside.as_str().as_bytes());
        }
    }
    out
}

/// What is counted of `decision`, with how many.
pub fn counts(decision: &Decision<'_>) -> impl Iterator<Item = (Counter, u64)> {
    let decided = decision.entries.iter().map(|entry| (Counter::Decided(entry.reason), 1));
    let others = [
        (Counter::Ungoverned, u64::from(decision.entries.is_empty())),
        (Counter::Stripped, decision.facts.admission().stripped() as u64),
        (Counter::LabelPairsDropped, u64::from(decision.facts.dropped_label_pairs())),
    ];
    decided.chain(others).filter(|(_, count)| *count > 0)
}

struct Writer<'a, 'd> {
    plan: &'a Plan,
    decision: &'a Decision<'d>,
}

impl<'a> Writer<'a, '_> {
    /// The releases that chose a lane, the one that routes first.
    fn chosen(&self) -> impl Iterator<Item = (&'a Segment, &'a Entry, LaneId)> + Clone + use<'a> {
        let (plan, decision) = (self.plan, self.decision);
        decision.entries.iter().filter_map(|entry| Some((plan.release(entry.release)?, entry, entry.served?)))
    }

    /// The headers that routes look at, and the lane for the client.
    fn lane(&self, effects: &mut Effects<'a>) {
        let names = self.plan.names();
        let Some((segment, _, served)) = self.chosen().find(|(segment, ..)| segment.head().routes) else {
            return;
        };
        let Some(lane) = segment.lane(served) else { return };
        let name = segment.text(lane.name);
        effects.request.push(set(&names.lane, name));
        if let Some(cluster) = segment.lane_cluster(served) {
            effects.request.push(set(&names.cluster, cluster));
        }
        if let Some(slot) = lane.weighted_slot {
            effects.request.push(set(&names.slot, slot.to_string().into_bytes()));
        }
        if segment.head().respond.lane {
            effects.response.push(set(&names.lane, name));
        }
    }

    /// The gray id for the next hop, and a fresh one for the client.
    fn identity(&self, effects: &mut Effects<'a>) {
        match &self.decision.id {
            None | Some(GrayId::Sent { in_header: true, .. }) => {}
            Some(id) => effects.request.push(set(&self.plan.names().id, id.as_bytes())),
        }
        if let (Some(GrayId::Fresh(id)), Some(cookie)) = (&self.decision.id, &self.plan.settings.id_cookie) {
            set_cookie(&mut effects.response, cookie.as_bytes(), id);
        }
    }

    /// The groups of AB tests, upstream and downstream.
    ///
    /// A group that alone stands is written bare (`B`), several as a list (`button=B, banner=A`). Groups that the hop
    /// before set are kept; where it set the same one it has told the client already.
    fn groups(&self, effects: &mut Effects<'a>) {
        let facts = &self.decision.facts;
        let experiments = self.chosen().filter(|(segment, entry, _)| entry.is_part(segment));
        let own = experiments.map(|(segment, entry, _)| {
            (segment, segment.lane_name(entry.assigned.unwrap_or(segment.head().base)))
        });
        let Some((_, first)) = own.clone().next() else { return };
        let bare = Some(first).filter(|_| own.clone().nth(1).is_none());
        let is_own = |element: &[u8]| {
            let names = |name: &[u8]| element.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"="));
            Some(element) == bare || own.clone().any(|(segment, _)| names(segment.name()))
        };
        // The next hop reads so much and no more: there is room for our own before there is for others.
        let room = |(count, bytes): (usize, usize), (segment, group): (&Segment, &[u8])| {
            (count + 1, bytes + ", =".len() + segment.name().len() + group.len())
        };
        let (count, bytes) = own.clone().fold((0, 0), room);
        let mut groups = Vec::new();
        let others = facts.groups().filter(|element| !is_own(element));
        for other in others.take(limits::GROUPS.saturating_sub(count)) {
            if groups.len() + ", ".len() + other.len() + bytes > limits::LABEL {
                break;
            }
            extend_list(&mut groups, &[other]);
        }
        let alone = bare.filter(|_| groups.is_empty());
        let mut ids = Vec::new();
        for (segment, group) in own.clone() {
            if alone.is_none() {
                extend_list(&mut groups, &[segment.name(), b"=", group]);
            }
            let is_this = |element: &[u8]| {
                let rest = element.strip_prefix(segment.name()).and_then(|rest| rest.strip_prefix(b"="));
                Some(element) == bare || rest == Some(group)
            };
            if !facts.groups().any(is_this) {
                self.tell_client(segment, group, &mut ids, &mut effects.response);
            }
        }
        let names = self.plan.names();
        effects
            .request
            .push(alone.map_or_else(|| set(&names.group, groups), |group| set(&names.group, group)));
        if !ids.is_empty() {
            effects.response.push(append(&names.experiment, ids));
        }
    }

    /// Tells the client its group: `button;group=B;rev=1` among the `ids` of experiments, and the cookie.
    fn tell_client(&self, segment: &Segment, group: &[u8], ids: &mut Vec<u8>, response: &mut Vec<Edit<'a>>) {
        if segment.head().respond.experiment {
            ids.reserve(64);
            extend_list(ids, &[segment.name(), b";group=", group]);
            // Writing into memory does not fail.
            let _ = write!(ids, ";rev={}", segment.revision());
        }
        if let Some(cookie) = segment.head().group_cookie {
            let cookie = segment.block().cookie(cookie);
            if Pairs::default().cookie(self.decision.facts.raw_headers(), cookie.name) != Some(group) {
                set_cookie(response, cookie, group);
            }
        }
    }

    /// The cookies that remember lanes: of whoever the split placed, or a blue-green release, unless the request brought the same.
    /// Of a canary the stable lane is not remembered: its users are those who have not been dealt in yet.
    fn memories(&self, response: &mut Vec<Edit<'a>>) {
        let decision = self.decision;
        let id = decision.id.as_ref().map(GrayId::as_bytes);
        for (segment, entry, _) in self.chosen() {
            let Head { sticky, mode, base, .. } = segment.head();
            let (Some(sticky), Some(lane)) = (sticky, entry.assigned) else { continue };
            let is_placed = match entry.reason {
                Reason::Split | Reason::Sticky => entry.outside.is_none(),
                Reason::Default => mode == Mode::BlueGreen,
                _ => false,
            };
            if !is_placed || mode == Mode::Canary && lane == base {
                continue;
            }
            let value = sticky::remember(segment, &sticky, &self.plan.settings, lane, id);
            let Some(value) = value else { continue };
            let cookie = segment.block().cookie(sticky.cookie);
            if decision.facts.cookie(cookie.name) != Some(value.as_slice()) {
                set_cookie(response, cookie, &value);
            }
        }
    }

    /// What shared caches are told.
    fn caches(&self, effects: &mut Effects<'a>) {
        for (segment, ..) in self.chosen() {
            match segment.head().respond.cache {
                None => {}
                Some(Cache::Private) => effects.is_private = true,
                Some(Cache::Vary(names)) => {
                    effects.is_private |= self.rests_on_no_header();
                    effects.response.push(append(headers::VARY, segment.text(names).to_vec()));
                }
            }
        }
    }

    /// Whether a request with the same headers could be decided otherwise: its id was drawn, or it claims something that counts from
    /// other addresses alone.
    fn rests_on_no_header(&self) -> bool {
        let admission = self.decision.facts.admission();
        let is_drawn = matches!(self.decision.id, Some(GrayId::Fresh(_)));
        is_drawn || admission.by_address && (admission.believed || admission.stripped() > 0)
    }

    /// The traffic label with the lane's labels merged in, in its header and in the baggage, so that both say the same.
    fn label(&self, effects: &mut Effects<'a>) {
        let facts = &self.decision.facts;
        let label = facts.label();
        let lanes = self.chosen().filter_map(|(segment, _, served)| Some((segment, segment.lane(served)?)));
        let labels = lanes.flat_map(|(segment, lane)| {
            let is_own = segment.head().follow == Follow::Own;
            let written = segment.labels_of(&lane).filter(|label| !label.implied);
            written.map(move |label| {
                let key = if is_own { label.own_key } else { label.key };
                (segment.text(key), segment.text(label.value))
            })
        });
        let changes = label.dropped() > 0 || labels.clone().any(|(key, value)| label.get(key) != Some(value));
        if !changes && label.is_empty() {
            return;
        }
        let text = if changes { label.merge(&labels) } else { label.text().to_vec() };
        // A member that is not believed goes with what is stripped, whatever it says.
        let is_there = || baggage::label(facts.raw_headers()).as_deref() == Some(text.as_slice());
        if !facts.admission().believed || !is_there() {
            effects.request.push(set(headers::BAGGAGE, baggage::with_label(facts.raw_headers(), &text)));
        }
        let name = &*self.plan.names().label;
        if facts.header(name) != Some(text.as_slice()) {
            effects.request.push(set(name, text));
        }
    }

    /// Removes what was not believed, unless it is set anyway.
    fn strip(&self, edits: &mut Vec<Edit<'a>>) {
        let admission = self.decision.facts.admission();
        let is_set = |edits: &[Edit<'a>], name: &str| edits.iter().any(|edit| edit.name == name);
        for name in admission.removed.iter() {
            if !is_set(edits, name) {
                edits.push(Edit { name: Cow::Borrowed(name), change: Change::Remove });
            }
        }
        for (name, left) in [(headers::COOKIE, &admission.cookies), (headers::BAGGAGE, &admission.baggage)] {
            let Some(left) = left.as_deref().filter(|_| !is_set(edits, name)) else { continue };
            let change = if left.is_empty() { Change::Remove } else { Change::Set(left.into()) };
            edits.push(Edit { name: Cow::Borrowed(name), change });
        }
    }
}

/// Sets a cookie, unless the response sets one of that name already.
fn set_cookie(response: &mut Vec<Edit<'_>>, cookie: Cookie<&[u8]>, value: &[u8]) {
    let is_same = |edit: &Edit<'_>| match &edit.change {
        Change::Append(set) => set.strip_prefix(cookie.name).is_some_and(|rest| rest.starts_with(b"=")),
        _ => false,
    };
    if !response.iter().any(|edit| edit.name == headers::SET_COOKIE && is_same(edit)) {
        response.push(append(headers::SET_COOKIE, cookie.set(value)));
    }
}

/// Appends an element to a comma-separated list.
pub(crate) fn extend_list(list: &mut Vec<u8>, element: &[&[u8]]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    for part in element {
        list.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decision::decide;
    use crate::given::Given;
    use crate::policy::Trust;

    #[test]
    fn what_is_private_keeps_what_else_was_said() {
        for (sent, then) in [
            (&[][..], "private"),
            (&["public, max-age=60", "s-maxage=5"], "private, max-age=60"),
            (&["private=\"a, b\", max-age=5"], "private, max-age=5"),
            (&[r#"ext="x, \", public, y", no-cache"#], r#"private, ext="x, \", public, y", no-cache"#),
            (&["PUBLIC , ,no-store"], "private, no-store"),
        ] {
            let values = sent.iter().map(|value| value.as_bytes());
            assert_eq!(
                private(values).escape_ascii().to_string(),
                then.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn of_more_groups_than_a_hop_reads_those_that_it_sets_itself_arrive() {
        let release = |name: &str, route: bool| {
            json!({
                "name": name, "match": {}, "lanes": [{"name": "A"}, {"name": "B"}],
                "ab": {"salt": name, "groups": [{"lane": "A", "weight": 100}, {"lane": "B", "weight": 0}], "route": route},
                "respond": {"experiment": true, "cache": "private"},
            })
        };
        let releases = [release("banner", true), release("button", false)];
        let policy = json!({"language": 1, "releases": releases}).to_string();
        let plan = crate::compile_node(&serde_json::from_str(&policy).unwrap()).unwrap();
        let hop = |sent: &str| {
            let headers = [("x-gray-id", "u-1"), ("x-abtest-group", sent)].into_iter().collect();
            let request = Given { headers, ..Given::default() };
            let decision = decide(&plan, Trust::Mesh, &request);
            let effects = effects(&plan, &decision);
            let set = effects.request.iter().find(|edit| edit.name == "x-abtest-group").unwrap();
            let Change::Set(groups) = &set.change else { panic!("{set:?}") };
            (String::from_utf8(groups.to_vec()).unwrap(), effects.response.len())
        };
        let many = (0..40).map(|number| format!("e{number}=A"));
        let long = (0..20).map(|number| format!("e{number}={}", "A".repeat(199)));
        for sent in [many.collect::<Vec<_>>(), long.collect()] {
            let (set, told) = hop(&sent.join(", "));
            assert!(set.ends_with("A, banner=A, button=A") && set.len() <= limits::LABEL, "{set}");
            assert!(set.split(", ").count() <= limits::GROUPS && told > 0, "{set}");
            let (again, told_again) = hop(&set);
            assert!(again.contains("banner=A") && again.contains("button=A"), "{again}");
            assert!(told_again < told, "a client is told once: {told_again}");
        }
    }
}
