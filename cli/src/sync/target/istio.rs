//! The plugin of a mesh, in the cluster that `kubectl` talks to: one object at the gateway and one for the sidecars of each namespace,
//! with the releases that are called from there, and what the gateway removes though the plugin may be absent.

use std::collections::{BTreeMap, HashSet};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use graylane::compile::{compile, size_advice};
use graylane::plan::Plan;
use graylane::policy::Policy;
use serde_json::{Value as Json, json};
use tokio::task::block_in_place;
use tokio::time::Instant;

use super::super::backoff::Backoff;
use super::{Written, after, documents};
use crate::document::Telemetry;
use crate::facts::Mesh;
use crate::keys::Keys;
use crate::kubectl::{self, Ended};
use crate::published::{Draft, Held, Past, Value};
use crate::render::{Extension, Source, called, has, plugins, removal};
use crate::words::counted;

/// How large an object may be, in bytes: etcd takes 1.5 MiB, and an API server adds who has written it, and when.
const LARGEST: usize = 1_500_000;
/// How long kubectl may take.
const LIMIT: Duration = Duration::from_mins(1);
/// How long it waits before it corrects once more what somebody else changes: the second time, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(5));

/// The objects of the plugin.
#[derive(Debug)]
pub struct Istio {
    mesh: Mesh,
    extension: Extension,
    keys: Keys,
    telemetry: Telemetry,
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
    /// Before this nothing is corrected.
    corrected: Option<Instant>,
    pause: Backoff,
}

/// An object.
#[derive(Debug)]
struct Plugin {
    /// Without the configuration of the plugin.
    object: Json,
    /// Null where there is none.
    configuration: Json,
}

impl Istio {
    /// Those of a mesh whose module is known.
    pub fn new(
        mesh: Mesh,
        extension: Extension,
        keys: Keys,
        telemetry: Telemetry,
        takes_over: bool,
        author: String,
    ) -> Self {
        let (live, values, version, is_applied) = (BTreeMap::new(), None, 0, false);
        let (corrected, pause) = (None, Backoff::new(PAUSE.0, PAUSE.1));
        Istio {
            mesh,
            extension,
            keys,
            telemetry,
            takes_over,
            author,
            live,
            values,
            version,
            is_applied,
            corrected,
            pause,
        }
    }

    /// The documents that the objects were made of: what somebody else has changed or taken away since comes back. A new bridge reads
    /// those that they can be made of, which bear no versions.
    pub(super) fn held(&mut self) -> Result<Held> {
        self.live = self.read()?;
        self.version = self.live.values().map(Plugin::version).fold(self.version, u64::max);
        if self.values.is_none() {
            let policy = self.whole().map(|policy| documents(&policy.to_string(), &self.author));
            self.values = Some(policy.transpose()?.unwrap_or_default());
        }
        let values = self.values.clone().unwrap_or_default();
        Ok(Held { values, secrets: Some(self.keys.secrets().clone()), ..Held::default() })
    }

    fn read(&self) -> Result<BTreeMap<String, Plugin>> {
        let nothing = json!({"releases": []});
        let objects =
            plugins(&Source::of(&self.mesh, &nothing, &Plan::default(), &self.keys), self.extension);
        let arguments = ["get", "--ignore-not-found", "--output=json", "--filename=-"];
        let ended = run(&arguments, &removal(&objects))?;
        if !ended.status.success() {
            bail!("kubectl get: {}", ended.why());
        }
        let found: Json = match ended.out.trim() {
            "" => Json::Null,
            text => serde_json::from_str(text).context("kubectl get: what it writes is no JSON")?,
        };
        let objects = match found.get("items") {
            Some(Json::Array(items)) => items.clone(),
            _ if found.is_null() => Vec::new(),
            _ => vec![found],
        };
        let plugins = objects.into_iter().map(|object| Plugin::of(object, self.extension));
        Ok(plugins.map(|plugin| (plugin.name(), plugin)).collect())
    }

    /// The whole policy of which each plugin has a part: what a later one says counts, and that it lacks what it should have.
    fn whole(&self) -> Option<Json> {
        let mut plugins: Vec<&Plugin> = self.live.values().filter(|plugin| plugin.version() > 0).collect();
        plugins.sort_by_key(|plugin| std::cmp::Reverse(plugin.version()));
        let mut whole = plugins.first()?.configuration.get("policy")?.clone();
        let mut names = HashSet::new();
        let mut all: Vec<Json> = Vec::new();
        let has: Vec<_> = plugins.iter().map(|plugin| has(&self.mesh, &plugin.object)).collect();
        for plugin in &plugins {
            let is_past = |release: &Json| {
                let mut others = plugins.iter().zip(&has);
                others.any(|(other, has)| other.version() > plugin.version() && has(release))
            };
            let new = plugin.releases().filter(|release| !is_past(release));
            all.extend(new.filter(|release| names.insert(release.get("name"))).cloned());
        }
        whole.as_object_mut()?.insert("releases".to_owned(), all.into());
        Some(whole)
    }

