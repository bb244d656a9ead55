//! The way of one request through the module: read, decide, apply; and on the way back what the client is told.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::runtime::Runtime;
use crate::telemetry::{self, Begun, Since, Telemetry};
use graylane::arena::LaneId;
use graylane::decision::decide;
use graylane::effect::{Edit, effects, summary};
use graylane::plan::Plan;
use graylane::request::{Headers, Request};
use graylane::time::Timestamp;
use graylane_host as host;

/// Under which name the decision stands in the filter state.
const FILTER_STATE: &str = "graylane";

/// Under which name the exposures of a request stand in the filter state.
const EXPOSURE: &str = "graylane.exposure";

/// One request and its response.
pub(crate) struct Http<const TELEMETRY: bool> {
    runtime: Option<Rc<Runtime>>,
    response: Vec<Edit<'static>>,
    is_private: bool,
    begun: Option<Begun>,
}

impl<const TELEMETRY: bool> Http<TELEMETRY> {
    /// A request under the configuration that is in force now, to its end.
    pub(crate) fn new(runtime: Option<Rc<Runtime>>) -> Self {
        Http { runtime, response: Vec::new(), is_private: false, begun: None }
    }

    /// Decides on the request and does what follows from that.
    fn request(&mut self, runtime: &Runtime, plan: &Plan, since: Since<'_>) {
        // What a module does not do it does not hold.
        let telemetry = if TELEMETRY { runtime.telemetry.as_ref() } else { None };
        if TELEMETRY && let Some(telemetry) = telemetry {
            telemetry.follow(plan, since);
        }
        let request = Incoming::<TELEMETRY> { headers: host::request_headers(), plan, telemetry };
        let decision = decide(plan, runtime.trust, &request);
        let effects = effects(plan, &decision);
        host::edit_request(&effects.request, &request.headers);
        if runtime.access_log && !decision.entries.is_empty() {
            host::set_filter_state(FILTER_STATE, &summary(plan, &decision));
        }
        runtime.metrics.count(&decision);
        if TELEMETRY && let Some(events) = telemetry::exposures(plan, &decision) {
            host::set_filter_state(EXPOSURE, &events);
        }
        if TELEMETRY && let Some(shadow) = &runtime.shadow {
            shadow.count(plan, &decision, runtime.trust, &request);
        }
        if TELEMETRY && let Some(telemetry) = telemetry {
            self.begun = telemetry.begin(plan, &decision);
        }
        self.is_private = effects.is_private;
        self.response = effects.response.into_iter().map(Edit::into_owned).collect();
    }
}

impl<const TELEMETRY: bool> Context for Http<TELEMETRY> {}

impl<const TELEMETRY: bool> HttpContext for Http<TELEMETRY> {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let Some(runtime) = self.runtime.take() {
            runtime.with_plan(|plan, since| self.request(&runtime, plan, since));
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        host::edit_response(&self.response);
        if self.is_private {
            host::make_private();
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        if TELEMETRY && let Some(begun) = &self.begun {
            begun.end();
        }
    }
}

/// The request as the host shows it.
struct Incoming<'r, const TELEMETRY: bool> {
    headers: Headers,
    plan: &'r Plan,
    telemetry: Option<&'r Telemetry>,
}

/// Nobody prints one: what would print a plan takes ten thousand bytes of the module.
impl<const TELEMETRY: bool> fmt::Debug for Incoming<'_, TELEMETRY> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Incoming")
    }
}

impl<const TELEMETRY: bool> Request for Incoming<'_, TELEMETRY> {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn source_address(&self) -> Option<IpAddr> {
        host::source_address()
    }

    fn metadata(&self, path: &[&str]) -> Option<Vec<u8>> {
        host::metadata(path)
    }

    fn now(&self) -> Timestamp {
        host::now()
    }

    fn random(&self) -> Option<[u8; 16]> {
        host::random()
    }

    fn is_turned_away(&self, release: u32, lane: LaneId, id: Option<&[u8]>) -> bool {
        let turns_away = |telemetry: &Telemetry| telemetry.turns_away(self.plan, release, lane, id);
        TELEMETRY && self.telemetry.is_some_and(turns_away)
    }
}
