//! What of a release two Ingresses cannot say, besides rules.

use graylane::error::{FieldError, Problem};
use graylane::policy::{Cache, Overrides, Release};

use super::shape::Shape;
use super::{Options, without_port};
use crate::check::Severity;

/// Tells what is lost.
pub(super) fn tell(
    release: &Release,
    shape: &Shape,
    at: &str,
    options: &Options,
    told: &mut Vec<(Severity, FieldError)>,
) {
    let mut add = |severity, key: &str, what: &str| {
        let path = if key.is_empty() { at.to_owned() } else { format!("{at}.{key}") };
        let (value, allowed) = (String::new(), what.to_owned());
        told.push((severity, FieldError { path, problem: Problem::Warning, value, allowed }));
    };
    of_match(release, &mut add);
    if !shape.others.is_empty() {
        let what = format!(
            "ingress-nginx has one canary beside a service: {} is rendered, {} cannot be",
            shape.candidate,
            shape.others.join(", ")
        );
        add(Severity::Warning, mode(release), &what);
    }
    if options.decided_before {
        let what = format!(
            "ingress-nginx follows header {}: who can reach it around the listener with graylane chooses the lane",
            graylane::headers::LANE
        );
        add(Severity::Note, "", &what);
        return;
    }
    if shape.share > 0 && shape.share < 10_000 {
        let what = "nobody stays in a lane: ingress-nginx throws dice for each request. With a listener with graylane before it, --decided-before keeps them";
        add(Severity::Warning, mode(release), what);
    }
    of_shares(release, &mut add);
    of_people(release, &mut add);
}

fn mode(release: &Release) -> &'static str {
    match (&release.canary, &release.ab) {
        (Some(_), _) => "canary",
        (None, Some(_)) => "ab",
        (None, None) => "blueGreen",
    }
}

type Add<'a> = dyn FnMut(Severity, &str, &str) + 'a;

fn of_match(release: &Release, add: &mut Add<'_>) {
    let hosts = release.matches.iter().flat_map(|matches| &matches.hosts).enumerate();
    for (index, host) in hosts {
        let key = format!("match.hosts[{index}]");
        if without_port(host) != host {
            add(Severity::Warning, &key, "an Ingress has no port; the host is rendered for every port");
        }
        if host.starts_with("*.") {
            add(
                Severity::Note,
                &key,
                "ingress-nginx takes one name in place of the *, a policy takes any number",
            );
        }
    }
}

fn of_shares(release: &Release, add: &mut Add<'_>) {
    let ramps = release.canary.iter().flat_map(|canary| &canary.candidates).enumerate();
    for (index, _) in ramps.filter(|(_, candidate)| candidate.ramp.is_some()) {
        let key = format!("canary.candidates[{index}].ramp");
        add(Severity::Warning, &key, "an Ingress has no ramp; the weight is 0, change it by hand");
    }
    if let Some(ab) = &release.ab {
        let parts = [
            ("ab.layer", ab.layer.is_some()),
            ("ab.traffic", ab.traffic.is_some()),
            ("ab.holdout", ab.holdout > 0.0),
            ("ab.audience", ab.audience.is_some()),
        ];
        for (key, _) in parts.into_iter().filter(|(_, is_there)| *is_there) {
            add(
                Severity::Warning,
                key,
                "everybody is in the experiment, since an Ingress cannot leave anybody out",
            );
        }
    }
    if let Some(mode) = &release.blue_green {
        let parts =
            [("blueGreen.preview", mode.preview.is_some()), ("blueGreen.drain", mode.drain.is_some())];
        for (key, _) in parts.into_iter().filter(|(_, is_there)| *is_there) {
            add(Severity::Warning, key, "an Ingress cannot say it");
        }
    }
    if release.during.is_some() {
        add(Severity::Warning, "during", "an Ingress counts from when it is applied until it is removed");
    }
}

fn of_people(release: &Release, add: &mut Add<'_>) {
    let parts = [
        ("overrides", release.overrides != Overrides::default(), "nothing overrides a lane"),
        ("deny", !release.deny.is_empty(), "ingress-nginx does not know who a user is"),
        ("allow", !release.allow.is_empty(), "ingress-nginx does not know who a user is"),
        ("sticky", release.sticky.is_some(), "no cookie keeps a lane"),
    ];
    for (key, _, what) in parts.into_iter().filter(|(_, is_there, _)| *is_there) {
        add(Severity::Warning, key, what);
    }
    for (index, lane) in release.lanes.iter().enumerate() {
        if lane.unavailable || !lane.fallback.is_empty() {
            let what = "no lane steps in for another";
            add(Severity::Warning, &format!("lanes[{index}]"), what);
        }
        if !lane.labels.is_empty() {
            add(Severity::Warning, &format!("lanes[{index}].labels"), "requests get no traffic label");
        }
    }
    let respond = &release.respond;
    if respond.lane
        || respond.experiment == Some(true)
        || matches!(respond.cache, Some(Cache::Private | Cache::Vary))
    {
        let what = "clients and caches are told nothing: where a shared cache stands before ingress-nginx, it may hand the page of one lane to users of another";
        add(Severity::Note, "respond", what);
    }
}
