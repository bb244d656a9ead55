//! Tests of a request.

use super::{Map, OneOrMore};
use crate::written;

written! {
    /// Tests of a request that must all hold.
    ///
    /// Bytes are compared as they are, and case counts, except in the names of headers and in hosts. What is removed
    /// from a request because it is not believed (see `trust`) is not there for a test either.
    pub struct Condition {
        /// Conditions that must all hold.
        all: Vec<Condition>,
        /// Conditions of which at least one must hold; at least one is written.
        any: OneOrMore<Condition>,
        /// A condition that must not hold.
        not: Option<Box<Condition>>,
        /// Headers by name. Of a header that stands several times the first value is tested.
        header: Map<TextTest>,
        /// Cookies by name.
        cookie: Map<TextTest>,
        /// Query parameters by name, as written (no percent-decoding).
        query: Map<TextTest>,
        /// Pairs of the traffic label by key.
        label: Map<TextTest>,
        /// Claims of a token that Envoy has verified, by name; `realm.roles` for one inside another. Of a list any
        /// element may hold. See `claims` of the policy.
        claim: Map<TextTest>,
        /// The path without its query.
        path: Option<TextTest>,
        /// The method, in capitals: `GET`.
        method: Option<TextTest>,
        /// The host without its port, in lower case.
        host: Option<TextTest>,
        /// The gray id.
        id: Option<TextTest>,
        /// Networks or addresses, at least one, of which one holds whoever sent the request: `10.0.0.0/8`, `2001:db8::1`. One of IPv6 holds
        /// no address of IPv4.
        source: OneOrMore<String>,
        /// A part of all users, by a hash of the gray id.
        percent: Option<PercentTest>,
    }
}

written! {
    /// A test of one text; exactly one key is required, besides `ignoreCase`.
    pub struct TextTest {
        /// Equal to this.
        exact: Option<String>,
        /// Starts with this.
        prefix: Option<String>,
        /// Ends with this.
        suffix: Option<String>,
        /// Holds this somewhere.
        contains: Option<String>,
        /// Equal to one of these.
        one_of: Option<Vec<String>> as "in",
        /// There (`true`) or not (`false`).
        present: Option<bool>,
        /// A decimal number in a range: `">=100, <200"`, `"7"`, `">-1.5"`. Text that is no number does not hold.
        number: Option<String>,
        /// A whole number by its remainder.
        remainder: Option<RemainderTest> as "mod",
        /// A version in a range, as Cargo writes it: `">=3.2, <4"`, `"^1.4"`, `"~2.1.3"`. `v2.3` counts as 2.3.0; text
        /// that is no version does not hold.
        semver: Option<String>,
        /// A regular expression for the whole text, of linear time: `"beta-[0-9]+"`. See docs/operations.md for what it may hold.
        regex: Option<String>,
        /// `*` for any run of characters, `?` for one: `"/shop/*/cart"`. In a path they stop at `/` and in a host at `.`;
        /// `**` does not stop.
        glob: Option<String>,
        /// `true` takes ASCII letters in `exact`, `prefix`, `suffix`, `contains` and `in` without their case.
        ignore_case: bool as "ignoreCase",
    }
}

written! {
    /// A whole number by its remainder: `{divisor: 100, remainder: "<5"}`.
    pub struct RemainderTest {
        /// What is divided by, 1 or more. Required.
        divisor: Option<u64> [required],
        /// What must hold of the remainder, as in `number`: `"<5"`, `"7"`. Required.
        remainder: Option<String> [required],
    }
}

written! {
    /// A part of all users: those whose bucket under the salt lies in a range. Whoever has no gray id is not in it.
    pub struct PercentTest {
        /// Decides who is in, together with the gray id. Two tests with one salt mean the same users. Required.
        salt: Option<String> [required],
        /// Where the range starts, 0 to 100 in steps of 0.01; default 0.
        from: f64,
        /// Where it ends; this one is not in it. Required.
        to: Option<f64> [required],
    }
}
