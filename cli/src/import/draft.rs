//! A policy that is being written, with comments.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::init::scalar;

/// A policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// What stands at its start, a comment a line.
    pub head: Vec<String>,
    /// The releases.
    pub releases: Vec<Release>,
    /// Whether every client is trusted, where a rule asks for a header that an edge listener removes from what others send.
    pub trusts_anybody: bool,
}

/// A release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// What stands before it, a comment a line.
    pub comments: Vec<String>,
    /// Its name.
    pub name: String,
    /// Whether it only leaves alone what it matches.
    pub off: bool,
    /// The hosts; every host, where there is none.
    pub hosts: Vec<String>,
    /// The paths; every path, where there is none.
    pub paths: Vec<PathMatch>,
    /// The lanes, the base lane first.
    pub lanes: Vec<Lane>,
    /// Decides who goes first, with the gray id.
    pub salt: String,
    /// Conditions that pick a lane, in order.
    pub rules: Vec<Rule>,
}

/// A test of the path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathMatch {
    /// The whole path.
    Exact(String),
    /// Whole segments from the start.
    Prefix(String),
}

/// A lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Its share in hundredths of a percent. The base lane has the rest.
    pub share: u64,
    /// The Envoy cluster.
    pub cluster: Option<String>,
    /// What is behind it.
    pub backend: Backend,
    /// What is told of it in a comment.
    pub comment: String,
}

/// What is behind a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Backend {
    /// The namespace of the service; none where the manifest leaves that to whoever applies it.
    pub namespace: Option<String>,
    /// The service.
    pub service: String,
    /// The port, as number or name; empty where none is said.
    pub port: String,
    /// The subset of the service, where there are subsets.
    pub subset: Option<String>,
    /// The labels of its pods, where they are known.
    pub labels: Vec<(String, String)>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The condition, as in a policy.
    pub when: Value,
    /// The lane.
    pub lane: String,
    /// What is told of it; may be empty.
    pub comment: String,
}

/// With `--trust-anybody`.
const ANYBODY: &str = "\
# Everybody is trusted, as --trust-anybody asks. At an edge each client can thus choose its lane in every release, also by a traffic
# label, and say its group to the services behind it. Name your testers' networks in place of all addresses.
trustedSources: [0.0.0.0/0, \"::/0\"]
";

/// Without it.
const NOBODY: &str = "\
# Nobody is trusted here, so that these rules never see them from a client. Name your testers' networks, and from there they count:
# trustedSources: [192.0.2.0/24]
";

const PRIVATE: &str =
    "  respond: {cache: private} # no shared cache may hand the page of one lane to users of another\n";

impl Draft {
    /// The policy as YAML.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for line in &self.head {
            comment(&mut out, "", line);
        }
        out.push_str("language: 1\nversion: 1\n");
        if self.releases.iter().any(Release::deals) {
            out.push_str(
                "identity:\n  cookie: {name: gray_id, httpOnly: true} # who brings no id is given one to keep\n",
            );
        }
        if let Some(claims) = super::claims_of(&self.releases) {
            self.write_trust(&claims, &mut out);
        }
        out.push_str(if self.releases.is_empty() { "releases: []\n" } else { "releases:\n" });
        for release in &self.releases {
            release.write(&mut out);
        }
        out
    }

    /// Who is trusted with headers that an edge listener removes from what others send.
    fn write_trust(&self, claims: &str, out: &mut String) {
        let removed = "An edge listener removes these from what clients send, unless the policy trusts their addresses.";
        comment(out, "", &format!("Rules below ask for {claims}. {removed}"));
        out.push_str(if self.trusts_anybody { ANYBODY } else { NOBODY });
    }
}

impl Release {
    /// Whether users are split: some of them, and not all.
    pub fn splits(&self) -> bool {
        !self.off && self.lanes.iter().any(|lane| lane.share > 0 && lane.share < 10_000)
    }

    /// Whether anything depends on the gray id.
    fn deals(&self) -> bool {
        self.splits() || self.rules.iter().any(|rule| rule.when.to_string().contains("{\"percent\":"))
    }

