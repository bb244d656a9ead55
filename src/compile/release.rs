//! A written release -> its segment.

use super::builder::Builder;
use super::cache::cache;
use super::lane::{lanes, told_apart};
use super::mode::{CompiledMode, mode};
use super::schedule::window;
use super::sticky::sticky;
use super::{Context, check, condition, guard, matching};
use crate::arena::{Arena, LaneId};
use crate::condition::{Case, Set};
use crate::error::{At, Problem, Quoted};
use crate::identity;
use crate::limits;
use crate::plan::{Allow, Head, Mode, Overrides, Respond, Rule, Segment};
use crate::policy::{self, Release};
use crate::settings::{Cookie, Settings, Source};
use crate::window::Window;
use graylane_policy::seen::Seen;

/// Compiles a release; of the policy around it only the settings count.
pub(super) fn compile(release: &Release, context: &Context<'_>, at: &mut At<'_>) -> Segment {
    let settings = context.settings;
    let mut builder = Builder::default();
    let name = check::name(release.name.as_ref(), &mut at.key("name")).unwrap_or_default();
    let matches = matching::matches(release.matches.as_ref(), &mut builder.arena, &mut at.key("match"));
    let lanes = lanes(&release.lanes, name, &mut builder, &mut at.key("lanes"));
    told_apart(release, &mut at.key("lanes"));
    let mode = mode(release, name, context, &mut builder, at);
    let preview = preview(release, &mode, &mut builder, at);
    let rules = rules(&release.rules, &mut builder, &mut at.key("rules"));
    let overrides = overrides(&release.overrides, settings, &mut builder, &mut at.key("overrides"));
    let group_cookie = group_cookie(release, settings, &mut at.key("ab").key("cookie"));
    let arena = &mut builder.arena;
    let sticky = sticky(release, name, group_cookie.as_ref(), context, arena, &mut at.key("sticky"));
    let (deny, allow) = lists(release, &mut builder, at);
    let during = window(release.during.as_ref(), &mut at.key("during"));
    let cache = cache(release, context, sticky.as_ref(), &mut builder, &mut at.key("respond"));
    let is_ab = mode.kind == Mode::Ab;
    if release.respond.experiment == Some(true) && !is_ab {
        let at = &mut at.key("respond");
        at.key("experiment").error(Problem::Forbidden, "true", "only an AB release is an experiment");
    }
    if !mode.routes {
        names_no_target(release, at);
    }
    let guard = guard::guard(release.guard.as_ref(), &lanes, mode.base, &builder, &mut at.key("guard"));
    let Builder { mut arena, tests, .. } = builder;
    let (tests, origins) = tests.into_parts();
    let head = Head {
        name: arena.keep(name),
        revision: release.revision.unwrap_or(1),
        off: release.off,
        during,
        mode: mode.kind,
        routes: mode.routes,
        follow: release.follow.unwrap_or_default(),
        base: mode.base,
        lanes: arena.list(lanes),
        overrides,
        rules: arena.list(preview.into_iter().chain(rules)),
        tests: arena.list(tests),
        split: mode.split,
        gates: arena.list(mode.gates),
        audience: mode.audience,
        layer: mode.layer,
        drain: mode.drain,
        deny,
        allow: arena.list(allow),
        sticky,
        group_cookie: group_cookie.map(|cookie| arena.cookie(&cookie)),
        respond: Respond {
            lane: release.respond.lane,
            experiment: release.respond.experiment.unwrap_or(is_ab),
            cache,
        },
        guard: arena.list(guard),
        matches,
    };
    Segment::new(arena, &head, origins)
}

fn group_cookie(release: &Release, settings: &Settings, at: &mut At<'_>) -> Option<Cookie> {
    let written = release.ab.as_ref()?.cookie.as_ref()?;
    let cookie = check::cookie(written, "ab_group", at);
    if settings.id_cookie.as_ref().is_some_and(|id| id.name == cookie.name) {
        at.key("name").error(
            Problem::Duplicate,
            Quoted(&cookie.name),
            "identity.cookie has this name already",
        );
    }
    Some(cookie)
}

/// A release that only names a group says nothing of where requests go.
fn names_no_target(release: &Release, at: &mut At<'_>) {
    let allowed = "this release does not route (ab.route: false)";
    for (index, lane) in release.lanes.iter().enumerate() {
        let mut lanes = at.key("lanes");
        let at = &mut lanes.index(index);
        if let Some(cluster) = &lane.cluster {
            at.key("cluster").error(Problem::Forbidden, Quoted(cluster), allowed);
        }
        if let Some(slot) = lane.weighted_slot {
            at.key("weightedSlot").error(Problem::Forbidden, slot, allowed);
        }
    }
    if release.respond.lane {
        at.key("respond").key("lane").error(Problem::Forbidden, "true", allowed);
    }
}

