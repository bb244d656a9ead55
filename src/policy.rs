//! The written form of a policy, key for key as people write it; JSON and YAML have the same keys.
//!
//! These types say what can be written, not what is right: [`compile`](mod@crate::compile) says that. A required
//! value is an `Option`, so that [`read`](crate::read) can go on after a mistake and report all of them.

pub use crate::read::Map;
use crate::read::written;

written! {
    /// What the host hands to one plugin: the listener's own settings, and the policy.
    pub struct PluginConfig {
        /// Whom this listener believes. Required: there is no safe guess.
        trust: Option<Trust> [required],
        /// `true` leaves each decision in the filter state, for the access log; it costs most of a microsecond a request.
        access_log: bool as "accessLog",
        /// The policy.
        policy: Policy,
    }
}

written! {
    /// Whom a listener believes.
    #[derive(Copy, Eq, Hash, serde::Deserialize)]
    pub enum Trust {
        /// Clients are outside: what they say of lanes, groups and labels is removed before anything reads it.
        Edge = "edge",
        /// The hop before is one of ours: its label and its overrides are believed.
        Mesh = "mesh",
    }
}

written! {
    /// The whole document: global settings and a list of releases.
    pub struct Policy {
        /// The language level of this document. Required; this module speaks level 1.
        language: Option<u32> [required],
        /// The version of this document, for people and metrics; it should grow with every change.
        version: u64,
        /// The kill switch: `true` leaves every request alone.
        off: bool,
        /// Source addresses (`10.0.0.0/8`, `::1`) whose labels and overrides count at an edge listener. Envoy must take
        /// them from the connection (`use_remote_address: true`), not from what a client writes in `x-forwarded-for`.
        trusted_sources: Vec<String> as "trustedSources",
        /// Other names for the headers that are read and written.
        names: Names,
        /// Where the gray id comes from.
        identity: Identity,
        /// The releases. Their order matters only between releases that match a request equally well.
        releases: Vec<Release>,
    }
}

written! {
    /// Other names for headers, each with its default in [`headers`](crate::headers).
    pub struct Names {
        /// The lane that the request is sent to; default `x-gray-lane`.
        lane: Option<String>,
        /// The cluster that the lane names; default `x-gray-cluster`.
        cluster: Option<String>,
        /// The number of the lane in weighted clusters; default `x-gray-slot`.
        slot: Option<String>,
        /// The gray id, passed on; default `x-gray-id`.
        id: Option<String>,
        /// The traffic label; default `x-traffic-label`.
        label: Option<String>,
        /// The AB group, for services upstream; default `x-abtest-group`.
        group: Option<String>,
        /// The experiment, for the client; default `x-abtest-id`.
        experiment: Option<String>,
    }
}

written! {
    /// Where the gray id comes from.
    pub struct Identity {
        /// Where to look, in order; the first that holds an id wins. Default: header `x-gray-id`, query parameter
        /// `gray_id`, cookie `gray_id`. Where none does, a fresh UUID is drawn.
        sources: Vec<IdSource>,
        /// Gives a freshly drawn id back as a cookie, so that the user keeps it.
        cookie: Option<Cookie>,
    }
}

written! {
    /// One place where a gray id may stand.
    pub enum IdSource {
        /// A request header, by name.
        Header(String) = "header",
        /// A query parameter, by name.
        Query(String) = "query",
        /// A cookie, by name.
        Cookie(String) = "cookie",
    }
}

written! {
    /// A cookie to be set, with its attributes.
    pub struct Cookie {
        /// The name; default `gray_id` for the identity and `ab_group` for the group of an AB release.
        name: Option<String>,
        /// `Path`; default `/`.
        path: Option<String>,
        /// `Domain`; default none, which means this host alone.
        domain: Option<String>,
        /// `Max-Age` in seconds; default one year (31536000). 0 makes a session cookie.
        max_age: Option<u32> as "maxAge",
        /// `Secure`: over TLS alone.
        secure: bool,
        /// `HttpOnly`: hidden from scripts.
        http_only: bool as "httpOnly",
        /// `SameSite`; default `lax`.
        same_site: Option<SameSite> as "sameSite",
    }
}

