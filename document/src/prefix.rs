//! Where documents stand in etcd, and where those that stood there before.

/// The prefix of all keys, which starts and ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Where documents stand, unless another is said.
    pub const DEFAULT: &str = "/policies/";

    /// Reads a prefix.
    ///
    /// # Errors
    /// What one looks like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_good = text.len() > 1 && text.starts_with('/') && text.ends_with('/');
        is_good
            .then(|| Prefix(text.to_owned()))
            .ok_or("a prefix that starts and ends with a slash, like /policies/")
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole key of a document.
    pub fn key(&self, key: &str) -> String {
        format!("{}{key}", self.0)
    }

    /// Below which the documents stand that stood below a key, by their versions: `/policies-history/releases/shop/`. It is beside the
    /// prefix and not below it: what is below it is for proxies, which would call these keys strange.
    pub fn past(&self, key: &str) -> String {
        format!("{}-history/{key}/", self.0.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_before_stand_beside_the_prefix() {
        let prefix = Prefix::parse("/teams/a/").unwrap();
        assert_eq!(prefix.key("releases/shop"), "/teams/a/releases/shop");
        assert_eq!(prefix.past("releases/shop"), "/teams/a-history/releases/shop/");
        for text in ["", "/", "policies/", "/policies"] {
            assert!(Prefix::parse(text).is_err(), "{text}");
        }
    }
}
