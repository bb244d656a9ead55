//! Rules that no request ever reaches: something before them takes every request of which they hold.

use super::form::Form;
use super::settled::settled;
use super::{Good, Steps, condition};
use crate::arena::Text;
use crate::condition::Jump;
use crate::error::At;
use crate::limits;
use crate::plan::{LanePair, Rule};
use crate::policy::{Follow, Policy};
use crate::window::Window;

/// A rule with its condition; the preview of a blue-green release is the first one.
struct Written<'p> {
    /// Where it stands, for messages.
    shown: String,
    form: Form<'p>,
    /// Whether it always or never holds where the release governs; `None` where that is not certain.
    holds: Option<bool>,
    rule: Rule,
    /// When it counts: its time as far as it is the release's.
    during: Window,
}

impl Written<'_> {
    fn always_holds(&self) -> bool {
        self.rule.when == Jump::HOLDS || self.holds == Some(true)
    }

    fn never_holds(&self) -> bool {
        self.rule.when == Jump::FAILS || self.holds == Some(false)
    }
}

/// Something that comes before the rules: where it holds, no rule is asked.
struct Earlier<'p> {
    form: Form<'p>,
    why: String,
}

/// Warns of rules of a release that are never reached, and of what its conditions say for nothing; `at` is the release.
pub(super) fn warn(release: &Good<'_>, policy: &Policy, at: &mut At<'_>) {
    let steps = &mut Steps(limits::COMPARISONS);
    let places = &Form::of_places(release);
    let mut known = Vec::new();
    let mut of_audience = None;
    release.conditions(at, &mut |condition, rule, at| {
        let is_told = condition::warn(condition, policy, steps, at);
        let holds = settled(places, condition, &Form::of(condition), steps);
        match holds.filter(|_| !is_told) {
            Some(true) => at.warning("this always holds: every request that the release matches passes it"),
            Some(false) => at.warning("this can never hold: no request that the release matches passes it"),
            None => {}
        }
        // An experiment has no preview, and what has one no audience.
        if release.written.ab.is_some() && rule.is_none() { of_audience = holds } else { known.push(holds) }
    });
    let rules = rules(release, known);
    let earlier = if rules.is_empty() { Vec::new() } else { earlier(release) };
    let previews = usize::from(release.preview().is_some());
    let mut is_told = false;
    for (index, rule) in rules.iter().enumerate() {
        // That it can never hold has been said.
        if rule.never_holds() {
            continue;
        }
        let (before, after) = rules.split_at(index);
        let before: Vec<&Written<'_>> = before
            .iter()
            .filter(|before| !before.never_holds() && contains(&before.during, &rule.during))
            .collect();
        let always = before.iter().find(|before| before.always_holds());
        let why = match always {
            _ if is_empty(&rule.during) => {
                Some("never counts: the release is not on at any time at which this rule is".to_owned())
            }
            // Said once: of whatever follows it is true as well.
            Some(always) => (!std::mem::replace(&mut is_told, true)).then(|| always_before(always, after)),
            None => taken_before(rule, places, &earlier, &before, steps),
        };
        let Some(why) = why else { continue };
        match index.checked_sub(previews) {
            Some(index) => at.key("rules").index(index).warning(why),
            None => at.key("blueGreen").key("preview").warning(why),
        }
    }
    if of_audience != Some(false) {
        audience(release, places, &rules, steps, at);
    }
}

/// An experiment whose audience all goes to a rule.
fn audience(
    release: &Good<'_>,
    places: &Form<'_>,
    rules: &[Written<'_>],
    steps: &mut Steps,
    at: &mut At<'_>,
) {
    let Some(audience) = release.written.ab.as_ref().and_then(|ab| ab.audience.as_ref()) else { return };
    let form = Form::of(audience);
    let on = release.segment.head().during;
    let mut taken = |rule: &&Written<'_>| {
        let depends = !rule.always_holds() && !rule.never_holds();
        depends && contains(&rule.during, &on) && form.implies_given(places, &rule.form, steps)
    };
    if let Some(rule) = rules.iter().find(|rule| taken(rule)) {
        let shown = &rule.shown;
        at.key("ab").key("audience").warning(format_args!(
            "the split gives the experiment nobody: {shown} holds whenever this does, and comes first"
        ));
    }
}

/// Why none of the rules from the first of `after` on is reached: one before them always holds.
fn always_before(always: &Written<'_>, after: &[Written<'_>]) -> String {
    let is_taken = |rule: &&Written<'_>| !rule.never_holds() && contains(&always.during, &rule.during);
    let others = match after.iter().skip(1).filter(is_taken).count() {
        0 => String::new(),
        1 => ", nor is a rule after it".to_owned(),
        count => format!(", nor are {count} rules after it"),
    };
    format!("never reached{others}: {} always holds; move that to the end, or narrow it", always.shown)
}

