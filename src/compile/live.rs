//! A plan whose releases come and go one by one, as where each stands under a key of its own.
//!
//! A release that others cannot stand beside does not displace them: it is refused, and what was in force of it stays. As
//! long as a release is the same to all others (a percentage, a rule, a lane changed), nothing else is touched.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::link::{Meeting, meet_alike};
use super::{Context, gate, keys, language, release, settings};
use crate::arena::position;
use crate::error::{At, Path, PolicyErrors};
use crate::plan::{Plan, Segment};
use crate::policy::{Holdout, Layer, Map, Policy, Release};
use crate::settings::Settings;

/// As often releases that cannot stand beside others are taken out and the rest is tried again.
const ROUNDS: usize = 8;

/// A plan that changes release by release.
#[derive(Debug, Default)]
pub struct Live {
    /// As they are without releases.
    settings: Settings,
    layers: Vec<Layer>,
    holdout: Option<Holdout>,
    plan: Plan,
    /// Where each release stands in the plan. A place that a release has left stays empty until another takes it.
    places: BTreeMap<String, u32>,
    free: Vec<u32>,
    staged: BTreeMap<String, Option<Segment>>,
    changed: Changed,
}

/// What of a plan is not as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// What requests may claim, and whatever else is said for all releases.
    pub settings: bool,
    /// Which releases govern which requests.
    pub index: bool,
    /// Releases, by their positions.
    pub releases: BTreeSet<u32>,
}

impl Changed {
    /// Whether anything is.
    pub fn is_something(&self) -> bool {
        self.settings || self.index || !self.releases.is_empty()
    }
}

/// Mistakes by the release in which they are.
type Faults = BTreeMap<String, PolicyErrors>;

impl Live {
    /// A plan without releases, under the settings of `policy` and these keys.
    ///
    /// # Errors
    /// Every mistake in the settings, with paths from their root.
    pub fn under(policy: &Policy, secrets: &Map<String>) -> Result<Self, PolicyErrors> {
        let mut errors = PolicyErrors::default();
        let ids = secrets.iter().map(|(id, _)| id);
        let secrets = keys::compile(secrets, &mut At::new(Path::Root.key("keys"), &mut errors));
        errors.conceal_keys(&Path::Root.key("keys"), ids);
        let at = &mut At::new(Path::Root, &mut errors);
        language(policy, at);
        let settings = settings::compile(policy, Some(secrets), at);
        let (layers, holdout) = (policy.layers.clone(), policy.holdout.clone());
        let live = Live {
            plan: Plan { settings: settings.clone(), ..Plan::default() },
            settings,
            layers,
            holdout,
            changed: Changed { settings: true, index: true, ..Changed::default() },
            ..Live::default()
        };
        gate::layers(&live.context(), at);
        errors.into_result(live)
    }

