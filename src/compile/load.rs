//! The configuration of a plugin.

use std::mem;

use crate::error::{At, Path, PolicyErrors, Problem};
use crate::limits;
use crate::node::Node;
use crate::plan::Plan;
use crate::policy::{self, PluginConfig, Trust};
use crate::read::read;

use super::{compile_at, keys, settings};

/// What a plugin was configured with.
#[derive(Debug)]
pub struct Loaded {
    /// Whom the listener believes; nobody where the configuration does not say.
    pub trust: Trust,
    /// Whether decisions are left for the access log.
    pub access_log: bool,
    /// What is counted by release and lane.
    pub metrics: policy::Metrics,
    /// The name of the watch whose policy is in force as soon as it has one.
    pub watch: Option<String>,
    /// The plan, or every mistake in the configuration.
    pub plan: Result<Plan, PolicyErrors>,
    /// The plan that may come next.
    pub shadow: Option<Plan>,
    /// Where the plan is refused, what is left of it without its releases: what may run in its place.
    pub bare: Plan,
    /// Whether another VM of the process has compiled it.
    pub is_taken_over: bool,
    /// For [`handover`](crate::handover): what was loaded, without the releases, as JSON.
    pub(crate) frame: Vec<u8>,
}

/// Reads and compiles the configuration of a plugin: JSON as in [`PluginConfig`].
pub fn load(json: &[u8]) -> Loaded {
    match serde_json::from_slice(json) {
        Ok(node) => load_node(node),
        Err(fault) => {
            let mut errors = PolicyErrors::default();
            let allowed =
                format_args!("the configuration must be JSON in a google.protobuf.StringValue: {fault}");
            At::new(Path::Root, &mut errors).error(Problem::Syntax, "", allowed);
            Loaded {
                trust: Trust::Edge,
                access_log: false,
                metrics: policy::Metrics::default(),
                watch: None,
                shadow: None,
                is_taken_over: false,
                plan: Err(errors),
                bare: Plan::default(),
                frame: Vec::new(),
            }
        }
    }
}

fn load_node(node: Node<'_>) -> Loaded {
    let mut errors = PolicyErrors::default();
    let config: PluginConfig = read(&node, &Path::Root, &mut errors);
    errors.conceal("keys");
    let mut at = At::new(Path::Root, &mut errors);
    if config.trust.is_none() {
        let allowed = "edge (clients are outside) or mesh (the hop before is one of ours)";
        at.key("trust").error(Problem::Required, "", allowed);
    }
    let keys = keys::compile(&config.keys, &mut at.key("keys"));
    let named = keys.clone();
    let is_left_to_watch = config.watch.is_some() && node.member("policy").is_none();
    let plan = if is_left_to_watch {
        Plan::default()
    } else {
        compile_at(&config.policy, Some(keys), &mut at.key("policy"))
    };
    let shadow = config.shadow.as_ref().map(|next| compile_at(next, Some(named), &mut at.key("shadow")));
    let written = node.member("keys");
    errors.conceal_keys(&Path::Root.key("keys"), written.into_iter().flat_map(keys::ids));
    let bare = if errors.is_empty() { Plan::default() } else { plan.bare() };
    let trust = config.trust.unwrap_or(Trust::Edge);
    let plan = errors.into_result(plan);
    let shadow = shadow.filter(|_| plan.is_ok());
    let frame = plan.as_ref().map(|plan| frame(node, plan)).unwrap_or_default();
    let PluginConfig { access_log, metrics, watch, .. } = config;
    Loaded { trust, access_log, metrics, watch, plan, shadow, bare, is_taken_over: false, frame }
}

