//! Every limit on size, once. A policy beyond one is refused with its path; request data beyond one is passed over
//! and never fails the request.

/// Lanes of one release.
pub const LANES: usize = 32;
/// Bytes of a name of a release, lane or rule.
pub const NAME: usize = 63;
/// Bytes of a salt.
pub const SALT: usize = 128;
/// Bytes of a gray id. A longer one is passed over as if it were absent.
pub const ID: usize = 256;
/// Bytes of a traffic label or of a rules header. A longer one is dropped whole.
pub const LABEL: usize = 4096;
/// Pairs of a traffic label. Those beyond are dropped.
pub const LABEL_PAIRS: usize = 32;
/// Bytes of a key in a traffic label.
pub const LABEL_KEY: usize = 128;
/// Bytes of a value in a traffic label.
pub const LABEL_VALUE: usize = 256;
/// Cookies of a request, and parameters of its query. Those beyond are passed over.
pub const PAIRS: usize = 256;
/// Elements of the group header of the hop before. Those beyond are dropped.
pub const GROUPS: usize = 32;
/// Parts of the name of a claim.
pub const CLAIM_DEPTH: usize = 8;
/// Conditions inside one another.
pub const CONDITION_DEPTH: usize = 8;
/// Bytes of a text that `contains` looks for.
pub const CONTAINED: usize = 256;
/// Tests of the conditions of one release.
pub const TESTS: usize = 10_000;
/// Rules of one release.
pub const RULES: usize = 1000;
/// Labels of one lane.
pub const LANE_LABELS: usize = 8;
/// Releases that may govern one request: one that routes, the rest AB tests that only name a group.
pub const GOVERNING: usize = 8;
/// Segments of a path prefix in a match.
pub const PATH_DEPTH: usize = 32;
/// Labels (parts between dots) of a host.
pub const HOST_DEPTH: usize = 128;
/// Headers and cookies that releases name as overrides, in a whole policy, besides those by custom.
pub const OVERRIDE_NAMES: usize = 32;
/// Headers that claim something: group, label, id, the question why, three overrides by custom, and those of releases.
pub const CLAIMS: usize = 7 + OVERRIDE_NAMES;
/// Bytes of a regular expression or a glob.
pub const EXPRESSION: usize = 1024;
/// Characters and classes of a regular expression or a glob, repeated ones counted out. A set of them is four words at most.
pub const POSITIONS: usize = 256;
/// Groups within each other in a regular expression.
pub const GROUP_DEPTH: usize = 16;
/// Comparisons that a check makes to find what is hardly meant: of conditions in each release, of places in a policy. What
/// would take more goes unseen.
pub const COMPARISONS: usize = 2_000_000;
/// Bytes of a plugin's configuration. A larger one is warned of and taken all the same.
pub const CONFIGURATION: usize = 1 << 20;
/// Lanes that have series of their own in a process, unless the configuration of the plugin says how many.
pub const COUNTED_LANES: usize = 100;
/// Lanes that are guarded in a process. Those beyond serve unguarded, which is warned of.
pub const GUARDED_LANES: usize = 1000;