    fn context(&self) -> Context<'_> {
        Context {
            settings: &self.settings,
            layers: &self.layers,
            holdout: self.holdout.as_ref(),
            uncached: Cell::new(0),
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The releases in force, by their names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// What is not as it was when it was taken last.
    pub fn changed(&self) -> &Changed {
        &self.changed
    }

    /// What is not as it was when this was asked last.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// Compiles a release that is to be in force with the next [`commit`](Self::commit).
    ///
    /// # Errors
    /// Every mistake in it by itself, with paths from its root. What was in force of it stays.
    pub fn stage(&mut self, release: &Release) -> Result<(), PolicyErrors> {
        let mut errors = PolicyErrors::default();
        let segment = release::compile(release, &self.context(), &mut At::new(Path::Root, &mut errors));
        let segment = errors.into_result(segment)?;
        self.staged.insert(release.name.clone().unwrap_or_default(), Some(segment));
        Ok(())
    }

    /// Has a release be gone with the next [`commit`](Self::commit).
    pub fn stage_removal(&mut self, name: &str) {
        self.staged.insert(name.to_owned(), None);
    }

    /// Puts in force what was staged, as far as releases can stand beside each other: where two cannot, the one that was in
    /// force already stays, and of two new ones the first by name.
    ///
    /// Returns the releases that were refused, and why; what was in force of them stays.
    pub fn commit(&mut self) -> Vec<(String, PolicyErrors)> {
        let mut staged = std::mem::take(&mut self.staged);
        staged.retain(|name, segment| self.is_change(name, segment.as_ref()));
        let mut refused = Faults::new();
        if !self.all_meet_alike(&staged) {
            self.relink(&mut staged, &mut refused);
        }
        for (name, segment) in staged {
            let at = self.place(&name);
            self.put(at, segment.clone().unwrap_or_default());
            self.changed.releases.insert(at);
            if segment.is_none() {
                self.places.remove(&name);
                self.free.push(at);
            }
        }
        refused.into_iter().collect()
    }

    /// Whether a release is another one than what is in force of it.
    fn is_change(&self, name: &str, new: Option<&Segment>) -> bool {
        let old = self.places.get(name).and_then(|at| self.plan.segments.get(*at as usize));
        old.map(|old| old.block().0) != new.map(|new| new.block().0)
    }

    fn all_meet_alike(&self, staged: &BTreeMap<String, Option<Segment>>) -> bool {
        staged.iter().all(|(name, new)| {
            let old = self.places.get(name).and_then(|at| self.plan.segments.get(*at as usize));
            old.zip(new.as_ref()).is_some_and(|(old, new)| meet_alike(old, new))
        })
    }

    /// Takes out of `staged` what cannot stand beside the rest, and makes claims and index anew.
    fn relink(&mut self, staged: &mut BTreeMap<String, Option<Segment>>, refused: &mut Faults) {
        let before = self.plan.segments.clone();
        let free = self.free.clone();
        let added: Vec<String> =
            staged.keys().filter(|name| !self.places.contains_key(name.as_str())).cloned().collect();
        for round in 0..=ROUNDS {
            let mut faults = Faults::new();
            let mut for_all = PolicyErrors::default();
            for (name, segment) in staged.iter() {
                let at = self.place(name);
                self.put(at, segment.clone().unwrap_or_default());
            }
            let names_of: BTreeMap<u32, &String> =
                staged.keys().filter_map(|name| Some((*self.places.get(name)?, name))).collect();
            let old = self.places.iter().filter(|(name, _)| !staged.contains_key(*name)).map(|(_, at)| *at);
            let new = staged.keys().filter_map(|name| self.places.get(name)).copied();
            let order: Vec<u32> = old.chain(new).collect();
            let meeting = Meeting { segments: &self.plan.segments, order: &order, are_listed: false };
            let (claims, index) = meeting.link(&self.settings, &mut |release, tell| {
                let name = release.and_then(|release| names_of.get(&release));
                let errors = name.map_or(&mut for_all, |name| faults.entry((*name).clone()).or_default());
                tell(&mut At::new(Path::Root, errors));
            });
            let is_good = faults.is_empty() && for_all.is_empty();
            if is_good {
                self.changed.settings |= claims != self.plan.settings.claims;
                self.changed.index = true;
                self.plan.settings.claims = claims;
                self.plan.index = index;
                self.order_groups();
                return;
            }
            // What no release of these is at fault for by itself, or not in so many rounds, all of them are.
            if faults.is_empty() || round == ROUNDS {
                for_all.append(faults.into_values());
                faults = staged.keys().map(|name| (name.clone(), for_all.clone())).collect();
            }
            self.plan.segments.clone_from(&before);
            for name in &added {
                self.places.remove(name);
            }
            self.free.clone_from(&free);
            staged.retain(|name, _| !faults.contains_key(name));
            refused.append(&mut faults);
            if staged.is_empty() {
                return;
            }
        }
    }

    /// Groups are told in the order of the names, whatever came first: so all proxies tell them alike.
    fn order_groups(&mut self) {
        if !self.has_groups() {
            return;
        }
        let order: Vec<u32> = self.places.values().copied().collect();
        let meeting = Meeting { segments: &self.plan.segments, order: &order, are_listed: false };
        (_, self.plan.index) = meeting.link(&self.settings, &mut |_, _| {});
    }

    /// Whether a release only names groups. A place that a release has left does not.
    fn has_groups(&self) -> bool {
        let mut releases = self.plan.segments.iter().filter(|segment| !segment.block().0.is_empty());
        releases.any(|segment| !segment.head().routes)
    }

    /// The place of a release, a new one where it has none.
    fn place(&mut self, name: &str) -> u32 {
        if let Some(at) = self.places.get(name) {
            return *at;
        }
        let at = self.free.pop().unwrap_or_else(|| position(self.plan.segments.len()));
        self.places.insert(name.to_owned(), at);
        at
    }

    fn put(&mut self, at: u32, segment: Segment) {
        match self.plan.segments.get_mut(at as usize) {
            Some(place) => *place = segment,
            None => self.plan.segments.push(segment),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::given::Given;
    use crate::policy::Trust;
    use crate::read::read;

    fn live() -> Live {
        let layers = json!({"language": 1, "layers": [{"name": "page"}]}).to_string();
        let policy = read(&serde_json::from_str(&layers).unwrap(), &Path::Root, &mut PolicyErrors::default());
        Live::under(&policy, &Map::default()).unwrap()
    }

    fn stage(live: &mut Live, release: &Value) {
        let text = release.to_string();
        let mut errors = PolicyErrors::default();
        let release: Release = read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut errors);
        errors.into_result(()).unwrap();
        live.stage(&release).unwrap();
    }

    fn told(refused: &[(String, PolicyErrors)]) -> Vec<String> {
        refused.iter().map(|(name, errors)| format!("{name}: {errors}").trim().to_owned()).collect()
    }

    fn canary(name: &str, host: &str) -> Value {
        json!({
            "name": name, "match": {"hosts": [host]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 0}]},
        })
    }

