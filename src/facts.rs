//! What a decision may look at: a request as far as it is admitted.
//!
//! Whatever comes after trust reads a request through [`Facts`] alone. A header or cookie that was not believed is not
//! there, for rules and gray ids as little as for overrides: nobody has to remember to ask.

use std::cell::OnceCell;

use crate::baggage;
use crate::bytes::split;
use crate::label::Label;
use crate::limits;
use crate::policy::Trust;
use crate::request::{Headers, Pairs, Request};
use crate::settings::Settings;
use crate::trust::{Admission, admit};

/// A request as far as it is admitted. What is costly to find is found when it is first asked for, once.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    settings: &'a Settings,
    headers: &'a Headers,
    admission: Admission<'a>,
    label: OnceCell<Label<'a>>,
    cookies: OnceCell<Pairs<'a>>,
    query: OnceCell<Pairs<'a>>,
}

impl<'a> Facts<'a> {
    /// Judges what the request claims of itself, and leaves out what is not believed.
    pub(crate) fn of(settings: &'a Settings, trust: Trust, request: &'a impl Request) -> Self {
        Facts {
            settings,
            headers: request.headers(),
            admission: admit(settings, trust, request),
            label: OnceCell::new(),
            cookies: OnceCell::new(),
            query: OnceCell::new(),
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
        self.headers_named(name).next()
    }

    /// Every value of a header, in order.
    pub(crate) fn headers_named<'n, N: AsRef<[u8]> + ?Sized>(
        &self,
        name: &'n N,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, N> {
        let removed = self.admission.removed.iter().any(|removed| removed.as_bytes() == name.as_ref());
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
        if claims.iter().any(|claim| claim.as_bytes() == name) {
            return None;
        }
        self.cookies.get_or_init(|| Pairs::cookies(self.headers)).get(name)
    }

    /// The value of a query parameter, as written; the first if it stands several times.
    pub(crate) fn query(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.query.get_or_init(|| Pairs::query(self.headers)).get(name)
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &'a [u8] {
        self.headers.path()
    }

    /// The traffic label: its header, else the member of the baggage; empty unless it is believed.
    pub(crate) fn label(&self) -> &Label<'a> {
        self.label.get_or_init(|| match self.header(&*self.settings.names.label) {
            _ if !self.admission.believed => Label::default(),
            Some(text) => Label::parse(text),
            None => baggage::label(self.headers).map(Label::parse).unwrap_or_default(),
        })
    }

    /// How many pairs of the traffic label were dropped, if anybody has looked at it.
    pub(crate) fn dropped_label_pairs(&self) -> u32 {
        self.label.get().map_or(0, Label::dropped)
    }

    /// The elements of the group header that the hop before set.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'a [u8]> {
        let lines =
            self.headers_named(&*self.settings.names.group).filter(|line| line.len() <= limits::LABEL);
        let elements = lines.flat_map(|line| split(line, b',')).map(<[u8]>::trim_ascii);
        elements.filter(|element| !element.is_empty()).take(limits::GROUPS)
    }
}
