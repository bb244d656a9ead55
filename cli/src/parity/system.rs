//! The systems that rows may name, and what each does by itself.

use graylane::hash::{Algorithm, Preset, Reduction};

use super::row::{Row, bits};
use super::{Known, Unknown};

/// Whose algorithm a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// A hash function and nothing else.
    Hash(Function),
    Amplitude,
    DevCycle,
    Envoy,
    Eppo,
    FeatureHub,
    Flagd,
    Flagsmith,
    GoFeatureFlag,
    GrowthBook,
    LaunchDarkly,
    Nginx,
    Optimizely,
    PlanOut,
    Split(Bucketing),
    Statsig,
    Unleash,
    Vwo,
}

/// The ways in which Split has made buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucketing {
    /// Algorithm 2: murmur3.
    Murmur3,
    /// murmur3, taken for signed: the first Java SDK.
    Murmur3Signed,
    /// Algorithm 1: the hash of Java's strings.
    Legacy,
}

/// A hash function of whole texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Of(Algorithm),
    /// `String.hashCode` of Java, over UTF-16 units, with the seed xored into it.
    Java,
    /// Envoy's, of ASCII letters as small ones.
    Djb2,
}

/// How a system reduces a hash, and whether it counts from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reduced {
    pub(super) reduction: Reduction,
    pub(super) buckets: u32,
    pub(super) offset: u64,
}

/// Names without case and punctuation.
const SYSTEMS: [(System, &[&str]); 19] = [
    (System::Amplitude, &["amplitude"]),
    (System::DevCycle, &["devcycle"]),
    (System::Envoy, &["envoy", "envoyweighted", "envoyxxh64", "envoyxxhash64", "envoymurmur2", "envoyhash"]),
    (System::Eppo, &["eppo", "eppoufc", "epporac"]),
    (System::FeatureHub, &["featurehub"]),
    (System::Flagd, &["flagd", "flagdv1", "flagdv2", "flagdv3", "openfeatureflagd"]),
    (System::Flagsmith, &["flagsmith"]),
    (System::GoFeatureFlag, &["gofeatureflag", "goff"]),
    (System::GrowthBook, &["growthbook", "growthbookv1", "growthbookv2"]),
    (System::LaunchDarkly, &["launchdarkly"]),
    (System::Nginx, &["nginx", "nginxsplitclients", "splitclients"]),
    (System::Optimizely, &["optimizely", "optimizelygroup"]),
    (System::PlanOut, &["planout"]),
    (System::Split(Bucketing::Murmur3), &["split", "splitio", "harness", "harnessfme", "splitmurmur3"]),
    (System::Split(Bucketing::Legacy), &["splitlegacy", "splitiolegacy", "legacysplit"]),
    (System::Split(Bucketing::Murmur3Signed), &["splitsigned", "splitmurmur3signed"]),
    (System::Statsig, &["statsig"]),
    (System::Unleash, &["unleash"]),
    (System::Vwo, &["vwo"]),
];

const FUNCTIONS: [(Function, &[&str]); 12] = [
    (
        Function::Of(Algorithm::Murmur3X86_32),
        &["murmur3x8632", "murmur3", "murmur332", "murmurhash3", "mmh3"],
    ),
    (Function::Of(Algorithm::Murmur3X64High), &["murmur3x64"]),
    (Function::Of(Algorithm::Xxh64), &["xxh64", "xxhash64", "xxhash"]),
    (Function::Of(Algorithm::Fnv1a32), &["fnv1a32", "fnv1a", "fnv32a"]),
    (Function::Of(Algorithm::Fnv1a64), &["fnv1a64", "fnv64a"]),
    (Function::Of(Algorithm::Md5Be32), &["md5", "md5be32"]),
    (Function::Of(Algorithm::Sha1Be60), &["sha1", "sha1be60", "sha160"]),
    (Function::Of(Algorithm::Sha256Be64), &["sha256", "sha256be64"]),
    (
        Function::Of(Algorithm::Murmur2X32),
        &["murmur2", "murmurhash2", "murmur232", "murmur2x32", "nginxmurmur2"],
    ),
    (
        Function::Of(Algorithm::Murmur2X64),
        &[
            "murmur264",
            "murmurhash264",
            "murmur264a",
            "murmurhash264a",
            "murmurhash64a",
            "murmur2x64",
            "stdhash",
        ],
    ),
    (Function::Java, &["java31", "java", "javastring", "javastringhash", "javahashcode"]),
    (Function::Djb2, &["djb2", "djb2caseinsensitive", "djb2caseinsensitivehash"]),
];

/// A name without case and punctuation.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

fn find<T: Copy>(table: &[(T, &[&str])], name: &str) -> Option<T> {
    let name = bare(name);
    table.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(found, _)| *found)
}

impl System {
    /// The system of a row.
    pub(super) fn of(row: Row<'_>) -> Known<Self> {
        let name = row.text(&["system"]).ok_or_else(|| Unknown::missing("system"))?;
        let exact = find(&SYSTEMS, &name).or_else(|| function(&name).map(System::Hash));
        // `vwo-fme` is VWO. PlanOut in JavaScript is not PlanOut: its default build chooses differently.
        let system = exact.or_else(|| {
            let is_start = |(_, names): &&(System, &[&str])| {
                names.first().is_some_and(|first| bare(&name).starts_with(first))
            };
            SYSTEMS
                .iter()
                .find(is_start)
                .map(|(system, _)| *system)
                .filter(|system| *system != System::PlanOut)
        });
        match system.ok_or_else(|| Unknown::new("the system is not known"))? {
            System::Split(Bucketing::Murmur3) => Ok(System::Split(Bucketing::of(row))),
            other => Ok(other),
        }
    }

