//! The read-only view of a request that a decision may consult. Bytes, never text: a header may hold any byte.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::net::IpAddr;

use crate::arena::{LaneId, position};
use crate::bytes::{before, same, split, split_once};
use crate::headers;
use crate::limits;
use crate::time::Timestamp;

/// What a decision may ask about a request. Headers are at hand; the rest is asked of the host only when needed, and
/// at most once.
pub trait Request: fmt::Debug {
    /// All headers, pseudo-headers (`:authority`, `:path`) included.
    fn headers(&self) -> &Headers;

    /// The address of whoever sent the request, as the listener knows it; `None` when it does not.
    fn source_address(&self) -> Option<IpAddr>;

    /// A value that another filter left in the dynamic metadata: the filter's name, then keys from the outside in. The
    /// bytes are those that proxy-wasm hands over.
    fn metadata(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// The time, in seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Timestamp;

    /// 16 random bytes; without them nobody gets a fresh gray id.
    fn random(&self) -> Option<[u8; 16]>;

    /// Whether the guard of a lane turns away whoever has this gray id: it has tripped in this proxy. The release is the one at this position
    /// in the policy. A host that counts no outcomes has no guard that could trip.
    fn is_turned_away(&self, _release: u32, _lane: LaneId, _id: Option<&[u8]>) -> bool {
        false
    }
}

/// The headers of a request in the order in which they came; a name may stand several times.
///
/// One block of text and where each header stands in it, as a host hands them over: nothing is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    text: Vec<u8>,
    places: Vec<Place>,
    /// Which header comes first of those whose names have this mark, see [`mark_of`]: most names that are asked for are not there,
    /// and this tells at once.
    first: [Link; MARKS],
}

/// A header by its position + 1; 0 for none.
type Link = u32;

/// Where one header stands in the text: its name, one byte between, its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    start: u32,
    name_len: u32,
    value_len: u32,
    /// The next header whose name has the same mark: always a later one.
    next: Link,
}

impl Place {
    fn new(start: u32, name_len: u32, value_len: u32) -> Self {
        Place { start, name_len, value_len, next: 0 }
    }

    fn name(self, text: &[u8]) -> &[u8] {
        let start = self.start as usize;
        text.get(start..start + self.name_len as usize).unwrap_or_default()
    }

    fn value(self, text: &[u8]) -> &[u8] {
        let start = self.start as usize + self.name_len as usize + 1;
        text.get(start..start + self.value_len as usize).unwrap_or_default()
    }
}

impl Default for Headers {
    /// None at all.
    fn default() -> Self {
        Headers::linked(Vec::new(), Vec::new())
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    /// Names must be lower case, as they are inside Envoy.
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let (mut text, mut places) = (Vec::new(), Vec::new());
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            let start = position(text.len());
            text.extend([name, b"\0", value, b"\0"].concat());
            places.push(Place::new(start, position(name.len()), position(value.len())));
        }
        Headers::linked(text, places)
    }
}

impl Headers {
    /// Headers in the form in which proxy-wasm hands them over: their number; the length of each name and value; then
    /// each name and value with a zero byte after it. Numbers are 32 bits, little-endian. What does not fit is left out.
    ///
    /// Source: `proxy_get_header_map_pairs` of the proxy-wasm ABI 0.2.1.
    pub fn from_block(text: Vec<u8>) -> Self {
        let (count, rest) = text.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let (lengths, _) = rest.as_chunks::<4>().0.as_chunks::<2>();
        let count = u32::from_le_bytes(*count) as usize;
        let mut places = Vec::with_capacity(count.min(lengths.len()));
        let mut start = count.saturating_mul(8).saturating_add(4);
        for lengths in lengths.iter().take(count) {
            let [name_len, value_len] = lengths.map(u32::from_le_bytes);
            let end = start as u64 + u64::from(name_len) + u64::from(value_len) + 2;
            let Some(end) = usize::try_from(end).ok().filter(|end| *end <= text.len()) else { break };
            places.push(Place::new(position(start), name_len, value_len));
            start = end;
        }
        Headers::linked(text, places)
    }