    fn test(name: &str, (from, to): (u32, u32)) -> Value {
        json!({
            "name": name, "match": {"hosts": ["shop"]}, "lanes": [{"name": "A"}, {"name": "B"}],
            "ab": {
                "salt": name, "route": false, "layer": "page", "traffic": {"from": from, "to": to},
                "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}],
            },
        })
    }

    /// Which release routes requests to a host.
    fn router(live: &Live, host: &str) -> Option<String> {
        let headers = [(":authority", host), (":path", "/"), ("x-gray-id", "u-1")].into_iter().collect();
        let request = Given { headers, ..Given::default() };
        let decision = crate::decide(live.plan(), Trust::Mesh, &request);
        let segment = live.plan().release(decision.entries.first()?.release)?;
        Some(String::from_utf8_lossy(segment.name()).into_owned())
    }

    #[test]
    fn a_release_does_not_displace_the_one_that_has_its_place() {
        let mut live = live();
        stage(&mut live, &canary("old", "shop"));
        assert_eq!(live.commit(), []);
        stage(&mut live, &canary("another", "shop"));
        stage(&mut live, &canary("free", "pay"));
        let refused = told(&live.commit());
        assert_eq!(
            refused,
            [
                "another: match: Duplicate value: shop/…: release old routes it already; one release routes a host and path"
            ]
        );
        assert_eq!(router(&live, "shop").as_deref(), Some("old"));
        assert_eq!(
            router(&live, "pay").as_deref(),
            Some("free"),
            "the others of the same change are in force"
        );
        assert_eq!(live.names().collect::<Vec<_>>(), ["free", "old"]);
    }

