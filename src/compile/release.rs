//! A written release -> its segment.

use super::split::{Percent, Share, percent, slots};
use super::{check, condition};
use crate::bucket;
use crate::condition::Test;
use crate::error::{OneOf, Path, PolicyErrors, Problem, Quoted};
use crate::limits;
use crate::plan::{Lane, LaneId, LanePair, Mode, Overrides, Respond, Rule, Segment, Span, Text, position};
use crate::policy::{self, Ab, BlueGreen, Canary, Release};
use crate::split::Slot;

/// Collects the records of a segment.
#[derive(Default)]
pub(super) struct Builder {
    text: Vec<u8>,
    lane_names: Vec<String>,
    labels: Vec<LanePair>,
    fallbacks: Vec<LaneId>,
    tests: Vec<Test>,
    words: Vec<Text>,
}

impl Builder {
    /// Keeps a text.
    pub(super) fn text(&mut self, text: &str) -> Text {
        let start = position(self.text.len());
        self.text.extend_from_slice(text.as_bytes());
        Text { start, len: position(text.len()) }
    }

    /// Keeps a run of words.
    pub(super) fn words<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) -> Span {
        let words: Vec<Text> = words.into_iter().map(|word| self.text(word)).collect();
        extend(&mut self.words, words)
    }

    /// Keeps a run of tests.
    pub(super) fn tests(&mut self, tests: Vec<Test>) -> Span {
        extend(&mut self.tests, tests)
    }

    /// The lane of that name; `path` is where it is named.
    fn lane(&self, name: Option<&String>, path: &Path<'_>, errors: &mut PolicyErrors) -> Option<LaneId> {
        let Some(name) = name else {
            errors.add(path, Problem::Required, "", OneOf(&self.lane_names));
            return None;
        };
        let found = self.lane_names.iter().position(|known| known == name);
        if found.is_none() {
            errors.add(path, Problem::NotFound, Quoted(name), OneOf(&self.lane_names));
        }
        found.and_then(|position| u8::try_from(position).ok()).map(LaneId)
    }
}

fn extend<T>(list: &mut Vec<T>, items: Vec<T>) -> Span {
    let start = position(list.len());
    list.extend(items);
    Span { start, end: position(list.len()) }
}

/// Compiles the release at `path`.
pub(super) fn compile(release: &Release, path: &Path<'_>, errors: &mut PolicyErrors) -> Segment {
    let mut builder = Builder::default();
    let name = check::name(release.name.as_ref(), &path.key("name"), errors).unwrap_or_default();
    let lanes = lanes(&release.lanes, name, &mut builder, &path.key("lanes"), errors);
    let mode = mode(release, name, &builder, path, errors);
    let preview = preview(release, &mode, &mut builder, path, errors);
    let rules = rules(&release.rules, &mut builder, &path.key("rules"), errors);
    let overrides = overrides(&release.overrides, &mut builder, &path.key("overrides"), errors);
    let group_cookie = release
        .ab
        .as_ref()
        .and_then(|ab| ab.cookie.as_ref())
        .map(|cookie| check::cookie(cookie, "ab_group", &path.key("ab").key("cookie"), errors));
    let is_ab = mode.kind == Mode::Ab;
    if release.respond.experiment == Some(true) && !is_ab {
        let path = path.key("respond");
        errors.add(
            &path.key("experiment"),
            Problem::Forbidden,
            "true",
            "only an AB release is an experiment",
        );
    }
    Segment {
        name: builder.text(name),
        revision: release.revision.unwrap_or(1),
        off: release.off,
        mode: mode.kind,
        routes: mode.routes,
        follow: release.follow.unwrap_or_default(),
        base: mode.base,
        salt: mode.salt.map(|salt| builder.text(&salt)),
        slots: mode.slots.into(),
        lanes: lanes.into(),
        rules: preview.into_iter().chain(rules).collect(),
        overrides,
        group_cookie,
        respond: Respond {
            lane: release.respond.lane,
            experiment: release.respond.experiment.unwrap_or(is_ab),
        },
        labels: builder.labels.into(),
        fallbacks: builder.fallbacks.into(),
        tests: builder.tests.into(),
        words: builder.words.into(),
        text: builder.text.into(),
    }
}