    /// Writing to text cannot fail.
    fn write(&self, out: &mut String) {
        for line in &self.comments {
            comment(out, "", line);
        }
        let _ = writeln!(out, "- name: {}", scalar(&self.name));
        if self.off {
            out.push_str("  off: true\n");
        }
        self.write_match(out);
        out.push_str("  lanes:\n");
        for lane in &self.lanes {
            let mut map = Map::from_iter([("name".to_owned(), Value::from(lane.name.as_str()))]);
            if let Some(cluster) = &lane.cluster {
                map.insert("cluster".to_owned(), Value::from(cluster.as_str()));
            }
            line(out, &format!("  - {}", flow(&Value::Object(map))), &lane.comment);
        }
        self.write_mode(out);
        if !self.rules.is_empty() {
            out.push_str("  rules: # the first that holds wins\n");
        }
        for Rule { name, when, lane, comment } in &self.rules {
            let rule =
                format!("  - {{name: {}, when: {}, lane: {}}}", scalar(name), flow(when), scalar(lane));
            line(out, &rule, comment);
        }
        out.push_str(if self.off { "  respond: {cache: none}\n" } else { PRIVATE });
    }

    fn write_mode(&self, out: &mut String) {
        let Some((base, others)) = self.lanes.split_first() else { return };
        if self.off {
            let _ = writeln!(out, "  blueGreen: {{active: {}}}", scalar(&base.name));
            return;
        }
        out.push_str("  canary:\n");
        if self.splits() {
            let _ = writeln!(out, "    salt: {} # another salt deals everybody anew", scalar(&self.salt));
        }
        let _ = writeln!(out, "    stable: {}\n    candidates:", scalar(&base.name));
        for lane in others {
            let percent = super::percent(lane.share);
            let _ = writeln!(out, "    - {{lane: {}, percent: {percent}}}", scalar(&lane.name));
        }
    }

    fn write_match(&self, out: &mut String) {
        let list = |values: Vec<String>| format!("[{}]", values.join(", "));
        let mut parts = Vec::new();
        if !self.hosts.is_empty() {
            parts.push(format!("hosts: {}", list(self.hosts.iter().map(|host| scalar(host)).collect())));
        }
        if !self.paths.is_empty() {
            let path = |path: &PathMatch| match path {
                PathMatch::Exact(text) => format!("{{exact: {}}}", scalar(text)),
                PathMatch::Prefix(text) => format!("{{prefix: {}}}", scalar(text)),
            };
            parts.push(format!("paths: {}", list(self.paths.iter().map(path).collect())));
        }
        let _ = writeln!(out, "  match: {{{}}}", parts.join(", "));
    }
}

fn line(out: &mut String, text: &str, comment: &str) {
    let comment = if comment.is_empty() { String::new() } else { format!(" # {}", plain(comment)) };
    let _ = writeln!(out, "{text}{comment}");
}

fn comment(out: &mut String, indent: &str, text: &str) {
    let text = plain(text);
    let _ = writeln!(out, "{}", format!("{indent}# {text}").trim_end());
}

/// Text that stays in its line, whatever a manifest holds.
fn plain(text: &str) -> String {
    crate::words::shown(text)
}

/// A value in one line of YAML.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| format!("{}: {}", scalar(key), flow(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::import::written;

    #[test]
    fn what_is_written_is_a_good_policy_whatever_the_names_are() {
        let lane =
            |name: &str, share| Lane { name: name.into(), share, comment: "a\nb".into(), ..Lane::default() };
        let release = Release {
            comments: vec!["one\ntwo".into()],
            name: "no".into(),
            hosts: vec!["*.example.com".into()],
            paths: vec![PathMatch::Exact("/a: b".into()), PathMatch::Prefix("/#".replace('#', "x"))],
            lanes: vec![lane("stable", 0), lane("true", 1250)],
            salt: "10".into(),
            rules: vec![Rule {
                name: "r".into(),
                when: json!({"header": {"x-a": {"exact": "yes"}, "x-b": {"in": ["1", "- a", "\"q\""]}}}),
                lane: "true".into(),
                comment: String::new(),
            }],
            ..Release::default()
        };
        let text = written(&Draft {
            head: vec!["from a test".into()],
            releases: vec![release],
            trusts_anybody: true,
        })
        .expect("it is good");
        assert!(text.starts_with("# from a test\nlanguage: 1\n"), "{text}");
        assert!(text.contains("percent: 12.5") && text.contains("# one\u{fffd}two"), "{text}");
    }

    #[test]
    fn an_id_cookie_is_given_only_where_users_are_split() {
        let release = |share| Release {
            name: "a".into(),
            lanes: vec![
                Lane { name: "s".into(), ..Lane::default() },
                Lane { name: "c".into(), share, ..Lane::default() },
            ],
            salt: "a".into(),
            ..Release::default()
        };
        for (share, is_given) in [(0, false), (1, true), (10_000, false)] {
            let text = Draft { head: vec![], releases: vec![release(share)], trusts_anybody: false }.text();
            assert_eq!(text.contains("gray_id"), is_given, "{share}");
        }
    }
}
