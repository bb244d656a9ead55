//! What is wrong with a change of a policy.

use graylane::error::{FieldError, Problem};

use super::report::{Changes, Release, Unexplained, percent_told, rounded};
use super::{Guarantee, Side, State};
use crate::check::Severity;

/// What is wrong, with its places in the policy as it is now.
pub(super) fn findings(before: Side<'_>, now: Side<'_>, changes: &Changes) -> Vec<(Severity, FieldError)> {
    let mut findings: Vec<(Severity, FieldError)> = changes.releases.iter().filter_map(of_release).collect();
    let (was, is) = (before.policy.version, now.policy.version);
    if is <= was && before.policy != now.policy {
        let allowed = format!("it should grow with every change: in {} it is {was}", before.name);
        findings.push(warning("version", allowed));
    }
    findings
}

fn of_release(release: &Release) -> Option<(Severity, FieldError)> {
    let path = format!("{}.revision", release.path);
    let (was, is) = (release.revision.before, release.revision.now);
    let error = |allowed| {
        let (problem, value) = if release.is_written {
            (Problem::Invalid, is.to_string())
        } else {
            (Problem::Required, String::new())
        };
        (Severity::Error, FieldError { path: path.clone(), problem, value, allowed })
    };
    // A name that is new may begin anew.
    if is < was && release.name_before.is_none() {
        return Some(error(format!("must not go down; before, it was {was}")));
    }
    if release.guarantee == Guarantee::Holds || is > was {
        return None;
    }
    let raised = was.saturating_add(1);
    let cookies = if release.revision_forgets { ", which drops its sticky cookies as well" } else { "" };
    let allowed = format!("raise it to {raised} if this is meant{cookies}: {}", told(release));
    Some(match release.state {
        // Nobody is in its lanes now. Whoever was before it was switched off comes back.
        State::StillOff | State::SwitchedOn => warning(&path, format!("{allowed}; it was off before")),
        State::On | State::SwitchedOff => error(allowed),
    })
}

fn warning(path: &str, allowed: String) -> (Severity, FieldError) {
    let warning =
        FieldError { path: path.to_owned(), problem: Problem::Warning, value: String::new(), allowed };
    (Severity::Warning, warning)
}

/// So many of the moves are told; all of them stand in the report.
const TOLD: usize = 3;

fn told(release: &Release) -> String {
    let place = |name: &Option<String>| name.clone().unwrap_or_else(|| "outside".to_owned());
    let way = |one: &Unexplained| format!("from {} to {}", place(&one.from), place(&one.to));
    let anew = if release.guarantee == Guarantee::DealtAnew { "everybody is dealt anew: " } else { "" };
    if let [one] = release.unexplained.as_slice() {
        let (share, way) = (percent_told(one.percent), way(one));
        return format!("{anew}{share} of all users move {way} though no share asks for it");
    }
    let all = percent_told(rounded(release.unexplained.iter().map(|one| one.percent).sum::<f64>() / 100.0));
    let each = release.unexplained.iter().take(TOLD);
    let each: Vec<String> = each.map(|one| format!("{} {}", percent_told(one.percent), way(one))).collect();
    let more = match release.unexplained.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{anew}{all} of all users move though no share asks for it ({}{more})", each.join(", "))
}