    /// Headers whose names are in no particular order, each linked to the next that has its mark.
    fn linked(text: Vec<u8>, mut places: Vec<Place>) -> Self {
        let mut first = [0; MARKS];
        for (at, place) in places.iter_mut().enumerate().rev() {
            if let Some(first) = first.get_mut(mark_of(place.name(&text))) {
                place.next = std::mem::replace(first, position(at + 1));
            }
        }
        Headers { text, places, first }
    }

    /// The first value of `name`.
    pub fn get(&self, name: &(impl AsRef<[u8]> + ?Sized)) -> Option<&[u8]> {
        let name = name.as_ref();
        self.next(name, self.first(name)).map(|place| place.value(&self.text))
    }

    /// Every value of `name`, in order.
    pub fn all<'a, 'n, N: AsRef<[u8]> + ?Sized>(
        &'a self,
        name: &'n N,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, N> {
        let name = name.as_ref();
        let mut link = self.first(name);
        std::iter::from_fn(move || {
            let place = self.next(name, link)?;
            link = place.next;
            Some(place.value(&self.text))
        })
    }

    /// Where headers with the mark of this name begin.
    fn first(&self, name: &[u8]) -> Link {
        self.first.get(mark_of(name)).copied().unwrap_or_default()
    }

    /// The first header of that name from a link on.
    fn next(&self, name: &[u8], mut link: Link) -> Option<&Place> {
        // A link leads to a later header, so this ends.
        loop {
            let place = self.places.get(link.checked_sub(1)? as usize)?;
            if place.name_len as usize == name.len() && same(place.name(&self.text), name) {
                return Some(place);
            }
            link = place.next;
        }
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|place| place.name(&self.text))
    }

    /// Whether a block held at least one pair, all that it announced, and nothing behind them.
    pub(crate) fn is_whole_block(&self) -> bool {
        let announced = self.text.first_chunk().map(|count| u32::from_le_bytes(*count) as usize);
        let end = |place: &Place| (place.start + place.name_len + place.value_len) as usize + 2;
        announced == Some(self.places.len()) && self.places.last().map(end) == Some(self.text.len())
    }

    /// Whether `name` stands at least once.
    pub fn has(&self, name: &(impl AsRef<[u8]> + ?Sized)) -> bool {
        let name = name.as_ref();
        self.next(name, self.first(name)).is_some()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // Envoy lets token characters alone stand in a name.
        let name = |place: &Place| std::str::from_utf8(place.name(&self.text)).unwrap_or_default();
        self.places.iter().map(move |place| (name(place), place.value(&self.text)))
    }

    /// The host as the client wrote it, port included; empty when it sent none.
    pub fn host(&self) -> &[u8] {
        self.get(headers::AUTHORITY).unwrap_or_default()
    }

    /// The path without its query.
    pub fn path(&self) -> &[u8] {
        self.target().path
    }

    /// The cookies without those of the given names, as one header value: `None` when none of them was there.
    #[inline(never)]
    pub(crate) fn without_cookies<'n>(
        &self,
        names: &(impl Iterator<Item = &'n [u8]> + Clone),
    ) -> Option<Vec<u8>> {
        let gone = |cookie: &[u8]| names.clone().any(|name| Form::COOKIES.value_of(cookie, name).is_some());
        let cookies = || self.cookies().filter(|cookie| !cookie.is_empty());
        if !cookies().any(gone) {
            return None;
        }
        let mut out = Vec::new();
        for cookie in cookies().filter(|cookie| !gone(cookie)) {
            if !out.is_empty() {
                out.extend_from_slice(b"; ");
            }
            out.extend_from_slice(cookie);
        }
        Some(out)
    }

    fn cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.all(headers::COOKIE).flat_map(|line| split(line, b';')).map(<[u8]>::trim_ascii)
    }

    /// What of the service is asked for.
    pub(crate) fn target(&self) -> Target<'_> {
        let whole = before(self.get(headers::PATH).unwrap_or_default(), b'#');
        let path = before(whole, b'?');
        let query = whole.get(path.len() + 1..).unwrap_or_default();
        Target { path, query }
    }
}

/// What of a service is asked for, the fragment cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) query: &'a [u8],
}

/// How many marks there are.
const MARKS: usize = 64;