written! {
    /// The `SameSite` attribute of a cookie.
    #[derive(Copy, Eq)]
    pub enum SameSite {
        /// Sent along when the user follows a link.
        Lax = "lax",
        /// Sent from the same site alone.
        Strict = "strict",
        /// Sent always; browsers ask for `Secure` with it.
        None = "none",
    }
}

written! {
    /// One service's rollout: which requests it governs, its mode, its lanes, its rules.
    pub struct Release {
        /// The name, unique in the policy: letters, digits, `-`, `_` and `.`, a letter first. Required.
        name: Option<String> [required],
        /// `true` leaves the requests that this release matches alone.
        off: bool,
        /// Raised when the release changes its meaning; told in `x-abtest-id`. Default 1.
        revision: Option<u32>,
        /// Which requests it governs. Required.
        matches: Option<Match> as "match" [required],
        /// The lanes, up to 32. Required.
        lanes: Vec<Lane> [required],
        /// The mode: an AB test. Exactly one of `ab`, `canary`, `blueGreen` is required.
        ab: Option<Ab>,
        /// The mode: a canary.
        canary: Option<Canary>,
        /// The mode: blue-green.
        blue_green: Option<BlueGreen> as "blueGreen",
        /// What may force a lane. Default: nothing.
        overrides: Overrides,
        /// How far the release follows a label that came along. Default `chain`.
        follow: Option<Follow>,
        /// Conditions that pick a lane before the split does; the first that holds wins.
        rules: Vec<Rule>,
        /// What the client is told.
        respond: Respond,
    }
}

written! {
    /// Which requests a release governs: the host and the path must both match.
    pub struct Match {
        /// `shop.example.com`, `shop.example.com:8443`, `*.example.com`; default: every host. Case does not count.
        hosts: Vec<String>,
        /// Default: every path.
        paths: Vec<PathMatch>,
    }
}

written! {
    /// A test of the path, without its query; case counts.
    pub enum PathMatch {
        /// The whole path.
        Exact(String) = "exact",
        /// Whole segments from the start: `/pay` matches `/pay` and `/pay/now`, not `/payroll`.
        Prefix(String) = "prefix",
    }
}

written! {
    /// A named place a request can be sent to.
    pub struct Lane {
        /// The name, unique in the release. Required.
        name: Option<String> [required],
        /// The Envoy cluster of the lane, for routes with `cluster_header`.
        cluster: Option<String>,
        /// The number of the lane in a route with `weighted_clusters.header_name`.
        weighted_slot: Option<u32> as "weightedSlot",
        /// Pairs that are put into the traffic label of a request sent here.
        labels: Map<String>,
        /// `true` while nothing may be sent here; the fallback serves instead.
        unavailable: bool,
        /// The lanes that serve in its place, first available first; default: the release's default lane.
        fallback: Vec<String>,
    }
}

written! {
    /// The AB mode: groups with weights.
    pub struct Ab {
        /// Decides who is in which group, together with the gray id. Required; a new salt deals everybody anew.
        salt: Option<String> [required],
        /// The groups. Weights are percentages of everybody and add up to 100.
        groups: Vec<Group>,
        /// The lane of everybody who is in no other group; default: the first group's.
        control: Option<String>,
        /// `false` only names the group and leaves the lane to another release. Default `true`.
        route: Option<bool>,
        /// Tells the client its group in a cookie.
        cookie: Option<Cookie>,
    }
}

written! {
    /// A group of an AB test.
    pub struct Group {
        /// The lane of the group. Required.
        lane: Option<String> [required],
        /// Its share of everybody in percent, in steps of 0.01. Required, except for the control group.
        weight: Option<f64>,
        /// The part of the bucket space that the group may fill; default: equal parts. See docs/architecture.
        slot: Option<Slot>,
    }
}

