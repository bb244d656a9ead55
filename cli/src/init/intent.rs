//! What a first policy can be for: an example for each, and where in it the values stand.

use graylane::policy::Trust;

use super::Flag;
use Place::{Dated, Key, Later, Value};

/// What a first policy is for.
#[derive(Debug)]
pub struct Intent {
    /// The name, which is that of the file in `examples/`.
    pub name: &'static str,
    /// The example.
    pub text: &'static str,
    /// Whom the listener believes for which it is meant.
    pub trust: Trust,
    /// What can be said differently, in the order in which it is asked for.
    pub knobs: &'static [Knob],
}

/// A value of an example that can be said differently.
#[derive(Debug)]
pub struct Knob {
    /// What it is called.
    pub flag: Flag,
    /// Everywhere that it stands.
    pub places: &'static [Place],
}

/// A place in an example, by its path.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// The value stands there.
    Value(&'static str),
    /// It is the last key of the path.
    Key(&'static str),
    /// It stands there with the month: a salt that follows a name.
    Dated(&'static str),
    /// A time, so many days later, stands there.
    Later(&'static str, i64),
}

impl Place {
    /// The path.
    pub fn path(self) -> &'static str {
        match self {
            Value(path) | Key(path) | Dated(path) | Later(path, _) => path,
        }
    }
}

impl Intent {
    /// The intent of a name.
    pub fn named(name: &str) -> Option<&'static Intent> {
        Intent::ALL.iter().find(|intent| intent.name == name)
    }

    /// What it does: the first line of the example.
    pub fn what(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// The flags that it has.
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        self.knobs.iter().map(|knob| knob.flag)
    }

    pub(super) fn knob(&self, flag: Flag) -> Option<&'static Knob> {
        self.knobs.iter().find(|knob| knob.flag == flag)
    }
}

const fn knob(flag: Flag, places: &'static [Place]) -> Knob {
    Knob { flag, places }
}

const HOST: Knob = knob(Flag::Host, &[Value("releases[0].match.hosts")]);
const SERVICE: Knob = knob(Flag::Service, &[Value("releases[0].name")]);
const STABLE: Knob =
    knob(Flag::Stable, &[Value("releases[0].lanes[0].name"), Value("releases[0].canary.stable")]);
const CANDIDATE: Knob = knob(Flag::Candidate, &[Value(LANE_1), Value(CANDIDATE_0)]);
const RULED_CANDIDATE: Knob =
    knob(Flag::Candidate, &[Value(LANE_1), Value(CANDIDATE_0), Value("releases[0].rules[0].lane")]);
const PERCENT: Knob = knob(Flag::Percent, &[Value("releases[0].canary.candidates[0].percent")]);
const SALT: Knob = knob(Flag::Salt, &[Value("releases[0].canary.salt")]);
const CONTROL: Knob =
    knob(Flag::Control, &[Value("releases[0].lanes[0].name"), Value("releases[0].ab.groups[0].lane")]);
const VARIANT: Knob = knob(Flag::Variant, &[Value(LANE_1), Value("releases[0].ab.groups[1].lane")]);
const WEIGHT: Knob = knob(Flag::Percent, &[Value("releases[0].ab.groups[1].weight")]);
const AB_SALT: Knob = knob(Flag::Salt, &[Value("releases[0].ab.salt")]);
const LANE_1: &str = "releases[0].lanes[1].name";
const CANDIDATE_0: &str = "releases[0].canary.candidates[0].lane";

/// An intent, with the example of its name.
macro_rules! intent {
    ($name:literal, $trust:ident, [$($knob:expr),+ $(,)?]) => {
        Intent {
            name: $name,
            text: include_str!(concat!("../../../examples/", $name, ".yaml")),
            trust: Trust::$trust,
            knobs: &[$($knob),+],
        }
    };
}