    pub(super) fn write(&mut self, held: Held, drafts: &[(Draft, Past)], policy: &Policy) -> Result<Written> {
        let written = Written { count: drafts.len(), ..Written::default() };
        if self.live.is_empty() && drafts.is_empty() && held.values.is_empty() {
            return Ok(written);
        }
        let version = self.version.saturating_add(1);
        let (changed, unchanged) = self.compared(policy, version)?;
        let is_correction = self.is_applied && drafts.is_empty() && !changed.is_empty();
        if is_correction && self.corrected.is_some_and(|at| Instant::now() < at) {
            return Ok(written);
        }
        let applied = if self.is_applied { &[] } else { unchanged.as_slice() };
        let applied: Vec<Json> =
            changed.iter().chain(applied).map(|plugin| plugin.whole(self.extension)).collect();
        if !applied.is_empty() {
            fit(&applied)?;
            self.apply(&applied)?;
        }
        (self.values, self.is_applied) = (Some(after(held, drafts)), true);
        if is_correction {
            self.corrected = Some(Instant::now() + self.pause.failed());
        } else if self.corrected.is_some_and(|at| Instant::now() > at + PAUSE.1) {
            self.pause.reset();
        }
        if changed.is_empty() {
            return Ok(written);
        }
        self.version = version;
        let count = changed.len().saturating_add(unchanged.len());
        let advice = changed.iter().find_map(|new| size_advice(new.configuration.to_string().len()));
        let advice = advice.map(|advice| format!("; warning: {advice}")).unwrap_or_default();
        let place = format!(
            "version {version} of the policy, {} of {count}{advice}",
            counted(changed.len() as u64, "object")
        );
        Ok(Written { place: Some(place), ..written })
    }

    /// The objects that this policy changes, with this version, and the others.
    fn compared(&self, policy: &Policy, version: u64) -> Result<(Vec<Plugin>, Vec<Plugin>)> {
        let plan = compile(policy).context("what is in force is no policy as a whole")?;
        let policy = json!(Policy { version, ..policy.clone() });
        let source =
            Source { telemetry: self.telemetry, ..Source::of(&self.mesh, &policy, &plan, &self.keys) };
        let all = plugins(&source, self.extension);
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        for mut new in all.into_iter().map(|object| Plugin::of(object, self.extension)) {
            match self.live.get(&new.name()) {
                Some(live) if live.is_as(&new) => {
                    new.set_version(live.version());
                    unchanged.push(new);
                }
                _ => changed.push(new),
            }
        }
        Ok((changed, unchanged))
    }

    /// Applies objects, if the API server says of all of them that it would take them.
    fn apply(&self, objects: &[Json]) -> Result<()> {
        let mut arguments = vec!["apply", "--server-side", "--field-manager=graylane", "--filename=-"];
        if self.takes_over {
            arguments.push("--force-conflicts");
        }
        let trial: Vec<&str> = arguments.iter().copied().chain(["--dry-run=server"]).collect();
        if !run(&trial, objects)?.status.success() {
            // Which of them it is about kubectl tells by the one that is tried alone.
            for object in objects {
                let ended = run(&trial, std::slice::from_ref(object))?;
                if !ended.status.success() {
                    return Err(refused(object, &ended));
                }
            }
        }
        let ended = run(&arguments, objects)?;
        if !ended.status.success() {
            bail!("kubectl apply: {}\nwhat was applied: {}", ended.why(), ended.out.trim());
        }
        Ok(())
    }
}

impl Plugin {
    fn of(mut object: Json, extension: Extension) -> Self {
        let configuration = extension.take_configuration(&mut object).unwrap_or_default();
        Plugin { object, configuration }
    }

    /// The object.
    fn whole(&self, extension: Extension) -> Json {
        let mut object = self.object.clone();
        if !self.configuration.is_null() {
            extension.put_configuration(&mut object, &self.configuration);
        }
        object
    }

    fn name(&self) -> String {
        called(&self.object)
    }

    /// The version of its policy; 0 where it has none.
    fn version(&self) -> u64 {
        self.configuration.pointer("/policy/version").and_then(Json::as_u64).unwrap_or_default()
    }

    fn set_version(&mut self, version: u64) {
        if let Some(policy) = self.configuration.pointer_mut("/policy").and_then(Json::as_object_mut) {
            policy.insert("version".to_owned(), version.into());
        }
    }

    fn releases(&self) -> impl Iterator<Item = &Json> {
        self.configuration.pointer("/policy/releases").and_then(Json::as_array).into_iter().flatten()
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
    block_in_place(|| kubectl::run(&arguments, &list, Stdio::piped(), Some(LIMIT)))
}

/// Why an object is not taken.
fn refused(object: &Json, ended: &Ended) -> anyhow::Error {
    let help = if ended.is_conflict() {
        "\nto take over what somebody else has written: --force-conflicts"
    } else {
        ""
    };
    anyhow!("{}: {}{help}", called(object), ended.why())
}

/// Refuses what an API server could not keep, all at once.
fn fit(objects: &[Json]) -> Result<()> {
    let large = objects.iter().filter_map(|object| {
        let text = object.to_string();
        // An API server writes these with six bytes.
        let escaped = text.bytes().filter(|byte| matches!(byte, b'<' | b'>' | b'&')).count();
        let size = text.len().saturating_add(escaped.saturating_mul(5));
        (size > LARGEST).then(|| format!("{} would have {size} bytes", called(object)))
    });
    let large: Vec<String> = large.collect();
    if large.is_empty() {
        return Ok(());
    }
    bail!(
        "{}: an API server keeps {LARGEST} at most; say in the facts which namespaces call each service (clients), and give hosts to \
         those alone that are called at the gateway; or put the releases into etcd and follow them with the watch",
        large.join(", ")
    )
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