written! {
    /// The canary mode: one stable lane, one or more candidates with a percentage.
    pub struct Canary {
        /// The lane of everybody else. Required.
        stable: Option<String> [required],
        /// The lanes on trial.
        candidates: Vec<Candidate>,
        /// Decides who goes first, together with the gray id; default: the name of the release.
        salt: Option<String>,
    }
}

written! {
    /// A lane on trial.
    pub struct Candidate {
        /// The lane. Required.
        lane: Option<String> [required],
        /// Its share of everybody in percent, in steps of 0.01. Required.
        percent: Option<f64> [required],
        /// The part of the bucket space that the candidate may fill; default: equal parts.
        slot: Option<Slot>,
    }
}

written! {
    /// A part of the bucket space, in percent: `from` is in, `to` is not.
    pub struct Slot {
        /// Where it starts, 0 to 100 in steps of 0.01. Required.
        from: Option<f64> [required],
        /// Where it ends, 0 to 100 in steps of 0.01. Required.
        to: Option<f64> [required],
    }
}

written! {
    /// The blue-green mode: two lanes, one active.
    pub struct BlueGreen {
        /// The lane of everybody. Required.
        active: Option<String> [required],
        /// Who sees the idle lane before the switch.
        preview: Option<Preview>,
    }
}

written! {
    /// Who sees the idle lane before the switch.
    pub struct Preview {
        /// The condition. Required.
        when: Option<Condition> [required],
    }
}

written! {
    /// What may force a lane. At an edge listener these count only from a trusted source.
    pub struct Overrides {
        /// Headers whose value names a lane; `x-canary` and `x-canary-tag` by custom.
        headers: Vec<String>,
        /// A header of pairs (`version=v2;userTag=premium`) that a lane's labels are held against;
        /// `x-gray-rules` by custom.
        rules: Option<String>,
        /// Cookies whose value names a lane; `ab_group` by custom.
        cookies: Vec<String>,
    }
}

written! {
    /// How far a release follows a traffic label that came along.
    #[derive(Copy, Eq)]
    pub enum Follow {
        /// Labels of other services count: a call chain stays in one lane.
        Chain = "chain",
        /// Only labels that name this release count: `user-svc.version=v2`.
        Own = "own",
        /// No label counts.
        None = "none",
    }
}

written! {
    /// A named condition that picks a lane before the split does.
    pub struct Rule {
        /// The name, told in the decision. Required.
        name: Option<String> [required],
        /// The condition. Required.
        when: Option<Condition> [required],
        /// The lane. Required.
        lane: Option<String> [required],
    }
}

written! {
    /// Tests of a request that must all hold.
    pub struct Condition {
        /// Headers by name. Only the first value of a header that stands several times is tested.
        header: Map<TextTest>,
        /// Cookies by name.
        cookie: Map<TextTest>,
        /// Query parameters by name, as written (no percent-decoding).
        query: Map<TextTest>,
        /// Pairs of the traffic label by key.
        label: Map<TextTest>,
        /// The path without its query.
        path: Option<TextTest>,
    }
}

written! {
    /// A test of one text; exactly one key is required. Bytes are compared as they are, case counts.
    pub struct TextTest {
        /// Equal to this.
        exact: Option<String>,
        /// Starts with this.
        prefix: Option<String>,
        /// Equal to one of these.
        one_of: Option<Vec<String>> as "in",
        /// There (`true`) or not (`false`).
        present: Option<bool>,
    }
}

written! {
    /// What the client is told in response headers.
    pub struct Respond {
        /// `x-gray-lane`: the lane that served. Default `false`.
        lane: bool,
        /// `x-abtest-id`: experiment, group and revision. Default `true` for an AB release.
        experiment: Option<bool>,
    }
}