impl Intent {
    /// All of them, in the order in which they are listed.
    pub const ALL: &[Intent] = &[
        intent!("canary", Edge, [HOST, SERVICE, STABLE, CANDIDATE, PERCENT, SALT]),
        intent!("canary-guarded", Edge, [HOST, SERVICE, STABLE, CANDIDATE, PERCENT, SALT]),
        intent!(
            "canary-testers",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                knob(
                    Flag::Candidate,
                    &[
                        Value(LANE_1),
                        Value(CANDIDATE_0),
                        Key("releases[0].allow.v2"),
                        Value("releases[0].rules[0].lane"),
                        Value("releases[0].rules[1].lane"),
                    ]
                ),
                knob(Flag::Header, &[Key("releases[0].rules[0].when.header.x-tester")]),
                knob(Flag::Cookie, &[Key("releases[0].rules[1].when.cookie.tester")]),
                knob(
                    Flag::Value,
                    &[
                        Value("releases[0].rules[0].when.header.x-tester.exact"),
                        Value("releases[0].rules[1].when.cookie.tester.exact"),
                    ]
                ),
                knob(Flag::Id, &[Value("releases[0].allow.v2")]),
                PERCENT,
                SALT,
            ]
        ),
        intent!(
            "canary-steps",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                CANDIDATE,
                knob(
                    Flag::Start,
                    &[
                        Value("releases[0].canary.candidates[0].ramp.steps[0].at"),
                        Later("releases[0].canary.candidates[0].ramp.steps[1].at", 1),
                        Later("releases[0].canary.candidates[0].ramp.steps[2].at", 2),
                        Later("releases[0].canary.candidates[0].ramp.steps[3].at", 3),
                        Later("releases[0].canary.candidates[0].ramp.steps[4].at", 4),
                    ]
                ),
                SALT,
            ]
        ),
        intent!(
            "canary-linear",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                CANDIDATE,
                knob(
                    Flag::Start,
                    &[
                        Value("releases[0].canary.candidates[0].ramp.linear[0].at"),
                        Later("releases[0].canary.candidates[0].ramp.linear[1].at", 7),
                    ]
                ),
                knob(Flag::Percent, &[Value("releases[0].canary.candidates[0].ramp.linear[1].percent")]),
                SALT,
            ]
        ),
        intent!(
            "canary-app-version",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                RULED_CANDIDATE,
                knob(Flag::Header, &[Key("releases[0].rules[0].when.header.x-app-version")]),
                knob(Flag::Range, &[Value("releases[0].rules[0].when.header.x-app-version.semver")]),
                PERCENT,
                SALT,
            ]
        ),
        intent!(
            "canary-tenants",
            Mesh,
            [
                HOST,
                knob(Flag::Service, &[Value("releases[0].name"), Dated("releases[0].canary.salt")]),
                knob(Flag::OtherHost, &[Value("releases[1].match.hosts")]),
                knob(Flag::Other, &[Value("releases[1].name"), Dated("releases[1].canary.salt")]),
                knob(
                    Flag::Stable,
                    &[
                        Value("releases[0].lanes[0].name"),
                        Value("releases[0].canary.stable"),
                        Value("releases[1].lanes[0].name"),
                        Value("releases[1].canary.stable"),
                    ]
                ),
                knob(
                    Flag::Candidate,
                    &[
                        Value(LANE_1),
                        Value(CANDIDATE_0),
                        Value("releases[0].rules[0].lane"),
                        Value("releases[1].lanes[1].name"),
                        Value("releases[1].canary.candidates[0].lane"),
                    ]
                ),
                knob(Flag::Tenant, &[Value("releases[0].rules[0].when.label.tenant.in")]),
            ]
        ),
        intent!(
            "internal-first",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                RULED_CANDIDATE,
                knob(Flag::Network, &[Value("releases[0].rules[0].when.source")]),
                PERCENT,
                SALT,
            ]
        ),
        intent!(
            "fallback",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                knob(
                    Flag::Candidate,
                    &[Value("releases[0].lanes[2].name"), Value("releases[0].canary.candidates[1].lane"),]
                ),
                knob(
                    Flag::Fallback,
                    &[Value(LANE_1), Value("releases[0].lanes[2].fallback[0]"), Value(CANDIDATE_0),]
                ),
                knob(Flag::Percent, &[Value("releases[0].canary.candidates[1].percent")]),
                SALT,
            ]
        ),
        intent!("ab-test", Edge, [HOST, SERVICE, CONTROL, VARIANT, WEIGHT, AB_SALT]),
        intent!(
            "ab-layer",
            Edge,
            [
                knob(Flag::Host, &[Value("releases[0].match.hosts"), Value("releases[1].match.hosts")]),
                knob(
                    Flag::Layer,
                    &[Value("layers[0].name"), Value("releases[0].ab.layer"), Value("releases[1].ab.layer"),]
                ),
                knob(Flag::Service, &[Value("releases[0].name"), Dated("releases[0].ab.salt")]),
                knob(Flag::Other, &[Value("releases[1].name"), Dated("releases[1].ab.salt")]),
            ]
        ),
        intent!(
            "ab-audience",
            Edge,
            [
                HOST,
                SERVICE,
                knob(Flag::Claim, &[Key("releases[0].ab.audience.claim.tier")]),
                knob(Flag::Value, &[Value("releases[0].ab.audience.claim.tier.in")]),
                CONTROL,
                VARIANT,
                WEIGHT,
                AB_SALT,
            ]
        ),
        intent!(
            "ab-fingerprint",
            Edge,
            [
                HOST,
                SERVICE,
                knob(Flag::Path, &[Value("releases[0].rules[0].when.not.path.prefix")]),
                CONTROL,
                VARIANT,
                WEIGHT,
                AB_SALT,
            ]
        ),
        intent!(
            "blue-green",
            Edge,
            [
                HOST,
                SERVICE,
                knob(
                    Flag::Active,
                    &[Value("releases[0].lanes[0].name"), Value("releases[0].blueGreen.active")]
                ),
                knob(Flag::Idle, &[Value(LANE_1)]),
                knob(Flag::Header, &[Key("releases[0].blueGreen.preview.when.header.x-preview")]),
                knob(Flag::Value, &[Value("releases[0].blueGreen.preview.when.header.x-preview.exact")]),
            ]
        ),
        intent!(
            "blue-green-drain",
            Edge,
            [
                HOST,
                SERVICE,
                knob(Flag::Active, &[Value(LANE_1), Value("releases[0].blueGreen.active")]),
                knob(Flag::Idle, &[Value("releases[0].lanes[0].name")]),
                knob(Flag::Until, &[Value("releases[0].blueGreen.drain.until")]),
            ]
        ),
        intent!(
            "from-unleash",
            Edge,
            [
                HOST,
                SERVICE,
                STABLE,
                CANDIDATE,
                knob(Flag::Header, &[Value("identity.sources[0].header")]),
                PERCENT,
                knob(Flag::GroupId, &[Value("releases[0].canary.salt")]),
            ]
        ),
        intent!(
            "from-envoy",
            Edge,
            [
                HOST,
                SERVICE,
                knob(
                    Flag::Stable,
                    &[Value("releases[0].lanes[0].name"), Value("releases[0].ab.groups[0].lane")]
                ),
                knob(Flag::Candidate, &[Value(LANE_1), Value("releases[0].ab.groups[1].lane")]),
                knob(Flag::Header, &[Value("identity.sources[0].header")]),
            ]
        ),
    ];
}