/// A good configuration without its releases and what is used to compile them alone, and what clients may not claim because of them.
fn frame(mut configuration: Node<'_>, plan: &Plan) -> Vec<u8> {
    let emptied = [("releases", Node::List(vec![])), ("layers", Node::List(vec![])), ("holdout", Node::Null)];
    for (key, empty) in emptied {
        if let Some(node) = configuration.member_mut("policy").and_then(|policy| policy.member_mut(key)) {
            *node = empty;
        }
    }
    let claims = &plan.settings.claims;
    let [headers, cookies] = [&claims.headers, &claims.cookies]
        .map(|words| Node::List(words.iter().map(|word| Node::Text((**word).into())).collect()));
    let members = [("configuration", configuration), ("headers", headers), ("cookies", cookies)];
    let mut json = Vec::new();
    Node::Map(members.map(|(key, node)| (key.into(), node)).into()).write_json(&mut json);
    json
}

/// What was loaded, from its frame: all but its releases.
pub(crate) fn load_frame(json: &[u8]) -> Option<Loaded> {
    let mut node: Node<'_> = serde_json::from_slice(json).ok()?;
    let mut errors = PolicyErrors::default();
    let claims = settings::claims(&node, &mut errors);
    let mut loaded = load_node(mem::replace(node.member_mut("configuration")?, Node::Null));
    loaded.plan.as_mut().ok()?.settings.claims = claims;
    errors.is_empty().then_some(loaded)
}

/// What to do about a plugin's configuration of so many bytes, where that is too much to be handed over whole with each change.
pub fn size_advice(bytes: usize) -> Option<String> {
    (bytes > limits::CONFIGURATION).then(|| {
        format!(
            "{bytes} bytes are much for the configuration of a plugin: each worker reads all of it with each change, etcd refuses objects \
             of Kubernetes above 1.5 MB, and control planes messages above 4 MB; put the releases into etcd and follow them with the watch, \
             or give each gateway and namespace only the releases of hosts that are called there"
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_mistake_in_a_configuration_shows_a_secret_that_stands_where_an_id_should() {
        let secret = "00112233445566778899aabbccddeeff";
        let release = json!({"name": "shop", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}],
            "canary": {"stable": "A", "candidates": [{"lane": "B", "percent": 5}]}, "sticky": {"key": "k1"}});
        let told = |keys: serde_json::Value, key: &str| {
            let mut release = release.clone();
            release["sticky"]["key"] = key.into();
            let policy = json!({"language": 1, "releases": [release]});
            let configuration = json!({"trust": "mesh", "keys": keys, "policy": policy}).to_string();
            load(configuration.as_bytes()).plan.unwrap_err().to_string()
        };
        let long = format!("a{secret}");
        let not_found = "releases[0].sticky.key: Not found";
        for (keys, key, expected) in [
            (json!({ secret: "k1" }), "k1", "keys[0]: Invalid value: letters, digits,"),
            (json!({"0": secret, secret: "k1"}), "k1", "keys[1]: Invalid value: letters, digits,"),
            (json!({ long.clone(): ["k1"] }), "k1", "keys[0]: Wrong type: must be text"),
            (json!({ long.repeat(9): "k1" }), "k1", "keys[0]: Too long"),
            (json!({ long.clone(): secret }), "k1", &format!("{not_found}: \"k1\": allowed: keys[0]")),
            (json!({"k1": secret}), secret, &format!("{not_found}: allowed: k1")),
        ] {
            let told = told(keys, key);
            assert!(told.contains(expected) && !told.contains(secret), "{told}");
        }
    }

    #[test]
    fn a_configuration_that_is_refused_has_no_shadow() {
        let release = json!({"name": "shop", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}], "blueGreen": {"active": "A"}});
        let good = json!({"language": 1, "releases": [release]});
        let mut bad = good.clone();
        bad["releases"][0]["blueGreen"]["active"] = "C".into();
        for (policy, shadow, is_good) in [(&good, &good, true), (&bad, &good, false), (&good, &bad, false)] {
            let configuration = json!({"trust": "mesh", "policy": policy, "shadow": shadow}).to_string();
            let loaded = load(configuration.as_bytes());
            assert_eq!((loaded.plan.is_ok(), loaded.shadow.is_some()), (is_good, is_good), "{configuration}");
        }
    }
}
