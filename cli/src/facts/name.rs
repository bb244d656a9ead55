//! What Kubernetes allows as a name, a label and a host.
//!
//! Source: `k8s.io/apimachinery/pkg/util/validation`.

use graylane::error::{At, Problem, Quoted};

/// A name as DNS labels are: RFC 1123.
pub(super) const LABEL: &str =
    "small letters, digits and hyphens, a letter or digit at both ends, 63 at most";

/// Whether `text` is a DNS label.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63
        && is_framed(text)
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The name of a Service: RFC 1035.
pub(super) const SERVICE: &str =
    "small letters, digits and hyphens, a letter first and no hyphen last, 63 at most";

/// Whether `text` may name a Service.
pub(super) fn is_service(text: &str) -> bool {
    is_label(text) && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
}

/// Whether `text` is DNS labels with dots between.
pub(super) fn is_host(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether `text` is a host, or all hosts below one: `*.example.com`.
pub(super) fn is_pattern(text: &str) -> bool {
    is_host(text.strip_prefix("*.").unwrap_or(text))
}

/// Checks labels of pods.
pub(super) fn labels(labels: &[(String, String)], at: &mut At<'_>) {
    for (key, value) in labels {
        let (prefix, name) =
            key.rsplit_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        let mut at = at.key(key);
        if !prefix.is_none_or(is_host) || !is_word(name) || name.is_empty() {
            let allowed = "a label key: letters, digits, '-', '_' and '.', 63 at most, perhaps after a host and a slash";
            at.error(Problem::Invalid, Quoted(key), allowed);
        }
        if !is_word(value) {
            let allowed = "a label value: letters, digits, '-', '_' and '.', a letter or digit at both ends, 63 at most";
            at.error(Problem::Invalid, Quoted(value), allowed);
        }
    }
}

fn is_word(text: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.is_empty() || text.len() <= 63 && is_framed(text) && text.bytes().all(is_inside)
}

/// Whether a letter or digit stands at both ends.
fn is_framed(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.into_iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// The nearest DNS label to a lane's name: small letters, a hyphen for what may not stand there.
pub(super) fn label_of(name: &str) -> String {
    let label: String = name
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' })
        .collect();
    label.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kubernetes_takes() {
        for good in ["a", "user-svc", "1", "a1"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "A", "a.b", "-a", "a-", "a_b", &"a".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
        assert!(is_host("shop.example.com") && !is_host("*.example.com") && is_pattern("*.example.com"));
        assert!(is_service("a1") && !is_service("1a"));
        assert!(!is_host("*") && !is_host("a..b") && !is_host("shop.example.com:80"));
    }

    #[test]
    fn a_lane_has_the_nearest_label() {
        for (lane, label) in [("v2", "v2"), ("A", "a"), ("v2.3_x", "v2-3-x"), ("_b", "b"), ("é", "")] {
            assert_eq!(label_of(lane), label, "{lane}");
        }
    }
}