/// One of [`MARKS`] for a name, by its length and its last byte.
fn mark_of(name: &[u8]) -> usize {
    let last = name.last().copied().unwrap_or_default();
    (name.len() * 7 + usize::from(last)) % MARKS
}

/// Cookies or query parameters. Parts beyond [`limits::PAIRS`] are passed over, and one without an equals sign is no pair.
///
/// Most requests are asked for one or two, and these are looked for in the text; whoever asks for more gets a list, which is made
/// once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs<'a> {
    asked: Cell<u8>,
    list: OnceCell<Vec<(&'a [u8], &'a [u8])>>,
}

/// So often a pair is looked for in the text.
const SOUGHT: u8 = 2;

impl<'a> Pairs<'a> {
    /// The value of the first cookie of that name, in all `cookie` headers.
    pub(crate) fn cookie(&self, headers: &'a Headers, name: &[u8]) -> Option<&'a [u8]> {
        self.get(name, headers.all(headers::COOKIE), Form::COOKIES)
    }

    /// The value of the first parameter of that name in a query, as written.
    pub(crate) fn parameter(&self, query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
        self.get(name, std::iter::once(query), Form::PARAMETERS)
    }

    fn get(&self, name: &[u8], mut texts: impl Iterator<Item = &'a [u8]>, form: Form) -> Option<&'a [u8]> {
        let asked = self.asked.get();
        if asked < SOUGHT {
            self.asked.set(asked + 1);
            let mut left = limits::PAIRS;
            return texts.find_map(|text| form.seek(text, name, &mut left));
        }
        let list = self.list.get_or_init(|| form.list(&mut texts));
        list.iter().find(|(found, _)| same(found, name)).map(|(_, value)| *value)
    }
}

/// How pairs are written.
#[derive(Clone, Copy)]
struct Form {
    /// What stands between them.
    mark: u8,
    /// Whether spaces around names and values count for nothing.
    is_trimmed: bool,
}

impl Form {
    /// As servers read cookies, which pass over spaces around names and values (RFC 6265, 5.2).
    const COOKIES: Form = Form { mark: b';', is_trimmed: true };
    /// As they are written.
    const PARAMETERS: Form = Form { mark: b'&', is_trimmed: false };

    fn trim(self, text: &[u8]) -> &[u8] {
        if self.is_trimmed { text.trim_ascii() } else { text }
    }

    /// The value of the first pair of that name in a text, of which so many parts are `left` to be looked at.
    #[inline(never)]
    fn seek<'a>(self, text: &'a [u8], name: &[u8], left: &mut usize) -> Option<&'a [u8]> {
        for part in split(text, self.mark) {
            *left = left.checked_sub(1)?;
            if let Some(value) = self.value_of(part, name) {
                return Some(value);
            }
        }
        None
    }