fn lanes(
    written: &[policy::Lane],
    release: &str,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Vec<Lane> {
    if written.is_empty() {
        errors.add(path, Problem::Required, "", "at least one lane");
    }
    if written.len() > limits::LANES {
        errors.add(path, Problem::TooMany, written.len(), format_args!("at most {} lanes", limits::LANES));
        return Vec::new();
    }
    builder.lane_names = written.iter().map(|lane| lane.name.clone().unwrap_or_default()).collect();
    written
        .iter()
        .enumerate()
        .map(|(index, lane)| compile_lane(index, lane, release, builder, path, errors))
        .collect()
}

fn compile_lane(
    index: usize,
    lane: &policy::Lane,
    release: &str,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Lane {
    let path = path.index(index);
    let name = check::name(lane.name.as_ref(), &path.key("name"), errors).unwrap_or_default();
    if let Some(first) =
        builder.lane_names.iter().position(|known| known == name).filter(|first| *first < index)
    {
        let allowed = format_args!("lanes[{first}] has this name already");
        errors.add(&path.key("name"), Problem::Duplicate, Quoted(name), allowed);
    }
    if let Some(cluster) = &lane.cluster
        && (cluster.is_empty() || cluster.len() > 253 || !cluster.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        errors.add(&path.key("cluster"), Problem::Invalid, Quoted(cluster), "1 to 253 visible characters");
    }
    let labels = labels(lane, name, release, builder, &path.key("labels"), errors);
    let fallbacks = fallbacks(lane, index, builder, &path.key("fallback"), errors);
    Lane {
        name: builder.text(name),
        cluster: builder.text(lane.cluster.as_deref().unwrap_or_default()),
        weighted_slot: lane.weighted_slot,
        labels,
        unavailable: lane.unavailable,
        fallbacks,
    }
}

fn labels(
    lane: &policy::Lane,
    name: &str,
    release: &str,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Span {
    let mut pairs = Vec::with_capacity(lane.labels.len().max(1));
    for (key, value) in &lane.labels {
        let path = path.key(key);
        check::label_key(key, &path, errors);
        check::label_value(value, &path, errors);
        pairs.push((key.as_str(), value.as_str(), false));
    }
    if pairs.is_empty() {
        pairs.push(("version", name, true));
    }
    if pairs.len() > limits::LABEL_PAIRS {
        errors.add(
            path,
            Problem::TooMany,
            pairs.len(),
            format_args!("at most {} labels", limits::LABEL_PAIRS),
        );
    }
    let pairs = pairs.into_iter().map(|(key, value, implied)| LanePair {
        key: builder.text(key),
        own_key: builder.text(&format!("{release}.{key}")),
        value: builder.text(value),
        implied,
    });
    let pairs: Vec<LanePair> = pairs.collect();
    extend(&mut builder.labels, pairs)
}

fn fallbacks(
    lane: &policy::Lane,
    index: usize,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Span {
    let mut found = Vec::with_capacity(lane.fallback.len());
    for (position, name) in lane.fallback.iter().enumerate() {
        let path = path.index(position);
        let Some(fallback) = builder.lane(Some(name), &path, errors) else { continue };
        if usize::from(fallback.0) == index {
            errors.add(&path, Problem::Invalid, Quoted(name), "another lane than this one");
        }
        if found.contains(&fallback) {
            errors.add(&path, Problem::Duplicate, Quoted(name), "name a lane once");
        }
        found.push(fallback);
    }
    extend(&mut builder.fallbacks, found)
}

/// What the mode of a release comes down to.
struct CompiledMode {
    kind: Mode,
    routes: bool,
    base: LaneId,
    salt: Option<String>,
    slots: Vec<Slot>,
}

fn mode(
    release: &Release,
    name: &str,
    builder: &Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> CompiledMode {
    match (&release.ab, &release.canary, &release.blue_green) {
        (Some(ab), None, None) => ab_mode(ab, builder, &path.key("ab"), errors),
        (None, Some(canary), None) => canary_mode(canary, name, builder, &path.key("canary"), errors),
        (None, None, Some(blue_green)) => {
            blue_green_mode(blue_green, builder, &path.key("blueGreen"), errors)
        }
        (None, None, None) => {
            errors.add(path, Problem::Required, "", "one mode: ab, canary or blueGreen");
            no_mode()
        }
        _ => {
            errors.add(path, Problem::Forbidden, "", "a release has one mode: ab, canary or blueGreen");
            no_mode()
        }
    }
}

/// Stands in for a mode that could not be read; the plan is thrown away.
fn no_mode() -> CompiledMode {
    CompiledMode { kind: Mode::BlueGreen, routes: true, base: LaneId(0), salt: None, slots: Vec::new() }
}

fn canary_mode(
    canary: &Canary,
    name: &str,
    builder: &Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> CompiledMode {
    let stable = builder.lane(canary.stable.as_ref(), &path.key("stable"), errors);
    let candidates_path = path.key("candidates");
    if canary.candidates.is_empty() {
        errors.add(&candidates_path, Problem::Required, "", "at least one lane with a percentage");
    }
    let mut taken: Vec<LaneId> = stable.into_iter().collect();
    let mut shares = Vec::with_capacity(canary.candidates.len());
    for (index, candidate) in canary.candidates.iter().enumerate() {
        let path = candidates_path.index(index);
        let lane = own_lane(candidate.lane.as_ref(), &mut taken, builder, &path.key("lane"), errors);
        let lane = lane.unwrap_or_default();
        shares.push(Share { lane, percent: candidate.percent, slot: candidate.slot.as_ref(), index });
    }
    let slots = slots(&shares, "percent", &candidates_path, errors);
    let salt = canary.salt.as_deref().unwrap_or(name);
    check::salt(salt, &path.key("salt"), errors);
    CompiledMode {
        kind: Mode::Canary,
        routes: true,
        base: stable.unwrap_or_default(),
        salt: Some(salt.to_owned()),
        slots,
    }
}

fn ab_mode(ab: &Ab, builder: &Builder, path: &Path<'_>, errors: &mut PolicyErrors) -> CompiledMode {
    let groups_path = path.key("groups");
    if ab.groups.len() < 2 {
        errors.add(&groups_path, Problem::Required, "", "at least two groups");
    }
    let control = match &ab.control {
        Some(name) => {
            let named = ab.groups.iter().position(|group| group.lane.as_ref() == Some(name));
            if named.is_none() {
                let lanes: Vec<&str> = ab.groups.iter().filter_map(|group| group.lane.as_deref()).collect();
                errors.add(&path.key("control"), Problem::NotFound, Quoted(name), OneOf(&lanes));
            }
            named.unwrap_or(0)
        }
        None => 0,
    };
    let mut taken = Vec::with_capacity(ab.groups.len());
    let mut base = LaneId::default();
    let mut shares = Vec::with_capacity(ab.groups.len());
    for (index, group) in ab.groups.iter().enumerate() {
        let path = groups_path.index(index);
        let lane =
            own_lane(group.lane.as_ref(), &mut taken, builder, &path.key("lane"), errors).unwrap_or_default();
        if index == control {
            base = lane;
            if group.slot.is_some() {
                let allowed = "the control group has what the others leave; give slots to the others";
                errors.add(&path.key("slot"), Problem::Forbidden, "", allowed);
            }
        } else {
            shares.push(Share { lane, percent: group.weight, slot: group.slot.as_ref(), index });
        }
    }
    let slots = slots(&shares, "weight", &groups_path, errors);
    weights_add_up(ab, control, &slots, &groups_path, errors);
    let salt = ab.salt.clone();
    match &salt {
        Some(salt) => check::salt(salt, &path.key("salt"), errors),
        None => errors.add(
            &path.key("salt"),
            Problem::Required,
            "",
            "a text of your own, like the name and the month",
        ),
    }
    CompiledMode { kind: Mode::Ab, routes: ab.route.unwrap_or(true), base, salt, slots }
}

/// The control group has what the others leave; if it says a weight, it must be that.
fn weights_add_up(ab: &Ab, control: usize, slots: &[Slot], path: &Path<'_>, errors: &mut PolicyErrors) {
    let Some(written) = ab.groups.get(control).and_then(|group| group.weight) else { return };
    let path = path.index(control);
    let path = path.key("weight");
    let Some(weight) = percent(Some(written), &path, errors) else { return };
    let others: u32 = slots.iter().map(|slot| u32::from(slot.fill)).sum();
    let rest = u32::from(bucket::COUNT).saturating_sub(others);
    if slots.len() + 1 == ab.groups.len() && u32::from(weight) != rest {
        let rest = u16::try_from(rest).unwrap_or_default();
        let allowed = format_args!("weights must add up to 100; the others leave {}", Percent(rest));
        errors.add(&path, Problem::Invalid, Percent(weight), allowed);
    }
}

fn blue_green_mode(
    blue_green: &BlueGreen,
    builder: &Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> CompiledMode {
    let active = builder.lane(blue_green.active.as_ref(), &path.key("active"), errors);
    if builder.lane_names.len() != 2 {
        let allowed = "blue-green has exactly two lanes";
        errors.add(path, Problem::Invalid, format_args!("{} lanes", builder.lane_names.len()), allowed);
    }
    CompiledMode {
        kind: Mode::BlueGreen,
        routes: true,
        base: active.unwrap_or_default(),
        salt: None,
        slots: Vec::new(),
    }
}

/// A lane that nothing else of the mode has yet.
fn own_lane(
    name: Option<&String>,
    taken: &mut Vec<LaneId>,
    builder: &Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Option<LaneId> {
    let lane = builder.lane(name, path, errors)?;
    if taken.contains(&lane) {
        errors.add(path, Problem::Duplicate, Quoted(name.map_or("", String::as_str)), "each lane once");
    }
    taken.push(lane);
    Some(lane)
}

/// The preview of a blue-green release is a rule that picks the idle lane.
fn preview(
    release: &Release,
    mode: &CompiledMode,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Option<Rule> {
    let written = release.blue_green.as_ref()?.preview.as_ref()?;
    let path = path.key("blueGreen");
    let path = path.key("preview");
    let tests = condition::compile(written.when.as_ref(), builder, &path.key("when"), errors);
    let idle = LaneId(u8::from(mode.base.0 == 0));
    Some(Rule { name: builder.text("preview"), tests, lane: idle })
}

fn rules(
    written: &[policy::Rule],
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Vec<Rule> {
    let mut names: Vec<&str> = Vec::with_capacity(written.len());
    let mut rules = Vec::with_capacity(written.len());
    for (index, rule) in written.iter().enumerate() {
        let path = path.index(index);
        let name = check::name(rule.name.as_ref(), &path.key("name"), errors).unwrap_or_default();
        if let Some(first) = names.iter().position(|known| *known == name).filter(|_| !name.is_empty()) {
            let allowed = format_args!("rules[{first}] has this name already");
            errors.add(&path.key("name"), Problem::Duplicate, Quoted(name), allowed);
        }
        names.push(name);
        let tests = condition::compile(rule.when.as_ref(), builder, &path.key("when"), errors);
        let lane = builder.lane(rule.lane.as_ref(), &path.key("lane"), errors);
        rules.push(Rule { name: builder.text(name), tests, lane: lane.unwrap_or_default() });
    }
    rules
}

fn overrides(
    written: &policy::Overrides,
    builder: &mut Builder,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Overrides {
    let headers_path = path.key("headers");
    let named = written.headers.iter().enumerate();
    let headers: Vec<String> = named
        .filter_map(|(index, name)| check::header_name(name, &headers_path.index(index), errors))
        .collect();
    let rules = written.rules.as_ref().and_then(|name| check::header_name(name, &path.key("rules"), errors));
    let cookies_path = path.key("cookies");
    let named = written.cookies.iter().enumerate();
    let cookies: Vec<&str> =
        named.filter_map(|(index, name)| check::token(name, &cookies_path.index(index), errors)).collect();
    Overrides {
        headers: builder.words(headers.iter().map(String::as_str)),
        rules: rules.map(|name| builder.text(&name)),
        cookies: builder.words(cookies),
    }
}
