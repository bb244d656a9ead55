//! Tokens that Envoy's JWT filter verifies before ours runs.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac_sha256::HMAC;
use serde_json::{Map, Value, json};

/// The header in which a request brings its token; Envoy takes it away.
pub(crate) const HEADER: &str = "x-test-token";
const ISSUER: &str = "graylane-tests";
const SECRET: &[u8] = b"a secret that tests alone share, of a length that HS256 likes";

/// A token with these claims.
pub(crate) fn signed(claims: &Map<String, Value>) -> String {
    let mut claims = claims.clone();
    claims.insert("iss".to_owned(), ISSUER.into());
    let [header, claims] =
        [json!({"alg": "HS256", "typ": "JWT"}), claims.into()].map(|part| BASE64.encode(part.to_string()));
    let mac = HMAC::mac(format!("{header}.{claims}"), SECRET);
    format!("{header}.{claims}.{}", BASE64.encode(mac))
}

/// The filter that verifies them where one is sent.
pub(crate) fn filter() -> Value {
    let keys = json!({"keys": [{"kty": "oct", "alg": "HS256", "k": BASE64.encode(SECRET)}]});
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"tests": {
                "issuer": ISSUER,
                "local_jwks": {"inline_string": keys.to_string()},
                "from_headers": [{"name": HEADER}],
                "payload_in_metadata": "payload",
            }},
            "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
                {"provider_name": "tests"}, {"allow_missing": {}},
            ]}}}],
        },
    })
}
