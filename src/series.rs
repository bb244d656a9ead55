//! What is counted of a lane: the names of its series, and what a request that has ended adds to them.
//!
//! A host knows metrics by one text. Labels stand in it as Istio writes them, `label=.=value;.;`, so that the same tag regular
//! expressions make labels of them in any Envoy: `graylane_release=.=user-svc;.;graylane_lane=.=v2;.;graylane_requests_total`.

use crate::arena::LaneId;
use crate::decision::Reason;
use crate::plan::{Head, Segment};
use crate::policy::{Follow, Metrics};

/// How the lane served a request, as far as the proxy in front of it can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the response; 0 where there was none.
    pub status: u16,
    /// The status of a gRPC call that was answered.
    pub grpc_status: Option<u8>,
    /// How often the request was sent to an upstream: more than once when it was retried, 0 when Envoy answered by itself.
    pub attempts: u32,
}

/// Responses by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// There was no response: the client left, or the stream was reset.
    None,
    /// 100 to 199: the connection became another one.
    Informational,
    /// 200 to 299.
    Successful,
    /// 300 to 399.
    Redirected,
    /// 400 to 499.
    ClientError,
    /// 500 and above.
    ServerError,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 6] = [
        Class::None,
        Class::Informational,
        Class::Successful,
        Class::Redirected,
        Class::ClientError,
        Class::ServerError,
    ];

    /// The class as a word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::None => "none",
            Class::Informational => "1xx",
            Class::Successful => "2xx",
            Class::Redirected => "3xx",
            Class::ClientError => "4xx",
            Class::ServerError => "5xx",
        }
    }
}

impl Outcome {
    /// The class of the response.
    pub fn class(self) -> Class {
        match self.status {
            0..100 => Class::None,
            100..200 => Class::Informational,
            200..300 => Class::Successful,
            300..400 => Class::Redirected,
            400..500 => Class::ClientError,
            500.. => Class::ServerError,
        }
    }

    /// Whether the last answer was a failure of a service: a status of 500 or more, or what OpenTelemetry counts as an error of a
    /// gRPC server: UNKNOWN, `DEADLINE_EXCEEDED`, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, `DATA_LOSS`.
    ///
    /// Source: OpenTelemetry, semantic conventions for gRPC.
    pub fn has_failed(self) -> bool {
        self.status >= 500 || matches!(self.grpc_status, Some(2 | 4 | 12..=15))
    }

    /// How many attempts the lane had at the request, and how many of them failed.
    ///
    /// What is tried again has failed before. Who answered well in the end may be another lane that a fallback of Envoy led to: a
    /// proxy cannot tell, so such an answer is no attempt of this lane. A lane that fails and is saved each time has failed each
    /// time; one that answers its own retries is counted without these answers.
    pub fn attempts(self) -> (u32, u32) {
        let has_failed = u32::from(self.has_failed());
        match self.attempts {
            attempts @ (0 | 1) => (attempts.max(has_failed), has_failed),
            attempts => {
                let failed = attempts - 1 + has_failed;
                (failed, failed)
            }
        }
    }
}

/// What is counted of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Requests that had the lane for this reason.
    Requests(Reason),
    /// Responses of this class to requests that had the lane.
    Responses(Class),
    /// gRPC calls that had the lane and ended with this status.
    GrpcResponses(u8),
    /// [Attempts](Outcome::attempts) of the lane.
    Attempts,
    /// Those that failed.
    Failures,
    /// Requests that belong to the lane and that another one served.
    Fallbacks,
    /// How long requests took, from their headers to the end, in microseconds; a histogram.
    Duration,
}

/// The status of gRPC of a call of which nothing is known.
pub const UNKNOWN: u8 = 2;
/// The highest status of gRPC.
pub const GRPC_STATUSES: u8 = 16;

/// In the place of the names of release and lane where there are more series than may be.
pub const OVERFLOW: &[u8] = b"_other";

impl Series {
    /// Those of a lane of this release, as far as they are asked for: of requests one for each reason that there may be.
    pub fn of(release: &Segment, asked: Metrics) -> impl Iterator<Item = Series> {
        Series::by(Reason::ALL.into_iter().filter(|reason| may_decide(release, *reason)), asked)
    }

    /// Those of all that has no series of its own.
    pub fn of_overflow(asked: Metrics) -> impl Iterator<Item = Series> {
        Series::by(Reason::ALL.into_iter(), asked)
    }

    fn by(reasons: impl Iterator<Item = Reason>, asked: Metrics) -> impl Iterator<Item = Series> {
        let requests = reasons.map(Series::Requests).chain([Series::Fallbacks]);
        let responses = Class::ALL.into_iter().map(Series::Responses);
        let statuses = (0..=GRPC_STATUSES).filter(move |_| asked.grpc_status).map(Series::GrpcResponses);
        let ends = responses.chain([Series::Attempts, Series::Failures, Series::Duration]).chain(statuses);
        requests.chain(ends.filter(move |_| !asked.requests_only))
    }

    /// Under which name the host counts it.
    pub fn name(self, release: &[u8], lane: &[u8]) -> String {
        let name = |name: &str| named(release, lane, name);
        match self {
            Series::Requests(reason) => {
                name(&format!("graylane_reason=.={reason};.;graylane_requests_total"))
            }
            Series::Responses(class) => {
                name(&format!("graylane_class=.={};.;graylane_responses_total", class.as_str()))
            }
            Series::GrpcResponses(status) => {
                name(&format!("graylane_grpc_status=.={status};.;graylane_grpc_responses_total"))
            }
            Series::Attempts => name("graylane_attempts_total"),
            Series::Failures => name("graylane_failures_total"),
            Series::Fallbacks => name("graylane_fallbacks_total"),
            Series::Duration => name("graylane_duration_microseconds"),
        }
    }
}

/// The name of a series of a lane, with the labels that all have.
pub(crate) fn named(release: &[u8], lane: &[u8], name: &str) -> String {
    let (release, lane) = (String::from_utf8_lossy(release), String::from_utf8_lossy(lane));
    format!("graylane_release=.={release};.;graylane_lane=.={lane};.;{name}")
}

/// Whether a release may decide for this reason. What it decides while it is off has no lane.
fn may_decide(release: &Segment, reason: Reason) -> bool {
    let Head { overrides, follow, deny, allow, rules, sticky, split, .. } = release.head();
    match reason {
        Reason::Off => false,
        Reason::Override => {
            overrides.headers.len() + overrides.cookies.len() > 0 || overrides.rules.is_some()
        }
        Reason::Label => follow != Follow::None,
        Reason::Deny => deny.is_some(),
        Reason::Allow => allow.len() > 0,
        Reason::Rule => rules.len() > 0,
        Reason::Sticky => sticky.is_some(),
        Reason::Split => split.is_some(),
        Reason::Stale | Reason::Default => true,
    }
}

/// The lanes of a release, by their ids, with their names.
pub fn lanes(release: &Segment) -> impl Iterator<Item = (LaneId, &[u8])> + Clone {
    release.lanes().map(|(id, lane)| (id, release.text(lane.name)))
}
