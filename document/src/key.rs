//! Where a document stands below the prefix.

use core::fmt;

/// A key below the [prefix](crate::Prefix).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key<'a> {
    /// `settings`: what a policy says for all its releases.
    Settings,
    /// `releases/NAME`: one release.
    Release(&'a str),
    /// `dials/NAME`: what moves of one release.
    Dial(&'a str),
}

impl<'a> Key<'a> {
    /// What keys look like, for messages.
    pub const EXPECTED: &'static str = "settings, releases/NAME or dials/NAME";

    /// Reads a key, without the prefix before it. `None` when it is something else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let name =
            |start: &str| text.strip_prefix(start).filter(|name| !name.is_empty() && !name.contains('/'));
        if text == "settings" {
            return Some(Key::Settings);
        }
        name("releases/").map(Key::Release).or_else(|| name("dials/").map(Key::Dial))
    }

    /// The release that it is about.
    pub fn release(self) -> Option<&'a str> {
        match self {
            Key::Settings => None,
            Key::Release(name) | Key::Dial(name) => Some(name),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Settings => out.write_str("settings"),
            Key::Release(name) => write!(out, "releases/{name}"),
            Key::Dial(name) => write!(out, "dials/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for (text, key) in [
            ("settings", Key::Settings),
            ("releases/shop", Key::Release("shop")),
            ("releases/settings", Key::Release("settings")),
            ("dials/shop.v2", Key::Dial("shop.v2")),
        ] {
            assert_eq!((Key::parse(text), key.to_string().as_str()), (Some(key), text));
        }
    }

    #[test]
    fn anything_else_is_no_key() {
        for text in
            ["", "/settings", "settings/", "releases", "releases/", "releases/a/b", "dials//", "Releases/a"]
        {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
