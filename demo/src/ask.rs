//! One question asked twice: of Envoy, and of the engine in this process. The answers must agree.

use std::net::{IpAddr, Ipv4Addr};

use graylane::effect::{Change, Edit, summary};
use graylane::given::Given;
use graylane::plan::Plan;
use graylane::{decide, effects, headers};
use graylane_testbed::{Echo, Request, Response};

use crate::policy::TRUST;

/// Where a request goes when no release governs it: the default route of the bootstrap.
pub(crate) const DEFAULT_ROUTE: &str = "stable";

/// A request, before it is put into the words of Envoy or of the engine.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    source: IpAddr,
    host: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl Ask {
    /// A GET of `path` at `host` by nobody in particular.
    pub(crate) fn new(host: &str, path: &str) -> Self {
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { source, host: host.to_owned(), path: path.to_owned(), headers: Vec::new() }
    }

    /// Adds a header; names are in lower case.
    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// By the user of this gray id.
    #[must_use]
    pub(crate) fn by(self, id: &str) -> Self {
        self.header(headers::ID, id)
    }

    /// From this address.
    #[must_use]
    pub(crate) fn from(mut self, source: IpAddr) -> Self {
        self.source = source;
        self
    }

    /// As a client sends it.
    pub(crate) fn request(&self) -> Request {
        let request = Request::get(&self.path).host(&self.host);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// What the engine answers under `plan`.
    pub(crate) fn expected(&self, plan: &Plan) -> Expected {
        let own = [(headers::AUTHORITY, self.host.as_str()), (headers::PATH, self.path.as_str())];
        let all = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // Chance has no place in a comparison: who asks has an id.
        let headers = own.into_iter().chain(all).collect();
        let given = Given { headers, source_address: Some(self.source), ..Given::default() };
        let decision = decide(plan, TRUST, &given);
        let effects = effects(plan, &decision);
        let routed = decision.entries.iter().find_map(|entry| {
            let lane = plan.release(entry.release)?.lane_name(entry.served?);
            Some(String::from_utf8_lossy(lane).into_owned())
        });
        Expected {
            lane: routed.unwrap_or_else(|| DEFAULT_ROUTE.to_owned()),
            summary: String::from_utf8_lossy(&summary(plan, &decision)).into_owned(),
            request: effects.request.into_iter().map(Edit::into_owned).collect(),
            response: effects.response.into_iter().map(Edit::into_owned).collect(),
        }
    }
}

/// What the engine says of a request.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The lane, which is also the name of its service.
    pub(crate) lane: String,
    /// The decision in short, as it stands in the access log.
    pub(crate) summary: String,
    request: Vec<Edit<'static>>,
    response: Vec<Edit<'static>>,
}

impl Expected {
    /// Says what of a real answer is not as the engine says: status, service, a header upstream or downstream.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn hold(&self, response: &Response) -> Result<Echo, String> {
        let served = response.served_by().unwrap_or("Envoy itself");
        if (response.status, served) != (200, &self.lane) {
            return Err(format!("{} from {served}, the engine says {}", response.status, self.lane));
        }
        let echo = response.echo().map_err(|error| format!("{error:#}"))?;
        for edit in &self.request {
            agree("the service got", edit, &echo.values(&edit.name).collect::<Vec<_>>())?;
        }
        for edit in &self.response {
            agree(
                "the client got",
                edit,
                &response.values(&edit.name).map(<[u8]>::to_vec).collect::<Vec<_>>(),
            )?;
        }
        Ok(echo)
    }
}

/// Holds what arrived of a header against what was to happen to it.
fn agree(who: &str, edit: &Edit<'_>, arrived: &[Vec<u8>]) -> Result<(), String> {
    let agrees = match &edit.change {
        Change::Set(value) => matches!(arrived, [only] if only == value.as_ref()),
        Change::Append(value) => arrived.iter().any(|one| one == value.as_ref()),
        Change::Remove => arrived.is_empty(),
    };
    if agrees {
        return Ok(());
    }
    let arrived: Vec<_> = arrived.iter().map(|value| String::from_utf8_lossy(value)).collect();
    Err(format!("{who} {}: {arrived:?}, the engine says {:?}", edit.name, edit.change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Document;

    fn expected(ask: &Ask) -> Expected {
        ask.expected(&Document::example("testers").unwrap().revision().unwrap().plan)
    }

    #[test]
    fn the_engine_is_asked_with_address_and_headers() {
        let ask = Ask::new("shop.example.com", "/").by("user-0").header("x-canary", "v2");
        let stranger = expected(&ask);
        assert_eq!(stranger.lane, "stable");
        assert!(stranger.request.iter().any(|edit| edit.name == "x-canary" && edit.change == Change::Remove));
        assert_eq!(expected(&ask.from([127, 0, 0, 2].into())).lane, "v2");
        assert_eq!(expected(&Ask::new("elsewhere", "/")).lane, DEFAULT_ROUTE);
    }

    #[test]
    fn a_header_that_is_not_as_the_engine_says_is_told() {
        let edit = |change| Edit { name: "x".into(), change };
        let set = edit(Change::Set(b"1".as_slice().into()));
        assert_eq!(agree("it got", &set, &[b"1".to_vec()]), Ok(()));
        for arrived in [vec![], vec![b"2".to_vec()], vec![b"1".to_vec(), b"1".to_vec()]] {
            assert!(agree("it got", &set, &arrived).unwrap_err().starts_with("it got x: "), "{arrived:?}");
        }
        assert_eq!(agree("it got", &edit(Change::Remove), &[]), Ok(()));
        assert!(agree("it got", &edit(Change::Remove), &[b"1".to_vec()]).is_err());
    }
}
