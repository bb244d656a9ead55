//! A written release -> its segment.

use super::builder::Builder;
use super::lane::lanes;
use super::mode::{CompiledMode, mode};
use super::{check, condition};
use crate::arena::LaneId;
use crate::error::{At, Problem, Quoted};
use crate::plan::{Mode, Overrides, Respond, Rule, Segment};
use crate::policy::{self, Release};

/// Compiles the release at `path`.
pub(super) fn compile(release: &Release, at: &mut At<'_>) -> Segment {
    let mut builder = Builder::default();
    let name = check::name(release.name.as_ref(), &mut at.key("name")).unwrap_or_default();
    let lanes = lanes(&release.lanes, name, &mut builder, &mut at.key("lanes"));
    let mode = mode(release, name, &builder, at);
    let preview = preview(release, &mode, &mut builder, at);
    let rules = rules(&release.rules, &mut builder, &mut at.key("rules"));
    let overrides = overrides(&release.overrides, &mut builder, &mut at.key("overrides"));
    let group_cookie = release
        .ab
        .as_ref()
        .and_then(|ab| ab.cookie.as_ref())
        .map(|cookie| check::cookie(cookie, "ab_group", &mut at.key("ab").key("cookie")));
    let is_ab = mode.kind == Mode::Ab;
    if release.respond.experiment == Some(true) && !is_ab {
        let at = &mut at.key("respond");
        at.key("experiment").error(Problem::Forbidden, "true", "only an AB release is an experiment");
    }
    Segment {
        name: builder.arena.keep(name),
        revision: release.revision.unwrap_or(1),
        off: release.off,
        mode: mode.kind,
        routes: mode.routes,
        follow: release.follow.unwrap_or_default(),
        base: mode.base,
        salt: mode.salt.map(|salt| builder.arena.keep(&salt)),
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
        arena: builder.arena,
    }
}

/// The preview of a blue-green release is a rule that picks the idle lane.
fn preview(release: &Release, mode: &CompiledMode, builder: &mut Builder, at: &mut At<'_>) -> Option<Rule> {
    let written = release.blue_green.as_ref()?.preview.as_ref()?;
    let at = &mut at.key("blueGreen");
    let at = &mut at.key("preview");
    let tests = condition::compile(written.when.as_ref(), builder, &mut at.key("when"));
    let idle = LaneId(u8::from(mode.base.0 == 0));
    Some(Rule { name: builder.arena.keep("preview"), tests, lane: idle })
}

fn rules(written: &[policy::Rule], builder: &mut Builder, at: &mut At<'_>) -> Vec<Rule> {
    let mut names: Vec<&str> = Vec::with_capacity(written.len());
    let mut rules = Vec::with_capacity(written.len());
    for (index, rule) in written.iter().enumerate() {
        let at = &mut at.index(index);
        let name = check::name(rule.name.as_ref(), &mut at.key("name")).unwrap_or_default();
        if let Some(first) = names.iter().position(|known| *known == name).filter(|_| !name.is_empty()) {
            let allowed = format_args!("rules[{first}] has this name already");
            at.key("name").error(Problem::Duplicate, Quoted(name), allowed);
        }
        names.push(name);
        let tests = condition::compile(rule.when.as_ref(), builder, &mut at.key("when"));
        let lane = builder.lane(rule.lane.as_ref(), &mut at.key("lane"));
        rules.push(Rule { name: builder.arena.keep(name), tests, lane: lane.unwrap_or_default() });
    }
    rules
}

fn overrides(written: &policy::Overrides, builder: &mut Builder, at: &mut At<'_>) -> Overrides {
    let headers: Vec<String> = {
        let mut at = at.key("headers");
        let named = written.headers.iter().enumerate();
        named.filter_map(|(index, name)| check::header_name(name, &mut at.index(index))).collect()
    };
    let rules = written.rules.as_ref().and_then(|name| check::header_name(name, &mut at.key("rules")));
    let cookies: Vec<&str> = {
        let mut at = at.key("cookies");
        let named = written.cookies.iter().enumerate();
        named.filter_map(|(index, name)| check::token(name, &mut at.index(index))).collect()
    };
    Overrides {
        headers: builder.arena.keep_words(headers.iter().map(String::as_str)),
        rules: rules.map(|name| builder.arena.keep(&name)),
        cookies: builder.arena.keep_words(cookies),
    }
}