/// Why a rule is not reached, if it is certain that it is not.
fn taken_before(
    rule: &Written<'_>,
    places: &Form<'_>,
    earlier: &[Earlier<'_>],
    before: &[&Written<'_>],
    steps: &mut Steps,
) -> Option<String> {
    if let Some(earlier) =
        earlier.iter().find(|earlier| rule.form.implies_given(places, &earlier.form, steps))
    {
        return Some(format!("never reached: {}", earlier.why));
    }
    let before = before.iter().find(|before| rule.form.implies_given(places, &before.form, steps))?;
    let shown = &before.shown;
    Some(if before.form.implies_given(places, &rule.form, steps) {
        format!("never reached: {shown} holds of the same requests; remove one of the two")
    } else if shown == PREVIEW {
        format!("never reached: {shown} holds whenever this does; narrow that, or remove this rule")
    } else {
        format!("never reached: {shown} holds whenever this does; write this one before it, or remove it")
    })
}

/// The preview, as messages name it.
const PREVIEW: &str = "blueGreen.preview";

/// The rules in the order in which they are tried; `known` says of each whether it always or never holds, where that is certain.
fn rules<'p>(release: &Good<'p>, known: Vec<Option<bool>>) -> Vec<Written<'p>> {
    let preview = release.preview().map(|when| (PREVIEW.to_owned(), when));
    let written = release.written.rules.iter().enumerate().filter_map(|(index, rule)| {
        let name = rule.name.as_deref().unwrap_or_default();
        Some((format!("rules[{index}] ({name})"), rule.when.as_ref()?))
    });
    let compiled = release.segment.rules();
    let during = |rule: &Rule| meet(&rule.during, &release.segment.head().during);
    let all = preview.into_iter().chain(written).zip(compiled);
    let all = all.zip(known.into_iter().chain(std::iter::repeat(None)));
    all.map(|(((shown, when), rule), holds)| Written {
        shown,
        form: Form::of(when),
        holds,
        during: during(&rule),
        rule,
    })
    .collect()
}

/// What is tried before any rule and takes whatever it holds of: overrides, the label, lists of ids.
fn earlier<'p>(release: &Good<'p>) -> Vec<Earlier<'p>> {
    let mut earlier = Vec::new();
    let written = release.written;
    let lanes = || written.lanes.iter().filter_map(|lane| lane.name.as_deref());
    let overrides = [("header", &written.overrides.headers), ("cookie", &written.overrides.cookies)];
    for (key, names) in overrides {
        earlier.extend(names.iter().map(|name| Earlier {
            form: Form::one_of(key, name, lanes()),
            why: format!("wherever it holds, {key} {name} names a lane, and overrides come first; remove it"),
        }));
    }
    let follow = written.follow.unwrap_or_default();
    for (_, lane) in release.segment.lanes() {
        let pairs = release.segment.labels_of(&lane);
        // To which lane is not told: to another, where that has more labels that the traffic carries.
        let carried = |key: fn(&LanePair) -> Text| Earlier {
            form: Form::All(pairs.clone().map(|pair| labelled(release, key(&pair), pair.value)).collect()),
            why:
                "wherever it holds, the traffic label leads to a lane, and comes first; remove it, or write \
                  follow: none"
                    .to_owned(),
        };
        earlier.extend((follow != Follow::None).then(|| carried(|pair| pair.own_key)));
        earlier.extend((follow == Follow::Chain).then(|| carried(|pair| pair.key)));
    }
    let listed = || written.deny.iter().chain(written.allow.iter().flat_map(|(_, ids)| ids));
    if listed().next().is_some() {
        let form = Form::one_of("id", "", listed().map(String::as_str));
        let why = "deny and allow list every id of which it holds, and come first; remove it".to_owned();
        earlier.push(Earlier { form, why });
    }
    earlier
}

/// That the traffic label has a pair.
fn labelled<'p>(release: &Good<'p>, key: Text, value: Text) -> Form<'p> {
    let text = |text| std::str::from_utf8(release.segment.text(text)).unwrap_or_default();
    Form::one_of("label", text(key), std::iter::once(text(value)))
}

/// The time that is in both.
fn meet(one: &Window, other: &Window) -> Window {
    let until = one.until.into_iter().chain(other.until).min();
    Window { from: one.from.max(other.from), until }
}

fn is_empty(window: &Window) -> bool {
    window.from.zip(window.until).is_some_and(|(from, until)| from >= until)
}

/// Whether `inner` is open only while `outer` is.
fn contains(outer: &Window, inner: &Window) -> bool {
    let starts = outer.from.is_none_or(|outer| inner.from.is_some_and(|inner| outer <= inner));
    starts && outer.until.is_none_or(|outer| inner.until.is_some_and(|inner| inner <= outer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn window(from: Option<i64>, until: Option<i64>) -> Window {
        Window { from: from.map(Timestamp::from_seconds), until: until.map(Timestamp::from_seconds) }
    }

    #[test]
    fn a_window_contains_another_that_it_is_open_all_the_time_of() {
        let always = Window::ALWAYS;
        let day = window(Some(10), Some(20));
        assert!(contains(&always, &day) && !contains(&day, &always));
        assert!(contains(&day, &day) && contains(&day, &window(Some(12), Some(20))));
        assert!(!contains(&day, &window(Some(9), Some(20))) && !contains(&day, &window(Some(10), None)));
        assert!(contains(&window(Some(10), None), &day) && !contains(&window(None, Some(19)), &day));
    }

    #[test]
    fn windows_meet_in_what_both_have() {
        assert_eq!(meet(&window(Some(1), None), &window(None, Some(5))), window(Some(1), Some(5)));
        assert!(is_empty(&meet(&window(Some(5), None), &window(None, Some(5)))));
        assert!(!is_empty(&meet(&window(Some(4), Some(9)), &window(None, Some(5)))));
    }
}
