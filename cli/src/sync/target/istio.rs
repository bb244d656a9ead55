//! The plugin of a mesh, in the cluster that `kubectl` talks to: one object at the gateway and one for the sidecars of each namespace,
//! with the releases that are asked for there.

use std::collections::{BTreeMap, HashSet};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use graylane::compile::{compile, size_advice};
use graylane::plan::Plan;
use graylane::policy::Policy;
use serde_json::{Value as Json, json};
use tokio::task::block_in_place;

use super::{Written, after, documents};
use crate::facts::Mesh;
use crate::keys::Keys;
use crate::kubectl::{self, Ended};
use crate::published::{Draft, Held, Past, Value};
use crate::render::{Extension, Source, called, plugins};
use crate::words::counted;

/// How large an object may be, in bytes: etcd takes 1.5 MiB, and an API server adds who has written it, and when.
const LARGEST: usize = 1_500_000;

/// The objects of the plugin.
#[derive(Debug)]
pub struct Istio {
    mesh: Mesh,
    extension: Extension,
    keys: Keys,
    /// Whether fields that somebody else has written are taken over.
    takes_over: bool,
    /// The author of all of it.
    author: String,
    /// What is there, by the names of the objects.
    live: BTreeMap<String, Plugin>,
    /// The documents that it was made of, once that was read.
    values: Option<BTreeMap<String, Value>>,
    /// The last version that was seen or written: one is not given twice, though its plugin may be gone.
    version: u64,
    /// Whether all of it was applied: what facts do not say any more goes only by that.
    is_applied: bool,
}

/// An object.
#[derive(Debug)]
struct Plugin {
    /// Without the configuration of the plugin.
    object: Json,
    configuration: Json,
}

impl Istio {
    /// Those of a mesh whose module is known.
    pub fn new(mesh: Mesh, extension: Extension, keys: Keys, takes_over: bool, author: String) -> Self {
        let (live, values, version, is_applied) = (BTreeMap::new(), None, 0, false);
        Istio { mesh, extension, keys, takes_over, author, live, values, version, is_applied }
    }

    /// The documents that the objects were made of: what somebody else has changed or taken away since comes back. A new bridge reads
    /// those that they can be made of, which bear no versions.
    pub(super) fn held(&mut self) -> Result<Held> {
        self.live = self.read()?;
        self.version = self.live.values().map(Plugin::version).fold(self.version, u64::max);
        if self.values.is_none() {
            let policies = self.live.values().filter_map(|live| live.configuration.get("policy"));
            let policy = whole(policies).map(|policy| documents(&policy.to_string(), &self.author));
            self.values = Some(policy.transpose()?.unwrap_or_default());
        }
        let values = self.values.clone().unwrap_or_default();
        Ok(Held { values, secrets: Some(self.keys.secrets().clone()), ..Held::default() })
    }

    fn read(&self) -> Result<BTreeMap<String, Plugin>> {
        let arguments = ["get", "--ignore-not-found", "--output=json", "--filename=-"];
        let Ended { status, out, told } = run(&arguments, &self.places())?;
        if !status.success() {
            bail!("kubectl get: {}", told.trim());
        }
        let found: Json = match out.trim() {
            "" => Json::Null,
            text => serde_json::from_str(text).context("kubectl get: what it writes is no JSON")?,
        };
        let objects = match found.get("items") {
            Some(Json::Array(items)) => items.clone(),
            _ if found.is_null() => Vec::new(),
            _ => vec![found],
        };
        let of = |object: Json| {
            let name = called(&object);
            let Some(plugin) = Plugin::of(object, self.extension) else {
                bail!("{name} has no policy of graylane in it; it is not written over");
            };
            Ok((name, plugin))
        };
        objects.into_iter().map(of).collect()
    }

    /// The objects by their kinds and names.
    fn places(&self) -> Vec<Json> {
        let nothing = json!({"releases": []});
        let objects =
            plugins(&Source::of(&self.mesh, &nothing, &Plan::default(), &self.keys), self.extension);
        crate::render::removal(&objects)
    }

    pub(super) fn write(&mut self, held: Held, drafts: &[(Draft, Past)], policy: &Policy) -> Result<Written> {
        let plan = compile(policy).context("what is in force is no policy as a whole")?;
        let version = self.version.saturating_add(1);
        let policy = json!(Policy { version, ..policy.clone() });
        let all = plugins(&Source::of(&self.mesh, &policy, &plan, &self.keys), self.extension);
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        for mut new in all.into_iter().filter_map(|object| Plugin::of(object, self.extension)) {
            match self.live.get(&new.name()) {
                Some(live) if live.is_as(&new) => {
                    new.set_version(live.version());
                    unchanged.push(new);
                }
                _ => changed.push(new),
            }
        }
        let count = changed.len().saturating_add(unchanged.len());
        let written = Written { count: drafts.len(), ..Written::default() };
        let applied = if self.is_applied { &[] } else { unchanged.as_slice() };
        let applied: Vec<Json> =
            changed.iter().chain(applied).map(|plugin| plugin.whole(self.extension)).collect();
        if !applied.is_empty() {
            fit(&applied)?;
            self.apply(&applied)?;
        }
        (self.values, self.is_applied) = (Some(after(held, drafts)), true);
        if changed.is_empty() {
            return Ok(written);
        }
        self.version = version;
        let place = format!(
            "version {version} of the policy, {} of {count}",
            counted(changed.len() as u64, "plugin")
        );
        let advice = changed.iter().find_map(|new| size_advice(new.configuration.to_string().len()));
        let advice = advice.map(|advice| format!("; warning: {advice}")).unwrap_or_default();
        Ok(Written { place: Some(format!("{place}{advice}")), ..written })
    }

