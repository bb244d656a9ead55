//! The written form of a policy, key for key as people write it; JSON and YAML have the same keys.
//!
//! These types say what can be written, not what is right: [`compile`](mod@crate::compile) says that. Every
//! struct has `#[serde(default)]`, and a required value is an `Option`, so that [`read`](crate::read) can go on
//! after a mistake and report all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the host hands to one plugin: the listener's own settings, and the policy.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PluginConfig {
    /// Whom this listener believes. Required: there is no safe guess.
    pub trust: Option<Trust>,
    /// `true` leaves each decision in the filter state, for the access log; it costs most of a microsecond a request.
    pub access_log: bool,
    /// The policy.
    pub policy: Policy,
}

/// Whom a listener believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Trust {
    /// Clients are outside: what they say of lanes, groups and labels is removed before anything reads it.
    Edge,
    /// The hop before is one of ours: its label and its overrides are believed.
    Mesh,
}

/// The whole document: global settings and a list of releases.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// The language level of this document. Required; this module speaks level 1.
    pub language: Option<u32>,
    /// The version of this document, for people and metrics; it should grow with every change.
    pub version: u64,
    /// The kill switch: `true` leaves every request alone.
    pub off: bool,
    /// Source addresses (`10.0.0.0/8`, `::1`) whose labels and overrides count at an edge listener. Envoy must take
    /// them from the connection (`use_remote_address: true`), not from what a client writes in `x-forwarded-for`.
    pub trusted_sources: Vec<String>,
    /// Other names for the headers that are read and written.
    pub names: Names,
    /// Where the gray id comes from.
    pub identity: Identity,
    /// The releases. Their order matters only between releases that match a request equally well.
    pub releases: Vec<Release>,
}

/// Other names for headers, each with its default in [`headers`](crate::headers).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Names {
    /// The lane that the request is sent to; default `x-gray-lane`.
    pub lane: Option<String>,
    /// The cluster that the lane names; default `x-gray-cluster`.
    pub cluster: Option<String>,
    /// The number of the lane in weighted clusters; default `x-gray-slot`.
    pub slot: Option<String>,
    /// The gray id, passed on; default `x-gray-id`.
    pub id: Option<String>,
    /// The traffic label; default `x-traffic-label`.
    pub label: Option<String>,
    /// The AB group, for services upstream; default `x-abtest-group`.
    pub group: Option<String>,
    /// The experiment, for the client; default `x-abtest-id`.
    pub experiment: Option<String>,
}

/// Where the gray id comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Identity {
    /// Where to look, in order; the first that holds an id wins. Default: header `x-gray-id`, query parameter
    /// `gray_id`, cookie `gray_id`. Where none does, a fresh UUID is drawn.
    pub sources: Vec<IdSource>,
    /// Gives a freshly drawn id back as a cookie, so that the user keeps it.
    pub cookie: Option<Cookie>,
}

/// One place where a gray id may stand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum IdSource {
    /// A request header, by name.
    Header(String),
    /// A query parameter, by name.
    Query(String),
    /// A cookie, by name.
    Cookie(String),
}

/// A cookie to be set, with its attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Cookie {
    /// The name; default `gray_id` for the identity and `ab_group` for the group of an AB release.
    pub name: Option<String>,
    /// `Path`; default `/`.
    pub path: Option<String>,
    /// `Domain`; default none, which means this host alone.
    pub domain: Option<String>,
    /// `Max-Age` in seconds; default one year (31536000). 0 makes a session cookie.
    pub max_age: Option<u32>,
    /// `Secure`: over TLS alone.
    pub secure: bool,
    /// `HttpOnly`: hidden from scripts.
    pub http_only: bool,
    /// `SameSite`; default `lax`.
    pub same_site: Option<SameSite>,
}

/// The `SameSite` attribute of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SameSite {
    /// Sent along when the user follows a link.
    Lax,
    /// Sent from the same site alone.
    Strict,
    /// Sent always; browsers ask for `Secure` with it.
    None,
}

/// One service's rollout: which requests it governs, its mode, its lanes, its rules.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Release {
    /// The name, unique in the policy: letters, digits, `-`, `_` and `.`, a letter first. Required.
    pub name: Option<String>,
    /// `true` leaves the requests that this release matches alone.
    pub off: bool,
    /// Raised when the release changes its meaning; told in `x-abtest-id`. Default 1.
    pub revision: Option<u32>,
    /// Which requests it governs. Required.
    #[serde(rename = "match")]
    pub matches: Option<Match>,
    /// The lanes, up to 32. Required.
    pub lanes: Vec<Lane>,
    /// The mode: an AB test. Exactly one of `ab`, `canary`, `blueGreen` is required.
    pub ab: Option<Ab>,
    /// The mode: a canary.
    pub canary: Option<Canary>,
    /// The mode: blue-green.
    pub blue_green: Option<BlueGreen>,
    /// What may force a lane. Default: nothing.
    pub overrides: Overrides,
    /// How far the release follows a label that came along. Default `chain`.
    pub follow: Option<Follow>,
    /// Conditions that pick a lane before the split does; the first that holds wins.
    pub rules: Vec<Rule>,
    /// What the client is told.
    pub respond: Respond,
}

/// Which requests a release governs: the host and the path must both match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Match {
    /// `shop.example.com`, `shop.example.com:8443`, `*.example.com`; default: every host. Case does not count.
    pub hosts: Vec<String>,
    /// Default: every path.
    pub paths: Vec<PathMatch>,
}