    /// What another system has in a scheme of ours.
    pub(super) fn preset(self) -> Option<&'static Preset> {
        match self {
            System::Amplitude => Some(&Preset::AMPLITUDE),
            System::Envoy => Some(&Preset::ENVOY_WEIGHTED),
            System::Eppo => Some(&Preset::EPPO),
            System::FeatureHub => Some(&Preset::FEATUREHUB),
            System::Flagd => Some(&Preset::FLAGD_V2),
            System::GoFeatureFlag => Some(&Preset::GO_FEATURE_FLAG),
            System::Optimizely => Some(&Preset::OPTIMIZELY),
            System::Split(_) => Some(&Preset::SPLIT),
            System::Statsig => Some(&Preset::STATSIG),
            System::Unleash => Some(&Preset::UNLEASH_ROLLOUT),
            System::Vwo => Some(&Preset::VWO),
            System::Hash(_)
            | System::DevCycle
            | System::Flagsmith
            | System::GrowthBook
            | System::LaunchDarkly
            | System::Nginx
            | System::PlanOut => None,
        }
    }

    /// The hash function, which a row may name by itself.
    pub(super) fn function(self, row: Row<'_>) -> Function {
        let own = match self {
            System::Hash(function) => function,
            System::Split(Bucketing::Legacy) => Function::Java,
            System::Envoy if row.mentions(&["murmur2", "murmurhash2", "envoymurmur2"]) => {
                Function::Of(Algorithm::Murmur2X64)
            }
            System::Envoy if row.mentions(&["djb2"]) => Function::Djb2,
            System::Envoy => Function::Of(Algorithm::Xxh64),
            System::Eppo | System::Flagsmith => Function::Of(Algorithm::Md5Be32),
            System::GoFeatureFlag | System::GrowthBook => Function::Of(Algorithm::Fnv1a32),
            System::LaunchDarkly | System::PlanOut => Function::Of(Algorithm::Sha1Be60),
            System::Nginx => Function::Of(Algorithm::Murmur2X32),
            System::Statsig => Function::Of(Algorithm::Sha256Be64),
            System::Amplitude
            | System::DevCycle
            | System::FeatureHub
            | System::Flagd
            | System::Optimizely
            | System::Split(_)
            | System::Unleash
            | System::Vwo => Function::Of(Algorithm::Murmur3X86_32),
        };
        wide_enough(named(row).unwrap_or(own), row)
    }

    /// Whether a row of this system needs a seed of its own.
    pub(super) fn needs_seed(self, row: Row<'_>) -> bool {
        matches!(self, System::Split(_)) && named(row).is_none_or(|function| function == Function::Java)
    }

    /// How the system reduces a hash for a row of this kind, where the row does not say.
    pub(super) fn reduced(self, kind: &str) -> Option<Reduced> {
        let scheme = match (self, kind) {
            (System::Statsig, "user_bucket") => Preset::STATSIG_LAYER.scheme,
            _ => self.preset()?.scheme,
        };
        let buckets = match (self, kind) {
            (System::Vwo, "traffic_allocation" | "rollout") => graylane::hash::systems::vwo::TRAFFIC,
            _ => scheme.buckets.total(0),
        };
        (buckets > 0).then_some(Reduced { reduction: scheme.reduction, buckets, offset: self.offset() })
    }

    /// What the system counts buckets from.
    pub(super) fn offset(self) -> u64 {
        u64::from(matches!(self, System::Unleash | System::Split(_) | System::Vwo))
    }
}

impl Bucketing {
    /// Legacy and signed buckets are told by words, by the number of the algorithm, or by a hash below 0.
    fn of(row: Row<'_>) -> Self {
        let is_negative = || row.get(&["hash"])?.as_i64().map(|hash| hash < 0);
        let is_first = || Some(row.text(&["algo", "algorithm"])? == "1");
        if named(row) == Some(Function::Java)
            || is_first() == Some(true)
            || row.mentions(&["legacy", "splitlegacy"])
        {
            Bucketing::Legacy
        } else if row.mentions(&["signed"]) || is_negative() == Some(true) {
            Bucketing::Murmur3Signed
        } else {
            Bucketing::Murmur3
        }
    }
}

/// The hash function that a row names beside its system.
fn named(row: Row<'_>) -> Option<Function> {
    ["algorithm", "hash_function", "function", "hash"]
        .iter()
        .find_map(|name| function(row.get(&[name])?.as_str()?))
}

fn function(name: &str) -> Option<Function> {
    let high = ["murmur3x64128", "murmurhash3x64128", "murmur3128"];
    let is_high = || high.iter().any(|start| bare(name).starts_with(start));
    let is_known = find(&FUNCTIONS, name);
    is_known.or_else(|| is_high().then_some(Function::Of(Algorithm::Murmur3X64High)))
}

/// A name that stands for hashes of 32 and of 64 bits means the one that the published answer needs.
fn wide_enough(function: Function, row: Row<'_>) -> Function {
    let is_wide =
        row.get(&["expected"]).and_then(bits).is_some_and(|expected| expected > u64::from(u32::MAX));
    match function {
        Function::Of(Algorithm::Murmur2X32) if is_wide => Function::Of(Algorithm::Murmur2X64),
        Function::Of(Algorithm::Fnv1a32) if is_wide => Function::Of(Algorithm::Fnv1a64),
        other => other,
    }
}
