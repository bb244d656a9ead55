//! The requests that are measured: a browser's or a service's, with the headers that those have, one after another
//! from many users.

use std::fmt::Write;

use crate::policy::{Trust, service_host};

/// Headers that every request has, besides host, cookie and what its case adds.
const COMMON: [(&str, &str); 12] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://shop.example.com/shop"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("x-forwarded-for", "203.0.113.17"),
    ("x-request-id", "5f0c7a0e-2d0b-4a6c-9a55-0f2d6a1b7c3e"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("baggage", "userId=alice,serverNode=DF%2028,isProduction=false"),
];

/// One kind of request, and what must become of it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// Whom the listener believes that it comes to.
    pub trust: Trust,
    /// The host, or how many services the requests go to in turn.
    pub host: Host,
    /// Headers besides the common ones.
    pub extra: &'static [(&'static str, &'static str)],
    /// Where the user's id stands.
    pub id: Id,
    /// Why a release decides, as the counters call it; `None` when none does.
    pub reason: Option<&'static str>,
    /// How many releases decide.
    pub releases: usize,
    /// The lanes that serve.
    pub lanes: &'static [&'static str],
}

/// Where requests go.
#[derive(Clone, Copy, Debug)]
pub enum Host {
    /// To one host.
    One(&'static str),
    /// To the services of a policy in turn, from the tenth to before this one, in an order that no cache likes.
    Services(usize),
}

/// Where the user's id stands.
#[derive(Clone, Copy, Debug)]
pub enum Id {
    /// In the cookie, as a browser sends it.
    Cookie,
    /// In the header, as a hop before sends it.
    Header,
    /// Nowhere: a user who comes for the first time.
    Nowhere,
}

const STABLE_V2: &[&str] = &["stable", "v2"];
const EDGE: Case = Case {
    name: "",
    trust: Trust::Edge,
    host: Host::One(""),
    extra: &[],
    id: Id::Cookie,
    reason: Some("split"),
    releases: 1,
    lanes: STABLE_V2,
};
const MESH: Case = Case { trust: Trust::Mesh, host: Host::One("chain.example.com"), id: Id::Header, ..EDGE };

/// Every case.
pub const CASES: &[Case] = &[
    Case {
        name: "ungoverned",
        host: Host::One("plain.example.com"),
        reason: None,
        releases: 0,
        lanes: &["stable"],
        ..EDGE
    },
    Case { name: "ab", host: Host::One("ab.example.com"), lanes: &["A", "B"], ..EDGE },
    Case { name: "canary", host: Host::One("canary.example.com"), ..EDGE },
    Case {
        name: "gRPC",
        host: Host::One("canary.example.com"),
        extra: &[("content-type", "application/grpc"), ("te", "trailers")],
        ..EDGE
    },
    Case { name: "cluster", host: Host::One("cluster.example.com"), ..EDGE },
    Case {
        name: "blue-green",
        host: Host::One("pay.example.com"),
        reason: Some("default"),
        lanes: &["green"],
        ..EDGE
    },
    Case { name: "newcomer", host: Host::One("canary.example.com"), id: Id::Nowhere, ..EDGE },
    Case { name: "several", host: Host::One("several.example.com"), releases: 3, ..EDGE },
    Case {
        name: "label",
        extra: &[("x-traffic-label", "env=gray;tenant=shop-001;version=v2.3")],
        reason: Some("label"),
        lanes: &["v2"],
        ..MESH
    },
    Case { name: "override", extra: &[("x-canary", "v2")], reason: Some("override"), lanes: &["v2"], ..MESH },
    Case { name: "spread", host: Host::Services(10_000), ..EDGE },
];

/// The case of this name.
pub fn case(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

impl Case {
    /// The host of the request with this number.
    pub fn host(&self, number: usize) -> String {
        match self.host {
            Host::One(host) => host.to_owned(),
            // 7,919 is prime, so the requests come to every service before they come to one twice.
            Host::Services(end) => service_host(10 + number * 7_919 % (end - 10)),
        }
    }

    /// The headers of the request with this number as a filter sees them, pseudo-headers first.
    pub fn headers(&self, number: usize) -> Vec<(String, String)> {
        let mut headers = vec![(":authority".to_owned(), self.host(number))];
        let pseudo = [(":path", "/shop/item/42?color=blue&size=xl"), (":method", "GET"), (":scheme", "http")];
        let given = pseudo.iter().chain(&COMMON).chain(self.extra);
        headers.extend(given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut cookie = "session=0123456789abcdef0123456789abcdef; theme=dark".to_owned();
        match self.id {
            // Writing into a text does not fail.
            Id::Cookie => drop(write!(cookie, "; gray_id=user-{number:06}")),
            Id::Header => headers.push(("x-gray-id".to_owned(), format!("user-{number:06}"))),
            Id::Nowhere => {}
        }
        headers.push(("cookie".to_owned(), cookie));
        headers
    }

    /// The same request as bytes on an HTTP/1.1 connection.
    pub fn wire(&self, number: usize) -> Vec<u8> {
        let headers = self.headers(number);
        let value = |name: &str| headers.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value);
        let mut text = format!("GET {} HTTP/1.1\r\nhost: {}\r\n", value(":path"), value(":authority"));
        for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(':')) {
            // Writing into a text does not fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_services_of_a_policy_are_all_asked() {
        let case = case("spread").unwrap();
        let hosts: BTreeSet<_> = (0..9_990).map(|number| case.host(number)).collect();
        assert_eq!(hosts.len(), 9_990);
    }

    #[test]
    fn a_request_has_as_many_headers_as_real_ones() {
        for case in CASES {
            let headers = case.headers(1);
            assert!((16..=19).contains(&headers.len()), "{}: {}", case.name, headers.len());
            assert!(case.wire(1).ends_with(b"\r\n\r\n"));
        }
    }
}