    /// The value of a pair, if that is its name. No name has an equals sign or spaces around it.
    fn value_of<'a>(self, part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
        let part = if self.is_trimmed { part.trim_ascii_start() } else { part };
        let (found, rest) = part.split_at_checked(name.len())?;
        if !same(found, name) {
            return None;
        }
        let rest = if self.is_trimmed { rest.trim_ascii_start() } else { rest };
        rest.strip_prefix(b"=").map(|value| self.trim(value))
    }

    /// All pairs of texts, in order.
    fn list<'a>(self, texts: &mut dyn Iterator<Item = &'a [u8]>) -> Vec<(&'a [u8], &'a [u8])> {
        let parts = texts.flat_map(|text| split(text, self.mark)).take(limits::PAIRS);
        let pairs = parts.filter_map(|part| split_once(part, b'='));
        pairs.map(|(name, value)| (self.trim(name), self.trim(value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    #[test]
    fn reads_the_block_of_the_abi() {
        let block = |count: u32, sizes: [u32; 4]| {
            let sizes = sizes.map(u32::to_le_bytes).concat();
            [count.to_le_bytes().as_slice(), &sizes, b"abc\0\xff2\0a\0\0"].concat()
        };
        let whole = block(2, [3, 2, 1, 0]);
        let read = Headers::from_block(whole.clone());
        let written = [("abc", b"\xff2".as_slice()), ("a", b"")];
        assert!(read.iter().eq(written), "{read:?}");
        assert_eq!(read.get("abc"), Some(b"\xff2".as_slice()));
        assert!(!read.has("b") && !read.has(""));
        // Cut anywhere, it holds the first ones that are whole.
        for end in 0..whole.len() {
            let cut = Headers::from_block(whole.get(..end).unwrap().to_vec());
            assert!(written.starts_with(&cut.iter().collect::<Vec<_>>()), "cut at {end}: {cut:?}");
        }
        // What does not fit ends it, whatever comes after.
        for (count, sizes) in [
            (u32::MAX, [3, 2, 1, 0]),
            (2, [u32::MAX, u32::MAX, 1, 0]),
            (2, [u32::MAX, 2, 1, 0]),
            (2, [3, u32::MAX - 4, 1, 0]),
        ] {
            assert_eq!(Headers::from_block(block(count, sizes)).iter().next(), None, "{count}: {sizes:?}");
        }
    }

    #[test]
    fn finds_a_cookie_in_any_line_and_takes_the_first() {
        let request = headers(&[("cookie", "a=1; b=2;c"), ("cookie", "  d=4=5; a=9")]);
        assert_eq!(Pairs::default().cookie(&request, b"a"), Some(b"1".as_slice()));
        assert_eq!(Pairs::default().cookie(&request, b"b"), Some(b"2".as_slice()));
        assert_eq!(Pairs::default().cookie(&request, b"c"), None);
        assert_eq!(Pairs::default().cookie(&request, b"d"), Some(b"4=5".as_slice()));
    }

    #[test]
    fn spaces_around_a_cookie_hide_it_from_nobody() {
        let request = headers(&[("cookie", "a = 1 ;b=2"), ("cookie", "\ta=3")]);
        assert_eq!(Pairs::default().cookie(&request, b"a"), Some(b"1".as_slice()));
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
    fn a_cookie_or_parameter_is_the_same_however_often_it_is_asked_for() {
        let cookies = ["a=1; aa=2;b = 3 ; =4;c;d=", " ;b=5;;e==6 ", "a =7;f\t=\t8"];
        let request = headers(&cookies.map(|line| ("cookie", line)));
        let query = b"a=1&aa=2&b =3&&=4&c&d=&e==5&a=6".as_slice();
        for name in ["a", "aa", "b", "c", "d", "e", "f", "", "g"].map(str::as_bytes) {
            let (cookies, parameters) = (Pairs::default(), Pairs::default());
            let asked: Vec<_> = (0..4).map(|_| cookies.cookie(&request, name)).collect();
            assert!(asked.iter().all(|found| *found == asked[0]), "{name:?}: {asked:?}");
            let asked: Vec<_> = (0..4).map(|_| parameters.parameter(query, name)).collect();
            assert!(asked.iter().all(|found| *found == asked[0]), "{name:?}: {asked:?}");
        }
    }

    #[test]
    fn as_many_parts_as_are_looked_at_are_looked_at_and_no_more() {
        for (before, is_found) in [(limits::PAIRS - 1, true), (limits::PAIRS, false)] {
            let line = format!("{}a=1", "b=2;".repeat(before));
            let request = headers(&[("cookie", &line)]);
            let cookies = Pairs::default();
            for _ in 0..4 {
                assert_eq!(cookies.cookie(&request, b"a").is_some(), is_found, "behind {before} others");
            }
        }
    }

    #[test]
    fn reads_the_query_as_written() {
        let asked = |path: &str, name: &str| {
            let request = headers(&[(":path", path)]);
            let query = request.target().query;
            Pairs::default().parameter(query, name.as_bytes()).map(<[u8]>::to_vec)
        };
        let path = "/a/b?x=1&gray_id=u%207&gray_id=2&last=3#&y=4";
        assert_eq!(headers(&[(":path", path)]).path(), b"/a/b");
        assert_eq!(asked(path, "gray_id").as_deref(), Some(b"u%207".as_slice()));
        assert_eq!(asked(path, "last").as_deref(), Some(b"3".as_slice()), "a fragment is no part of it");
        for (path, name) in [(path, "y"), ("/a", "x"), ("/a#?x=1", "x"), ("/a?", ""), ("", "x")] {
            assert_eq!(asked(path, name), None, "{name} of {path}");
        }
    }
}
