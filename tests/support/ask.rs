//! Asks the engine and a real Envoy the same thing.

use std::time::SystemTime;

use graylane::given::Given;
use graylane::plan::Plan;
use graylane::request::Headers;
use graylane::time::Timestamp;
use graylane_testbed::{Client, Request, Response, Result, raw};

use crate::edge::Edge;
use crate::scenario::Case;
use crate::token;

/// The randomness of a fresh id where Envoy has drawn none that the engine could repeat.
const RANDOM: [u8; 16] = [7; 16];

/// The request of a case, as the engine sees it.
pub(crate) fn call(case: &Case, plan: &Plan) -> Given {
    let pseudo = [(":authority", case.host.as_str()), (":path", &case.path), (":method", &case.method)];
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    // As they are inside Envoy.
    let sent = case.headers().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let headers = pseudo.into_iter().chain(sent).collect::<Headers>();
    // Times in scenarios are far from now, on one side or the other.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_secs();
    let now = Timestamp::from_seconds(i64::try_from(now).expect("a time before the end of time"));
    let mut given =
        Given { source_address: Some(case.from), random: Some(RANDOM), now, ..Given::from(headers) };
    given.add_claims(plan, &case.claims);
    given
}

/// The same, where Envoy has answered it: the engine repeats the id that Envoy drew, so that both place it alike.
pub(crate) fn repeated(case: &Case, plan: &Plan, response: &Response) -> Result<Given> {
    let drawn = response.echo()?.header(&plan.names().id).and_then(|id| uuid_of(&id));
    Ok(Given { random: drawn.or(Some(RANDOM)), ..call(case, plan) })
}

/// The bytes of a UUID version 4.
fn uuid_of(text: &[u8]) -> Option<[u8; 16]> {
    let id = uuid::Uuid::try_parse_ascii(text).ok()?;
    (id.get_version_num() == 4).then(|| id.into_bytes())
}

/// Sends the request of a case to a real Envoy.
pub(crate) async fn send(edge: &Edge, case: &Case) -> Result<Response> {
    if case.expect.refused.is_some() {
        return raw(edge.envoy.address(), &bytes_of(case)).await;
    }
    let request = Request::new(&case.method, &case.path).host(&case.host);
    let request =
        case.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let request = if case.claims.is_empty() {
        request
    } else {
        request.header(token::HEADER, token::signed(&case.claims))
    };
    Client::between(case.from, edge.envoy.address()).send(&request).await
}

/// A request as its bytes, for what no client sends.
fn bytes_of(case: &Case) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", case.method, case.path, case.host).into_bytes();
    for (name, value) in case.headers() {
        bytes.extend_from_slice(&[name.as_bytes(), b": ", &value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    bytes
}