/// The preview of a blue-green release is a rule that picks the idle lane.
fn preview(release: &Release, mode: &CompiledMode, builder: &mut Builder, at: &mut At<'_>) -> Option<Rule> {
    let written = release.blue_green.as_ref()?.preview.as_ref()?;
    let at = &mut at.key("blueGreen");
    let at = &mut at.key("preview");
    let when = condition::compile(written.when.as_ref(), builder, &mut at.key("when"));
    let idle = LaneId(u8::from(mode.base.0 == 0));
    Some(Rule { name: builder.arena.keep("preview"), when, lane: idle, during: Window::ALWAYS })
}

fn rules(written: &[policy::Rule], builder: &mut Builder, at: &mut At<'_>) -> Vec<Rule> {
    if written.len() > limits::RULES {
        at.error(Problem::TooMany, written.len(), format_args!("at most {} rules", limits::RULES));
        return Vec::new();
    }
    let mut names = Seen::default();
    let mut rules = Vec::with_capacity(written.len());
    for (index, rule) in written.iter().enumerate() {
        let at = &mut at.index(index);
        let name = check::name(rule.name.as_ref(), &mut at.key("name")).unwrap_or_default();
        if let Some(first) = names.before(name, index).filter(|_| !name.is_empty()) {
            let allowed = format_args!("rules[{first}] has this name already");
            at.key("name").error(Problem::Duplicate, Quoted(name), allowed);
        }
        let when = condition::compile(rule.when.as_ref(), builder, &mut at.key("when"));
        let lane = builder.lane(rule.lane.as_deref(), &mut at.key("lane"));
        let during = window(rule.during.as_ref(), &mut at.key("during"));
        let name = builder.arena.keep(name);
        rules.push(Rule { name, when, lane: lane.unwrap_or_default(), during });
    }
    rules
}

/// The lists of gray ids that are never, and always, in a lane.
fn lists<'r>(release: &'r Release, builder: &mut Builder, at: &mut At<'_>) -> (Option<Set>, Vec<Allow>) {
    let mut seen = Seen::default();
    let place_of = |list: usize| list.checked_sub(1).and_then(|at| release.allow.iter().nth(at));
    let mut set = |list: usize, ids: &'r [String], arena: &mut Arena, at: &mut At<'_>| {
        for (index, id) in ids.iter().enumerate() {
            let at = &mut at.index(index);
            if !identity::is_id(id.as_bytes()) {
                let allowed = "an id: no control characters, no space at either end, not too long";
                at.error(Problem::Invalid, Quoted(id), allowed);
            }
            if let Some(other) = seen.before(id, list) {
                let other = place_of(other).map_or("deny", |(lane, _)| lane);
                at.error(Problem::Duplicate, Quoted(id), format_args!("the list for {other} has it already"));
            }
        }
        Set::keep(arena, ids, Case::Kept)
    };
    let deny = set(0, &release.deny, &mut builder.arena, &mut at.key("deny"));
    let mut allow = Vec::with_capacity(release.allow.len());
    let at = &mut at.key("allow");
    for (list, (name, ids)) in release.allow.iter().enumerate() {
        let at = &mut at.key(name);
        let ids = set(list + 1, ids, &mut builder.arena, at);
        if let Some(lane) = builder.lane(Some(name), at) {
            allow.push(Allow { lane, ids });
        }
    }
    (Some(deny).filter(|_| !release.deny.is_empty()), allow)
}

/// What overrides is removed at an edge, so no id can be read from it.
fn is_no_source(source: &Source, name: &str, settings: &Settings, at: &mut At<'_>) {
    if settings.reads_id_from(source) {
        let allowed =
            "ids are read from it (identity.sources); it says who somebody is or forces a lane, not both";
        at.error(Problem::Duplicate, Quoted(name), allowed);
    }
}

fn overrides(
    written: &policy::Overrides,
    settings: &Settings,
    builder: &mut Builder,
    at: &mut At<'_>,
) -> Overrides {
    let header = |name: &String, at: &mut At<'_>| {
        let name = check::header_name(name, at)?;
        if settings.names.all().contains(&name.as_str()) {
            at.error(Problem::Forbidden, Quoted(&name), "the filter itself writes this header");
        } else {
            is_no_source(&Source::Header(name.as_str().into()), &name, settings, at);
        }
        Some(name)
    };
    let headers: Vec<String> = {
        let mut at = at.key("headers");
        let listed = written.headers.iter().enumerate();
        listed.filter_map(|(index, name)| header(name, &mut at.index(index))).collect()
    };
    let rules = written.rules.as_ref().and_then(|name| header(name, &mut at.key("rules")));
    let cookies: Vec<&str> = {
        let mut at = at.key("cookies");
        let listed = written.cookies.iter().enumerate();
        let named = listed.filter_map(|(index, name)| {
            let at = &mut at.index(index);
            let name = check::token(name, at)?;
            is_no_source(&Source::Cookie(name.into()), name, settings, at);
            Some(name)
        });
        named.collect()
    };
    Overrides {
        headers: builder.arena.words(headers.iter().map(String::as_str)),
        rules: rules.map(|name| builder.arena.keep(name)),
        cookies: builder.arena.words(cookies),
    }
}
