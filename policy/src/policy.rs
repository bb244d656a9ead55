//! The written form of a policy, key for key as people write it; JSON and YAML have the same keys.
//!
//! These types say what can be written, not what is right: the engine's `compile` says that. A required
//! value is an `Option`, so that [`read`](crate::read) can go on after a mistake and report all of them.

mod condition;
mod identity;
mod mode;
mod release;

pub use condition::{Condition, PercentTest, RemainderTest, TextTest};
pub use identity::{Absent, Cookie, IdSource, Identity, Normalize, SameSite};
pub use mode::{
    Ab, Algorithm, BlueGreen, Canary, Candidate, Drain, Encoding, Group, Hash, Layout, Point, Preset,
    Preview, Ramp, Reduce, Slot, Traffic,
};
pub use release::{
    Cache, During, Follow, Guard, Lane, Match, Overrides, PathMatch, Release, Respond, Revisions, Rule,
    Sticky,
};

pub use crate::read::{Map, OneOrMore};
use crate::written;

written! {
    /// What the host hands to one plugin: the listener's own settings, and the policy.
    pub struct PluginConfig {
        /// Whom this listener believes. Required: there is no safe guess.
        trust: Option<Trust> [required],
        /// `true` leaves each decision in the filter state, for the access log; it costs most of a microsecond a request.
        access_log: bool as "accessLog",
        /// What `graylane-telemetry.wasm` counts by release and lane; the module without telemetry passes it over.
        metrics: Metrics,
        /// Secrets by their id, each as 32 to 128 hexadecimal digits; policies name the ids.
        keys: Map<String>,
        /// The name of a watch (`graylane-watch.wasm`, in the bootstrap): its policy is in force as soon as it has one.
        watch: Option<String>,
        /// The policy. With a watch it may be left out, and is in force until the watch has one.
        policy: Policy,
        /// The policy that may come next: `graylane-telemetry.wasm` decides by it too, and counts by lane who would move; nothing else
        /// comes of it.
        shadow: Option<Policy>,
    }
}

written! {
    /// What is counted by release and lane.
    #[derive(Copy)]
    pub struct Metrics {
        /// How many lanes may have series of their own in a process, 19 each at most; others are counted together, as `_other`. By
        /// default 100.
        lanes: Option<u32>,
        /// `true` counts gRPC calls by their status too: 17 more series a lane.
        grpc_status: bool as "grpcStatus",
        /// `true` counts requests alone, as they are decided: how they end is left to Envoy's own series, and asked for guarded lanes
        /// only.
        requests_only: bool as "requestsOnly",
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
        /// Where Envoy leaves the claims of tokens that it has verified.
        claims: Claims,
        /// Layers of experiments.
        layers: Vec<Layer>,
        /// Users whom no split of this policy takes into an experiment; default: none. Overrides, labels, lists and rules come
        /// before it and tell them a group all the same.
        holdout: Option<Holdout>,
        /// How long the source of this policy may be silent; default: as long as it likes.
        stale: Option<Stale>,
        /// Has `graylane-telemetry.wasm` tell who met which group of an AB test; default: it does not.
        exposures: Option<Exposures>,
        /// The releases. Their order matters only between releases that match a request equally well.
        releases: Vec<Release>,
    }
}

written! {
    /// How it is told who met which group of an AB test: in the filter state, for the access log.
    pub struct Exposures {
        /// For so many seconds the same user in the same group is not told again by a worker; default 3600. With 0 every request tells.
        window: Option<u32>,
        /// The key, by its id among those of the plugin, by which the ids of users are hashed; default: they are told as they are.
        key: Option<String>,
    }
}

written! {
    /// Other names for headers, each with its default.
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
    /// Where Envoy leaves the claims of tokens that it has verified: in the metadata of its JWT filter, which must stand before
    /// this one and have `payload_in_metadata` set.
    pub struct Claims {
        /// The name of the filter; default `envoy.filters.http.jwt_authn`.
        filter: Option<String>,
        /// What `payload_in_metadata` says; default `payload`, which is what Istio sets.
        key: Option<String>,
    }
}

written! {
    /// A layer of experiments: each takes a part of the layer's users (`traffic`), and no two take the same one.
    pub struct Layer {
        /// The name, unique in the policy. Required.
        name: Option<String> [required],
        /// Decides which part a user is in, together with the gray id; default: the name.
        salt: Option<String>,
        /// The part of all users, in percent, that is in no experiment of the layer: the last ones of its buckets. Default 0.
        holdout: f64,
        /// How users become buckets; default: graylane's own way.
        hash: Option<Hash>,
    }
}

written! {
    /// How long the source of a policy may be silent, and what happens then. It counts where a watch follows etcd: the configuration
    /// of a plugin is no source that could be silent.
    pub struct Stale {
        /// How long, in seconds; 10 or more. Required.
        after: Option<u32> [required],
        /// What happens from then on until the source is heard again; default `keep`.
        then: Option<WhenStale>,
    }
}

written! {
    /// What happens while the source of a policy is silent for too long. Log and metrics say so in any case.
    #[derive(Copy, Eq)]
    pub enum WhenStale {
        /// What is in force goes on, ramps too.
        Keep = "keep",
        /// Ramps stand still, each at the share of the moment at which it was too long.
        FreezeRamps = "freezeRamps",
        /// Every release sends everybody to its default lane, and AB tests name no group.
        DefaultLanes = "defaultLanes",
    }
}

written! {
    /// Users whom no split takes into an experiment.
    pub struct Holdout {
        /// The part of all users, in percent. Required.
        percent: Option<f64> [required],
        /// Decides who, together with the gray id. Required.
        salt: Option<String> [required],
    }
}