    /// Each is there whole, or as it was.
    fn apply(&self, objects: &[Json]) -> Result<()> {
        let mut arguments = vec!["apply", "--server-side", "--field-manager=graylane", "--filename=-"];
        if self.takes_over {
            arguments.push("--force-conflicts");
        }
        let ended = run(&arguments, objects)?;
        match ended.status.success() {
            true => Ok(()),
            false if ended.is_conflict() => {
                bail!("{}\nto take over what somebody else has written: --force-conflicts", ended.told.trim())
            }
            false => bail!("kubectl apply: {}", ended.told.trim()),
        }
    }
}

impl Plugin {
    /// An object in two parts; none where it has no policy.
    fn of(mut object: Json, extension: Extension) -> Option<Self> {
        let configuration = extension.take_configuration(&mut object)?;
        Some(Plugin { object, configuration })
    }

    /// The object.
    fn whole(&self, extension: Extension) -> Json {
        let mut object = self.object.clone();
        extension.put_configuration(&mut object, &self.configuration);
        object
    }

    fn name(&self) -> String {
        called(&self.object)
    }

    /// The version of its policy.
    fn version(&self) -> u64 {
        self.configuration.pointer("/policy/version").and_then(Json::as_u64).unwrap_or_default()
    }

    fn set_version(&mut self, version: u64) {
        if let Some(policy) = self.configuration.pointer_mut("/policy").and_then(Json::as_object_mut) {
            policy.insert("version".to_owned(), version.into());
        }
    }

    /// Whether another one would change nothing of it but the version of the policy. Beside the policy others may have their fields.
    fn is_as(&self, other: &Plugin) -> bool {
        let parts = |plugin: &Plugin| {
            let mut rest = plugin.configuration.clone();
            let mut policy = rest.as_object_mut().and_then(|rest| rest.remove("policy")).unwrap_or_default();
            policy.as_object_mut().and_then(|policy| policy.remove("version"));
            (policy, rest)
        };
        let ((policy, rest), (other_policy, other_rest)) = (parts(self), parts(other));
        is_same(&policy, &other_policy) && covers(&rest, &other_rest) && covers(&self.object, &other.object)
    }
}

/// Runs kubectl with objects.
fn run(arguments: &[&str], objects: &[Json]) -> Result<Ended> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--request-timeout=30s"]).collect();
    block_in_place(|| kubectl::run(&arguments, &list, Stdio::piped()))
}

/// Refuses what an API server could not keep, all at once.
fn fit(objects: &[Json]) -> Result<()> {
    let large = objects.iter().filter_map(|object| {
        let size = object.to_string().len();
        (size > LARGEST).then(|| format!("{} would have {size} bytes", called(object)))
    });
    let large: Vec<String> = large.collect();
    if large.is_empty() {
        return Ok(());
    }
    bail!(
        "{}: an API server keeps {LARGEST} at most; name for each service the namespaces whose pods call it (clients), or put the \
         releases into etcd and follow them with the watch",
        large.join(", ")
    )
}

/// The whole policy of which each plugin has a part: of what two say differently the later one counts.
fn whole<'p>(policies: impl Iterator<Item = &'p Json>) -> Option<Json> {
    let mut policies: Vec<&Json> = policies.collect();
    policies.sort_by_key(|policy| std::cmp::Reverse(policy.get("version").and_then(Json::as_u64)));
    let releases = |policy: &'p Json| policy.get("releases").and_then(Json::as_array).into_iter().flatten();
    let mut names = HashSet::new();
    let all = policies.iter().flat_map(|policy| releases(policy));
    let all: Vec<Json> = all.filter(|release| names.insert(release.get("name"))).cloned().collect();
    let mut whole = (*policies.first()?).clone();
    whole.as_object_mut()?.insert("releases".to_owned(), all.into());
    Some(whole)
}

/// Whether all of one value is in another, in which maps may have more.
fn covers(value: &Json, part: &Json) -> bool {
    match (value, part) {
        (Json::Object(value), Json::Object(part)) => {
            part.iter().all(|(key, part)| value.get(key).is_some_and(|value| covers(value, part)))
        }
        (Json::Array(value), Json::Array(part)) => {
            value.len() == part.len() && value.iter().zip(part).all(|(value, part)| covers(value, part))
        }
        // An API server writes 5.0 as 5.
        (Json::Number(value), Json::Number(part)) => value == part || value.as_f64() == part.as_f64(),
        _ => value == part,
    }
}

fn is_same(one: &Json, other: &Json) -> bool {
    covers(one, other) && covers(other, one)
}
