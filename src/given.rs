//! A request that is given whole: what tools and tests have in place of a host.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::arena::{LaneId, position};
use crate::plan::Plan;
use crate::request::{Headers, Request};
use crate::time::Timestamp;

/// A request with all that a decision may ask about it.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// All headers, pseudo-headers (`:authority`, `:path`) included.
    pub headers: Headers,
    /// The address of whoever sent the request.
    pub source_address: Option<IpAddr>,
    /// The dynamic metadata: paths from the filter's name inwards, and the bytes that proxy-wasm would hand over.
    pub metadata: Vec<(Vec<String>, Vec<u8>)>,
    /// The time.
    pub now: Timestamp,
    /// What a fresh gray id is made of.
    pub random: Option<[u8; 16]>,
    /// Lanes whose guard has tripped, each with the position of its release in the policy.
    pub tripped: Vec<(u32, LaneId)>,
}

impl From<Headers> for Given {
    fn from(headers: Headers) -> Self {
        Given { headers, ..Given::default() }
    }
}

impl Given {
    /// Adds the claims of a verified token where a plan looks for them: in the metadata of Envoy's JWT filter, in the bytes in
    /// which Envoy hands values over.
    pub fn add_claims(&mut self, plan: &Plan, claims: &Map<String, Value>) {
        let (filter, key) = &plan.settings.claims_in;
        self.add_map(&[filter.to_string(), key.to_string()], claims);
    }

    fn add_map(&mut self, path: &[String], map: &Map<String, Value>) {
        for (name, value) in map {
            let path = [path, std::slice::from_ref(name)].concat();
            match value {
                Value::Object(inner) => self.add_map(&path, inner),
                value => self.metadata.extend(bytes_of(value).map(|bytes| (path, bytes))),
            }
        }
    }
}

/// A value as Envoy hands it over, see [`claim`](crate::condition); `null` is handed over by nobody.
fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(value) => Some(vec![u8::from(*value)]),
        Value::Number(number) => Some(number.as_f64()?.to_le_bytes().to_vec()),
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(list) => {
            let elements = list.iter().map(bytes_of).collect::<Option<Vec<_>>>()?;
            let number = |number: usize| position(number).to_le_bytes();
            let lengths = elements.iter().flat_map(|element| [number(element.len()), number(0)].concat());
            let texts = elements.iter().flat_map(|element| element.iter().copied().chain([0, 0]));
            Some(number(elements.len()).into_iter().chain(lengths).chain(texts).collect())
        }
    }
}

impl Request for Given {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.source_address
    }

    fn metadata(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.metadata.iter().find(|(known, _)| known == path).map(|(_, value)| value.clone())
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&self) -> Option<[u8; 16]> {
        self.random
    }

    fn is_turned_away(&self, release: u32, lane: LaneId, _: Option<&[u8]>) -> bool {
        self.tripped.contains(&(release, lane))
    }
}
