//! What a decision may look at: a request as far as it is admitted.
//!
//! Whatever comes after trust reads a request through [`Facts`] alone. A header or cookie that was not believed is not
//! there, for rules and gray ids as little as for overrides: nobody has to remember to ask.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::arena::LaneId;
use crate::baggage;
use crate::bytes::{same, split};
use crate::label::Label;
use crate::limits;
use crate::policy::Trust;
use crate::request::{Headers, Pairs, Request, Target};
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::trust::{Admission, admit};

/// A claim by its name, and its value where the host has verified one.
type Claim = (Vec<u8>, Option<Vec<u8>>);

/// A request as far as it is admitted. What is costly to find is found when it is first asked for, once.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    settings: &'a Settings,
    request: &'a dyn Request,
    headers: &'a Headers,
    admission: Admission<'a>,
    source_address: OnceCell<Option<IpAddr>>,
    now: OnceCell<Timestamp>,
    claims: RefCell<Vec<Claim>>,
    label: OnceCell<Option<Box<Label<'a>>>>,
    cookies: Pairs<'a>,
    query: Pairs<'a>,
    target: OnceCell<Target<'a>>,
}

impl<'a> Facts<'a> {
    /// Judges what the request claims of itself, and leaves out what is not believed.
    pub(crate) fn of(settings: &'a Settings, trust: Trust, request: &'a dyn Request) -> Self {
        let source_address = OnceCell::new();
        let address = || *source_address.get_or_init(|| request.source_address());
        Facts {
            admission: admit(settings, trust, request.headers(), address),
            settings,
            request,
            headers: request.headers(),
            source_address,
            now: OnceCell::new(),
            claims: RefCell::default(),
            label: OnceCell::new(),
            cookies: Pairs::default(),
            query: Pairs::default(),
            target: OnceCell::new(),
        }
    }

    /// What of the request is believed, and what is removed from it.
    pub fn admission(&self) -> &Admission<'a> {
        &self.admission
    }

    /// The headers as they came: for whoever rewrites them, not for whoever decides.
    pub(crate) fn raw_headers(&self) -> &'a Headers {
        self.headers
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &(impl AsRef<[u8]> + ?Sized)) -> Option<&'a [u8]> {
        let name = name.as_ref();
        if self.admission.removed.has(name) { None } else { self.headers.get(name) }
    }

    /// What is left of a header once what is not believed is removed from it: the first value, of cookies and baggage all.
    pub(crate) fn header_left(&self, name: &[u8]) -> Option<&[u8]> {
        let left = match name {
            b"cookie" => self.admission.cookies.as_deref(),
            b"baggage" => self.admission.baggage.as_deref(),
            _ => None,
        };
        left.map_or_else(|| self.header(name), |left| Some(left).filter(|left| !left.is_empty()))
    }

    /// Every value of a header, in order.
    pub(crate) fn headers_named<'n, N: AsRef<[u8]> + ?Sized>(
        &self,
        name: &'n N,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, N> {
        let removed = self.admission.removed.has(name.as_ref());
        self.headers.all(name).filter(move |_| !removed)
    }

    /// The value of a header that stands exactly once and is not empty.
    pub(crate) fn single_header(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.headers_named(name);
        let first = values.next().filter(|value| !value.is_empty())?;
        values.next().is_none().then_some(first)
    }

    /// The value of a cookie; the first if it stands several times.
    pub(crate) fn cookie(&self, name: &[u8]) -> Option<&'a [u8]> {
        let claims = if self.admission.believed { &[] } else { &*self.settings.claims.cookies };
        if claims.iter().any(|claim| same(claim.as_bytes(), name)) {
            return None;
        }
        self.cookies.cookie(self.headers, name)
    }

    /// The value of a query parameter, as written; the first if it stands several times.
    pub(crate) fn query(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.query.parameter(self.target().query, name)
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &'a [u8] {
        self.target().path
    }

    fn target(&self) -> Target<'a> {
        *self.target.get_or_init(|| self.headers.target())
    }

    /// The host as the client wrote it, port included.
    pub(crate) fn host(&self) -> &'a [u8] {
        self.headers.host()
    }

    /// The address that the request came from, as the listener knows it.
    pub(crate) fn source_address(&self) -> Option<IpAddr> {
        *self.source_address.get_or_init(|| self.request.source_address())
    }

    /// The time of the decision: one and the same for all its steps.
    pub(crate) fn now(&self) -> Timestamp {
        *self.now.get_or_init(|| self.request.now())
    }

    /// 16 random bytes, others each time.
    pub(crate) fn random(&self) -> Option<[u8; 16]> {
        self.request.random()
    }

    /// Whether the guard of a lane turns this gray id away.
    pub(crate) fn is_turned_away(&self, release: u32, lane: LaneId, id: Option<&[u8]>) -> bool {
        self.request.is_turned_away(release, lane, id)
    }

    /// A claim that the host has verified: under its name, or where there is none, by its parts between dots from
    /// the outside in.
    pub(crate) fn claim(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut claims = self.claims.borrow_mut();
        if let Some((_, value)) = claims.iter().find(|(known, _)| known == name) {
            return value.clone();
        }
        let value = std::str::from_utf8(name).ok().and_then(|name| self.verified(name));
        claims.push((name.to_vec(), value.clone()));
        value
    }

    fn verified(&self, name: &str) -> Option<Vec<u8>> {
        let (filter, key) = &self.settings.claims_in;
        let mut path: ArrayVec<&str, { limits::CLAIM_DEPTH + 2 }> = ArrayVec::new();
        path.extend([&**filter, &**key, name]);
        self.request.metadata(&path).or_else(|| {
            path.truncate(2);
            path.extend(name.split('.').take(limits::CLAIM_DEPTH));
            self.request.metadata(&path).filter(|_| path.len() > 3)
        })
    }

    /// The traffic label: its header, else the member of the baggage; empty unless it is believed.
    pub(crate) fn label(&self) -> &Label<'a> {
        static NONE: Label<'static> = Label::NONE;
        if !self.admission.believed {
            return &NONE;
        }
        self.label.get_or_init(|| self.sent_label().map(Box::new)).as_deref().unwrap_or(&NONE)
    }

    fn sent_label(&self) -> Option<Label<'a>> {
        // An empty header says nothing; whoever means no label writes `default`.
        let text =
            self.header(&*self.settings.names.label).filter(|text| !text.is_empty()).map(Cow::Borrowed);
        text.or_else(|| baggage::label(self.headers)).map(Label::parse)
    }

    /// How many pairs of the traffic label were dropped, if anybody has looked at it.
    pub(crate) fn dropped_label_pairs(&self) -> u32 {
        self.label.get().and_then(Option::as_deref).map_or(0, Label::dropped)
    }

    /// The elements of the group header that the hop before set.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'a [u8]> {
        let lines =
            self.headers_named(&*self.settings.names.group).filter(|line| line.len() <= limits::LABEL);
        let elements = lines.flat_map(|line| split(line, b',')).map(<[u8]>::trim_ascii);
        elements.filter(|element| !element.is_empty()).take(limits::GROUPS)
    }
}
