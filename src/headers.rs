//! Every header name that the engine reads or writes, once. Header names are lower case on the wire inside Envoy.

/// The host of the request, as Envoy names it for HTTP/1 and HTTP/2.
pub const AUTHORITY: &str = ":authority";
/// The path and query of the request.
pub const PATH: &str = ":path";
/// The method of the request.
pub const METHOD: &str = ":method";
/// The cookies of the request.
pub const COOKIE: &str = "cookie";
/// A cookie for the client.
pub const SET_COOKIE: &str = "set-cookie";
/// What of a request a response depends on, for caches.
pub const VARY: &str = "vary";
/// What caches may do with a response.
pub const CACHE_CONTROL: &str = "cache-control";
/// The W3C baggage of the request.
pub const BAGGAGE: &str = "baggage";

/// The id that Envoy gives to each request.
pub const REQUEST_ID: &str = "x-request-id";

/// The lane that the request is sent to; routes match it.
pub const LANE: &str = "x-gray-lane";
/// The cluster that the lane names, for routes with `cluster_header`.
pub const CLUSTER: &str = "x-gray-cluster";
/// The number of the lane, for routes with `weighted_clusters.header_name`.
pub const SLOT: &str = "x-gray-slot";
/// The gray id.
pub const ID: &str = "x-gray-id";
/// The traffic label.
pub const LABEL: &str = "x-traffic-label";
/// The member of the baggage that carries the traffic label.
pub const LABEL_MEMBER: &str = "traffic-label";
/// The AB group, upstream.
pub const GROUP: &str = "x-abtest-group";
/// The experiment, downstream.
pub const EXPERIMENT: &str = "x-abtest-id";

/// Overrides by custom. At the edge they are removed unless a trusted source sent them, named in the policy or not.
pub const OVERRIDES: [&str; 3] = ["x-canary", "x-canary-tag", "x-gray-rules"];

/// Asks for [`DECISION`] in the response; honoured for callers that the listener believes. At the edge it is removed
/// where it is not believed, or the next hop would answer.
pub const DEBUG: &str = "x-gray-debug";
/// The decision and its reason, for whoever may ask.
pub const DECISION: &str = "x-gray-decision";

/// What the body is.
pub const CONTENT_TYPE: &str = "content-type";
/// How the content type of a gRPC call begins.
pub const GRPC: &[u8] = b"application/grpc";