/// A test of the path, without its query; case counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PathMatch {
    /// The whole path.
    Exact(String),
    /// Whole segments from the start: `/pay` matches `/pay` and `/pay/now`, not `/payroll`.
    Prefix(String),
}

/// A named place a request can be sent to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Lane {
    /// The name, unique in the release. Required.
    pub name: Option<String>,
    /// The Envoy cluster of the lane, for routes with `cluster_header`.
    pub cluster: Option<String>,
    /// The number of the lane in a route with `weighted_clusters.header_name`.
    pub weighted_slot: Option<u32>,
    /// Pairs that are put into the traffic label of a request sent here.
    pub labels: BTreeMap<String, String>,
    /// `true` while nothing may be sent here; the fallback serves instead.
    pub unavailable: bool,
    /// The lanes that serve in its place, first available first; default: the release's default lane.
    pub fallback: Vec<String>,
}

/// The AB mode: groups with weights.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Ab {
    /// Decides who is in which group, together with the gray id. Required; a new salt deals everybody anew.
    pub salt: Option<String>,
    /// The groups. Weights are percentages of everybody and add up to 100.
    pub groups: Vec<Group>,
    /// The lane of everybody who is in no other group; default: the first group's.
    pub control: Option<String>,
    /// `false` only names the group and leaves the lane to another release. Default `true`.
    pub route: Option<bool>,
    /// Tells the client its group in a cookie.
    pub cookie: Option<Cookie>,
}

/// A group of an AB test.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Group {
    /// The lane of the group. Required.
    pub lane: Option<String>,
    /// Its share of everybody in percent, in steps of 0.01. Required, except for the control group.
    pub weight: Option<f64>,
    /// The part of the bucket space that the group may fill; default: equal parts. See docs/architecture.
    pub slot: Option<Slot>,
}

/// The canary mode: one stable lane, one or more candidates with a percentage.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Canary {
    /// The lane of everybody else. Required.
    pub stable: Option<String>,
    /// The lanes on trial.
    pub candidates: Vec<Candidate>,
    /// Decides who goes first, together with the gray id; default: the name of the release.
    pub salt: Option<String>,
}

/// A lane on trial.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Candidate {
    /// The lane. Required.
    pub lane: Option<String>,
    /// Its share of everybody in percent, in steps of 0.01. Required.
    pub percent: Option<f64>,
    /// The part of the bucket space that the candidate may fill; default: equal parts.
    pub slot: Option<Slot>,
}

/// A part of the bucket space, in percent: `from` is in, `to` is not.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Slot {
    /// Where it starts, 0 to 100 in steps of 0.01. Required.
    pub from: Option<f64>,
    /// Where it ends, 0 to 100 in steps of 0.01. Required.
    pub to: Option<f64>,
}

/// The blue-green mode: two lanes, one active.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct BlueGreen {
    /// The lane of everybody. Required.
    pub active: Option<String>,
    /// Who sees the idle lane before the switch.
    pub preview: Option<Preview>,
}

/// Who sees the idle lane before the switch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Preview {
    /// The condition. Required.
    pub when: Option<Condition>,
}

/// What may force a lane. At an edge listener these count only from a trusted source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Overrides {
    /// Headers whose value names a lane; `x-canary` and `x-canary-tag` by custom.
    pub headers: Vec<String>,
    /// A header of pairs (`version=v2;userTag=premium`) that a lane's labels are held against;
    /// `x-gray-rules` by custom.
    pub rules: Option<String>,
    /// Cookies whose value names a lane; `ab_group` by custom.
    pub cookies: Vec<String>,
}

/// How far a release follows a traffic label that came along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Follow {
    /// Labels of other services count: a call chain stays in one lane.
    #[default]
    Chain,
    /// Only labels that name this release count: `user-svc.version=v2`.
    Own,
    /// No label counts.
    None,
}

/// A named condition that picks a lane before the split does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// The name, told in the decision. Required.
    pub name: Option<String>,
    /// The condition. Required.
    pub when: Option<Condition>,
    /// The lane. Required.
    pub lane: Option<String>,
}

/// Tests of a request that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Condition {
    /// Headers by name. Only the first value of a header that stands several times is tested.
    pub header: BTreeMap<String, TextTest>,
    /// Cookies by name.
    pub cookie: BTreeMap<String, TextTest>,
    /// Query parameters by name, as written (no percent-decoding).
    pub query: BTreeMap<String, TextTest>,
    /// Pairs of the traffic label by key.
    pub label: BTreeMap<String, TextTest>,
    /// The path without its query.
    pub path: Option<TextTest>,
}

/// A test of one text; exactly one key is required. Bytes are compared as they are, case counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TextTest {
    /// Equal to this.
    pub exact: Option<String>,
    /// Starts with this.
    pub prefix: Option<String>,
    /// Equal to one of these.
    #[serde(rename = "in")]
    pub one_of: Option<Vec<String>>,
    /// There (`true`) or not (`false`).
    pub present: Option<bool>,
}

/// What the client is told in response headers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Respond {
    /// `x-gray-lane`: the lane that served. Default `false`.
    pub lane: bool,
    /// `x-abtest-id`: experiment, group and revision. Default `true` for an AB release.
    pub experiment: Option<bool>,
}
