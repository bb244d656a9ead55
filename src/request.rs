//! The read-only view of a request that a decision may consult. Bytes, never text: a header may hold any byte.

use std::net::IpAddr;

use crate::headers;
use crate::limits;

/// What a decision may ask about a request. Headers are at hand; the rest is asked of the host only when needed.
pub trait Request {
    /// All headers, pseudo-headers (`:authority`, `:path`) included.
    fn headers(&self) -> &Headers;

    /// The address of whoever sent the request, as the listener knows it; `None` when it does not.
    fn source_address(&self) -> Option<IpAddr>;
}

/// The headers of a request in the order in which they came; a name may stand several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    pairs: Vec<(String, Vec<u8>)>,
}

impl Request for Headers {
    fn headers(&self) -> &Headers {
        self
    }

    /// Headers alone know no address.
    fn source_address(&self) -> Option<IpAddr> {
        None
    }
}

impl From<Vec<(String, Vec<u8>)>> for Headers {
    /// Names must be lower case, as they are inside Envoy.
    fn from(pairs: Vec<(String, Vec<u8>)>) -> Self {
        Headers { pairs }
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        Headers { pairs: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl Headers {
    /// The first value of `name`.
    pub fn get(&self, name: &(impl AsRef<[u8]> + ?Sized)) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// Every value of `name`, in order.
    pub fn all<'a, 'n, N: AsRef<[u8]> + ?Sized>(
        &'a self,
        name: &'n N,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, N> {
        let name = name.as_ref();
        self.pairs
            .iter()
            .filter(move |(other, _)| other.as_bytes() == name)
            .map(|(_, value)| value.as_slice())
    }

    /// Whether `name` stands at least once.
    pub fn has(&self, name: &(impl AsRef<[u8]> + ?Sized)) -> bool {
        self.all(name).next().is_some()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The host as the client wrote it, port included; empty when it sent none.
    pub fn host(&self) -> &[u8] {
        self.get(headers::AUTHORITY).unwrap_or_default()
    }

    /// The path without its query.
    pub fn path(&self) -> &[u8] {
        self.path_and_query().0
    }

    /// The cookies without those of the given names, as one header value: `None` when none of them was there.
    pub(crate) fn without_cookies<'n>(
        &self,
        names: &(impl Iterator<Item = &'n [u8]> + Clone),
    ) -> Option<Vec<u8>> {
        let gone = |cookie: &[u8]| {
            name_and_value(cookie).is_some_and(|(found, _)| names.clone().any(|name| name == found))
        };
        if !self.cookies().any(gone) {
            return None;
        }
        let mut out = Vec::new();
        for cookie in self.cookies().filter(|cookie| !cookie.is_empty() && !gone(cookie)) {
            if !out.is_empty() {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(cookie);
        }
        Some(out)
    }

    fn cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.all(headers::COOKIE).flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii)
    }

    /// The path and the query, the fragment cut off.
    fn path_and_query(&self) -> (&[u8], &[u8]) {
        let whole = self.get(headers::PATH).unwrap_or_default();
        let whole = whole.split(|byte| *byte == b'#').next().unwrap_or_default();
        split_at(whole, b'?').unwrap_or((whole, &[]))
    }
}

/// The name and the value of a cookie, without the spaces that servers pass over (RFC 6265, 5.2).
fn name_and_value(cookie: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = split_at(cookie, b'=')?;
    Some((name.trim_ascii(), value.trim_ascii()))
}

/// What stands before and after the first `mark`.
fn split_at(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Cookies or query parameters, split once. Those beyond [`limits::PAIRS`] are passed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs<'a> {
    pairs: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Pairs<'a> {
    /// The cookies of all `cookie` headers.
    pub(crate) fn cookies(headers: &'a Headers) -> Self {
        let pairs = headers.cookies().filter_map(name_and_value);
        Pairs { pairs: pairs.take(limits::PAIRS).collect() }
    }

    /// The query parameters, as written.
    pub(crate) fn query(headers: &'a Headers) -> Self {
        let query = headers.path_and_query().1;
        let pairs = query.split(|byte| *byte == b'&').filter_map(|parameter| split_at(parameter, b'='));
        Pairs { pairs: pairs.take(limits::PAIRS).collect() }
    }

    /// The value of the first of that name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.pairs.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    #[test]
    fn finds_a_cookie_in_any_line_and_takes_the_first() {
        let request = headers(&[("cookie", "a=1; b=2;c"), ("cookie", "  d=4=5; a=9")]);
        assert_eq!(Pairs::cookies(&request).get(b"a"), Some(b"1".as_slice()));
        assert_eq!(Pairs::cookies(&request).get(b"b"), Some(b"2".as_slice()));
        assert_eq!(Pairs::cookies(&request).get(b"c"), None);
        assert_eq!(Pairs::cookies(&request).get(b"d"), Some(b"4=5".as_slice()));
    }

    #[test]
    fn spaces_around_a_cookie_hide_it_from_nobody() {
        let request = headers(&[("cookie", "a = 1 ;b=2"), ("cookie", "\ta=3")]);
        assert_eq!(Pairs::cookies(&request).get(b"a"), Some(b"1".as_slice()));
        let names = [b"a".as_slice()];
        assert_eq!(request.without_cookies(&names.into_iter()).as_deref(), Some(b"b=2".as_slice()));
    }

    #[test]
    fn removes_cookies_by_name_and_keeps_the_others() {
        let request = headers(&[("cookie", "a=1; ab_group=B;c"), ("cookie", "ab_group=A; d=4")]);
        let names = [b"ab_group".as_slice()];
        assert_eq!(request.without_cookies(&names.into_iter()).as_deref(), Some(b"a=1; c; d=4".as_slice()));
        assert_eq!(request.without_cookies(&[b"x".as_slice()].into_iter()), None);
    }

    #[test]
    fn reads_the_query_as_written() {
        let request = headers(&[(":path", "/a/b?x=1&gray_id=u%207&gray_id=2#gray_id=3")]);
        assert_eq!(request.path(), b"/a/b");
        assert_eq!(Pairs::query(&request).get(b"gray_id"), Some(b"u%207".as_slice()));
        assert_eq!(Pairs::query(&request).get(b"y"), None);
        assert_eq!(Pairs::query(&headers(&[(":path", "/a")])).get(b"x"), None);
    }
}
