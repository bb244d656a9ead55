//! How the watch is configured: JSON in the configuration of its plugin.

use graylane::error::{At, Path, PolicyErrors, Problem, Quoted};
use graylane::node::Node;
use graylane::policy::Map;
use graylane::read::read;
use graylane::written;
use graylane_document::{Keyring, Prefix, Signers};

written! {
    /// What the host hands to the watch.
    pub struct Config {
        /// The etcd that is followed. Required.
        etcd: Option<Etcd> [required],
        /// Keys by which documents are signed. With one or more, what none of them signed is refused.
        signers: Signers,
        /// Secrets by their id, each as 32 to 128 hexadecimal digits; policies name the ids.
        keys: Map<String>,
        /// Documents that are in force until etcd says something else: what it said last time.
        snapshot: Vec<Entry>,
    }
}

written! {
    /// An etcd, and where in it policies stand.
    pub struct Etcd {
        /// The Envoy cluster, which speaks HTTP/2. Required.
        cluster: Option<String> [required],
        /// The prefix of all keys; default `/policies/`.
        prefix: Option<String>,
        /// Who signs in; default: nobody.
        user: Option<User>,
    }
}

impl Etcd {
    /// The prefix of all keys.
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(Prefix::DEFAULT)
    }
}

written! {
    /// A user of etcd.
    pub struct User {
        /// The name. Required.
        name: Option<String> [required],
        /// The password. Required.
        password: Option<String> [required],
    }
}

written! {
    /// A document of a snapshot.
    pub struct Entry {
        /// Its key, without the prefix. Required.
        key: Option<String> [required],
        /// What stands there, as text. Required.
        value: Option<String> [required],
    }
}

impl Config {
    /// Reads the configuration, and the keyring in it.
    ///
    /// # Errors
    /// Every mistake, with its path.
    pub fn parse(json: &[u8]) -> Result<(Self, Option<Keyring>), PolicyErrors> {
        let mut errors = PolicyErrors::default();
        let node: Node<'_> = match serde_json::from_slice(json) {
            Ok(node) => node,
            Err(fault) => {
                let allowed =
                    format_args!("the configuration must be JSON in a google.protobuf.StringValue: {fault}");
                errors.add(&Path::Root, Problem::Syntax, "", allowed);
                return Err(errors);
            }
        };
        let config: Config = read(&node, &Path::Root, &mut errors);
        // Nobody wants a secret in a log.
        errors.conceal("keys");
        errors.conceal("etcd.user");
        errors.conceal_keys(&Path::Root.key("keys"), config.keys.iter().map(|(id, _)| id));
        let at = &mut At::new(Path::Root, &mut errors);
        config.check(at);
        let keyring = Keyring::new(&config.signers, &mut at.key("signers"));
        let keyring = Some(keyring).filter(|_| !config.signers.is_empty());
        errors.into_result((config, keyring))
    }

    fn check(&self, at: &mut At<'_>) {
        let at = &mut at.key("etcd");
        let Some(etcd) = &self.etcd else {
            return at.error(Problem::Required, "", "the etcd that is followed");
        };
        if etcd.cluster.as_deref().is_none_or(str::is_empty) {
            at.key("cluster").error(Problem::Required, "", "the name of an Envoy cluster");
        }
        if let Err(allowed) = Prefix::parse(etcd.prefix()) {
            at.key("prefix").error(Problem::Invalid, Quoted(etcd.prefix()), allowed);
        }
        if let Some(user) = &etcd.user {
            for (key, value) in [("name", &user.name), ("password", &user.password)] {
                if value.as_deref().is_none_or(str::is_empty) {
                    at.key("user").key(key).error(Problem::Required, "", "as etcd knows it");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_prefix_is_one_that_can_be_published_below() {
        for (prefix, is_good) in
            [("/policies/", true), ("/", false), ("policies/", false), ("/policies", false)]
        {
            let json = json!({"etcd": {"cluster": "etcd", "prefix": prefix}}).to_string();
            let told = Config::parse(json.as_bytes()).map(drop).map_err(|errors| errors.to_string());
            let allowed = "a prefix that starts and ends with a slash, like /policies/";
            let expected = format!("etcd.prefix: Invalid value: \"{prefix}\": {allowed}");
            assert_eq!(told, if is_good { Ok(()) } else { Err(expected) });
        }
    }

    #[test]
    fn no_mistake_shows_a_secret() {
        const SECRET: &str = "00112233445566778899aabbccddeeff";
        const NUMBER: u64 = 8_675_309_123_456_789;
        let told = |member: &str, value: Value| {
            let mut config = json!({"etcd": {"cluster": "etcd"}});
            match member {
                "user" => config["etcd"][member] = value,
                member => config[member] = value,
            }
            Config::parse(config.to_string().as_bytes()).unwrap_err().to_string()
        };
        for (member, value, expected) in [
            ("keys", json!({ SECRET: 1 }), "keys[0]: Wrong type: must be text"),
            ("keys", json!({"0": SECRET, SECRET: ["k1"]}), "keys[1]: Wrong type: must be text"),
            ("keys", json!({"k1": NUMBER}), "keys.k1: Wrong type: must be text"),
            ("keys", json!(SECRET), "keys: Wrong type: must be a map"),
            (
                "user",
                json!({"name": "a", "password": NUMBER}),
                "etcd.user.password: Wrong type: must be text",
            ),
            ("user", json!(SECRET), "etcd.user: Wrong type: must be a map"),
        ] {
            let told = told(member, value);
            assert!(told.starts_with(expected), "{told}");
            assert!(!told.contains(SECRET) && !told.contains(&NUMBER.to_string()), "{told}");
        }
    }

    #[test]
    fn no_key_that_stands_twice_is_shown_where_it_may_be_a_secret() {
        let digits = "00112233445566778899aabbccddeeff";
        let json =
            format!(r#"{{"etcd": {{"cluster": "etcd"}}, "keys": {{"{digits}": "k1", "{digits}": "k1"}}}}"#);
        let told = Config::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(told.starts_with("keys[0]: Duplicate value: write the key once"), "{told}");
        assert!(!told.contains(digits), "{told}");
    }
}