    #[test]
    fn a_version_that_cannot_be_in_force_leaves_the_one_before_and_its_place() {
        let mut live = live();
        stage(&mut live, &canary("a", "shop"));
        stage(&mut live, &canary("b", "pay"));
        assert_eq!(live.commit(), []);
        stage(&mut live, &canary("a", "pay"));
        stage(&mut live, &canary("c", "shop"));
        let refused = live.commit();
        let names: Vec<_> = refused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "c"], "c wanted the place that a could not leave");
        assert_eq!(router(&live, "shop").as_deref(), Some("a"));
        assert_eq!(router(&live, "pay").as_deref(), Some("b"));
    }

    #[test]
    fn no_mistake_in_keys_shows_a_secret_that_stands_where_an_id_should() {
        let secret = "00112233445566778899aabbccddeeff";
        let long = format!("a{secret}");
        for (id, digits, expected) in [
            (secret, "k1", "keys[0]: Invalid value: letters, digits,"),
            (&*long, "k1", "keys[0]: Invalid value: 32 to 128 hexadecimal digits"),
            (&*long.repeat(9), "k1", "keys[0]: Too long"),
            ("k 1", secret, "keys.\"k 1\": Invalid value: \"k 1\": letters, digits,"),
        ] {
            let secrets = Map::from_iter([(id.to_owned(), digits.to_owned())]);
            let policy = Policy { language: Some(1), ..Policy::default() };
            let told = Live::under(&policy, &secrets).unwrap_err().to_string();
            assert!(told.starts_with(expected) && !told.contains(secret), "{told}");
        }
    }

    #[test]
    fn what_is_the_same_as_before_is_no_change() {
        let mut live = live();
        stage(&mut live, &canary("a", "shop"));
        assert_eq!(live.commit(), []);
        assert!(live.take_changed().is_something());
        stage(&mut live, &canary("a", "shop"));
        live.stage_removal("nobody");
        assert_eq!(live.commit(), []);
        assert_eq!(live.take_changed(), Changed::default());
    }

    #[test]
    fn two_releases_may_change_places_in_one_go() {
        let mut live = live();
        stage(&mut live, &canary("a", "shop"));
        stage(&mut live, &canary("b", "pay"));
        assert_eq!(live.commit(), []);
        stage(&mut live, &canary("a", "pay"));
        stage(&mut live, &canary("b", "shop"));
        assert_eq!(live.commit(), []);
        assert_eq!(router(&live, "shop").as_deref(), Some("b"));
        assert_eq!(router(&live, "pay").as_deref(), Some("a"));
    }

    #[test]
    fn a_place_that_was_left_is_free() {
        let mut live = live();
        stage(&mut live, &canary("a", "shop"));
        assert_eq!(live.commit(), []);
        live.stage_removal("a");
        live.stage_removal("nobody");
        stage(&mut live, &canary("b", "shop"));
        assert_eq!(live.commit(), []);
        assert_eq!(router(&live, "shop").as_deref(), Some("b"));
        stage(&mut live, &canary("c", "pay"));
        assert_eq!(live.commit(), []);
        assert_eq!(live.plan().len(), 2, "the place of a release that is gone is taken by another");
    }

    #[test]
    fn a_release_that_is_gone_names_no_groups() {
        let mut live = live();
        stage(&mut live, &canary("a", "shop"));
        stage(&mut live, &canary("b", "pay"));
        stage(&mut live, &test("z", (0, 50)));
        assert_eq!(live.commit(), []);
        assert!(live.has_groups());
        live.stage_removal("b");
        live.stage_removal("z");
        assert_eq!(live.commit(), []);
        assert!(!live.has_groups(), "or all is linked twice from now on");
    }

    #[test]
    fn experiments_share_nobody_of_a_layer_and_stand_in_the_order_of_their_names() {
        let mut live = live();
        stage(&mut live, &test("z", (0, 50)));
        assert_eq!(live.commit(), []);
        stage(&mut live, &test("m", (40, 60)));
        let refused = told(&live.commit());
        assert_eq!(
            refused,
            [
                "m: ab.traffic: Duplicate value: 40 to 60: release z has a part of this in the same layer; give each a part of its own"
            ]
        );
        stage(&mut live, &test("a", (50, 100)));
        assert_eq!(live.commit(), []);
        let groups: Vec<u32> =
            live.plan().index.find(&live.plan().segments, b"shop", b"/").into_iter().collect();
        let names: Vec<_> = groups.iter().map(|at| live.plan().release(*at).unwrap().name()).collect();
        assert_eq!(names, [b"a", b"z"], "whatever came first");
    }

    #[test]
    fn what_all_releases_together_are_too_many_of_is_refused_with_what_came() {
        let mut live = live();
        let with_overrides = |name: &str, count: usize| {
            let headers: Vec<String> = (0..count).map(|number| format!("x-{name}-{number}")).collect();
            let mut release = canary(name, name);
            release["overrides"] = json!({ "headers": headers });
            release
        };
        stage(&mut live, &with_overrides("a", 20));
        assert_eq!(live.commit(), []);
        stage(&mut live, &with_overrides("b", 20));
        let refused = told(&live.commit());
        assert_eq!(
            refused,
            ["b: Too many: 40: at most 32 override headers and cookies in all releases together"]
        );
        assert_eq!(router(&live, "b"), None);
    }
}
