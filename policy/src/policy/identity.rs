//! Who is being split, and what the client is given to be recognised by.

use crate::written;

written! {
    /// Where the gray id comes from.
    pub struct Identity {
        /// Where to look, in order; the first that holds an id wins. Default: header `x-gray-id`, query parameter
        /// `gray_id`, cookie `gray_id`.
        sources: Vec<IdSource>,
        /// What becomes of a request in which none does. Default `issue`.
        absent: Option<Absent>,
        /// How ids are brought into one spelling; default: they are taken byte for byte.
        normalize: Normalize,
        /// Gives a freshly drawn id back as a cookie, so that the user keeps it.
        cookie: Option<Cookie>,
    }
}

written! {
    /// One place where a gray id, or a part of one, may stand.
    #[derive(Eq)]
    pub enum IdSource {
        /// The address that the request came from, as the listener knows it.
        SourceAddress = "sourceAddress",
        /// A request header, by name. One that stands twice is no identity.
        Header(String) = "header",
        /// A query parameter, by name.
        Query(String) = "query",
        /// A cookie, by name.
        Cookie(String) = "cookie",
        /// A claim of a token that Envoy has verified, by name, see `claims`.
        Claim(String) = "claim",
        /// Several of them together, all of which must be there (a list that a token claims is not): the id is the hash of them, 32
        /// hexadecimal digits.
        Composite(Vec<IdSource>) = "composite",
    }
}

written! {
    /// What becomes of a request in which no source holds an id.
    #[derive(Copy, Eq)]
    pub enum Absent {
        /// A fresh UUID is drawn, and with `cookie` given back.
        Issue = "issue",
        /// The request's own id serves, header `x-request-id`: the hops of one request agree, the next request is dealt anew.
        /// One without it has none, as with `none`.
        RequestId = "requestId",
        /// It has none: what no override, label or rule places takes the default lane and is no part of an experiment.
        None = "none",
    }
}

written! {
    /// How ids are brought into one spelling before they are hashed, compared and passed on. The id that a believed hop before hands
    /// over in the header of ids is taken as it came: that hop has spelled it.
    #[derive(Eq)]
    pub struct Normalize {
        /// Removes spaces and tabs at both ends; an id that has them is otherwise none.
        trim: bool,
        /// Turns ASCII letters into lower case.
        lower_case: bool as "lowerCase",
    }
}

written! {
    /// A cookie to be set, with its attributes.
    pub struct Cookie {
        /// The name; default `gray_id` for the identity and `ab_group` for the group of an AB release.
        name: Option<String>,
        /// `Path`; default `/`.
        path: Option<String>,
        /// `Domain`; default none, which means this host alone.
        domain: Option<String>,
        /// `Max-Age` in seconds; default one year (31536000). 0 makes a session cookie.
        max_age: Option<u32> as "maxAge",
        /// `Secure`: over TLS alone.
        secure: bool,
        /// `HttpOnly`: hidden from scripts.
        http_only: bool as "httpOnly",
        /// `SameSite`; default `lax`.
        same_site: Option<SameSite> as "sameSite",
    }
}

written! {
    /// The `SameSite` attribute of a cookie.
    #[derive(Copy, Eq)]
    pub enum SameSite {
        /// Sent along when the user follows a link.
        Lax = "lax",
        /// Sent from the same site alone.
        Strict = "strict",
        /// Sent always; browsers ask for `Secure` with it.
        None = "none",
    }
}
