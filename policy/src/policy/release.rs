//! One service's rollout.

use super::{Ab, BlueGreen, Canary, Condition, Cookie, Map};
use crate::written;

written! {
    /// One service's rollout: which requests it governs, its mode, its lanes, its rules.
    pub struct Release {
        /// The name, unique in the policy: letters, digits, `-`, `_` and `.`, a letter first. Required.
        name: Option<String> [required],
        /// `true` leaves the requests that this release matches alone.
        off: bool,
        /// When the release is on; default: always. Outside it is as if `off` were set.
        during: Option<During>,
        /// Raised when the release changes its meaning; told in `x-abtest-id`. To raise it is how one says to `graylane check
        /// --against` that a change is meant. It drops the cookies of `sticky`, unless these count for `any` of the revisions.
        /// Default 1.
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
        /// Gray ids that always take the default lane (stable, control, active), whatever rules and split say.
        deny: Vec<String>,
        /// Lanes, and the gray ids that always take them.
        allow: Map<Vec<String>>,
        /// Conditions that pick a lane before the split does; the first that holds wins.
        rules: Vec<Rule>,
        /// Remembers in a cookie which lane a user got, so that it stays when shares change. Default: it follows from the
        /// policy alone.
        sticky: Option<Sticky>,
        /// What the client is told.
        respond: Respond,
        /// Has each proxy stop using a lane of which it sees that it fails or is slow; default: nothing watches. It takes
        /// `graylane-telemetry.wasm`.
        guard: Option<Guard>,
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
        /// When the rule counts; default: always.
        during: Option<During>,
    }
}

written! {
    /// A time from one point to another. Both are written with their offset: `2026-12-01T09:00:00+01:00`.
    pub struct During {
        /// When it starts; default: it has started.
        from: Option<String>,
        /// When it is over; default: never.
        until: Option<String>,
    }
}

written! {
    /// A cookie that remembers which lane a user got: release, lane and revision, and with a key a MAC over these and the gray
    /// id. It counts while its lane is open: has a share, or is the default lane, or is being drained. Without a key whoever
    /// writes the cookie chooses among the open lanes.
    pub struct Sticky {
        /// The cookie; its name is `gray_` and the release's unless it says another.
        cookie: Cookie,
        /// The id of a key in the plugin's configuration, by which cookies are authenticated.
        key: Option<String>,
        /// Which revisions of the release a cookie may be of. Default `same`.
        revisions: Option<Revisions>,
    }
}

written! {
    /// Which revisions of its release a sticky cookie may be of.
    #[derive(Copy, Eq)]
    pub enum Revisions {
        /// The one in force: raising `revision` makes everybody be dealt anew. A bare lane name, as other systems write it,
        /// has no revision: it counts all the same, unless a `key` is asked for.
        Same = "same",
        /// Any: a user stays as long as the lane is open.
        Any = "any",
    }
}

written! {
    /// When a proxy stops using a lane, by what it sees of it itself: the lane's fallbacks serve until it is well again. At least one of
    /// `errorPercent` and `slowPercent` is required.
    pub struct Guard {
        /// The lane; default: every lane but the default lane.
        lane: Option<String>,
        /// It trips when more than so many percent of the lane's attempts fail, by more than chance explains.
        error_percent: Option<f64> as "errorPercent",
        /// A request that takes longer is slow.
        slow_millis: Option<u32> as "slowMillis",
        /// It trips when more than so many percent of the lane's requests are slow, by more than chance explains: with 5 when the 95th
        /// percentile is above `slowMillis`.
        slow_percent: Option<f64> as "slowPercent",
        /// Fewer requests than that are no evidence; default 50.
        min_requests: Option<u32> as "minRequests",
        /// What is looked at: the requests of the last so many seconds, 1 to 3600; default 10.
        window_seconds: Option<u32> as "windowSeconds",
        /// For so many seconds nobody has a lane that tripped, 1 to 86400; twice as long each time in a row, eightfold at most. Default 60.
        cooldown_seconds: Option<u32> as "cooldownSeconds",
        /// Then so many percent of the gray ids try it, twice as many with each window, until it is seen to be well or not; default 5.
        probe_percent: Option<f64> as "probePercent",
        /// Of the failures that it takes to trip, one gray id counts for at most so many percent; default: for all of them.
        id_percent: Option<f64> as "idPercent",
    }
}

written! {
    /// What the client is told in response headers.
    pub struct Respond {
        /// `x-gray-lane`: the lane that served. Default `false`.
        lane: bool,
        /// `x-abtest-id`: experiment, group and revision. Default `true` for an AB release.
        experiment: Option<bool>,
        /// What shared caches are told of a response, so that none hands the page of one lane to users of another. Default `none`, of which the checker warns.
        cache: Option<Cache>,
    }
}

written! {
    /// What shared caches are told.
    #[derive(Copy, Eq)]
    pub enum Cache {
        /// `Cache-Control: private`: they keep nothing; browsers do as before.
        Private = "private",
        /// `Vary` with the request headers that the decision reads: they keep one for each. Private where the id was drawn, or a
        /// claim counts from `trustedSources` alone.
        Vary = "vary",
        /// Nothing: responses are the same in all lanes, or no cache stands before this listener.
        None = "none",
    }
}
