//! Who is believed, in a file: a map of ids and keys, as under `signers` in the configuration of whoever verifies.
//!
//! No key is ever shown: a mistake is told by its place and its id, never with the value or the line.

use graylane::error::{Path, PolicyErrors};
use graylane_document::Keyring;

use crate::document::{Form, parse};
use crate::position::{Position, Positions};

/// Reads a file of signers; `name` is how it is called.
///
/// # Errors
/// All that is wrong with it, one a line.
pub fn read(text: &str, form: Form, name: &str) -> Result<Keyring, String> {
    let node = parse(text, form).map_err(|fault| {
        // What the parser says may quote the text.
        let Position { line, column, .. } = fault.position;
        format!("{name}:{line}:{column}: error: must be YAML or JSON, a map of ids and keys\n")
    })?;
    let mut errors = PolicyErrors::default();
    let keyring = Keyring::read(&node, &Path::Root, &mut errors);
    let positions = Positions::of(text);
    let mut placed: Vec<_> = errors.iter().map(|error| (positions.find(error, 0).position, error)).collect();
    placed.sort_by_key(|(position, _)| (position.line, position.column));
    let line = |(Position { line, column, .. }, error)| format!("{name}:{line}:{column}: error: {error}\n");
    if placed.is_empty() { Ok(keyring) } else { Err(placed.into_iter().map(line).collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn mistakes_are_told_with_their_lines_and_never_a_key() {
        let text = format!(
            "team-a: {{ed25519: {SECRET}}}\nteam-b: {SECRET}\nc: {{hmacSha256: {SECRET}0}}\nd: {{signs: [dail]}}\n"
        );
        let told = read(&text, Form::Yaml, "signers").unwrap_err();
        assert_eq!(
            told,
            "signers:1:19: error: team-a.ed25519: Invalid value: a public key: 32 bytes in base64\n\
             signers:2:9: error: team-b: Wrong type: must be a map: {ed25519: …} or {hmacSha256: …}\n\
             signers:3:17: error: c.hmacSha256: Invalid value: 32 to 128 hexadecimal digits, an even number of them\n\
             signers:4:4: error: d: Required value: allowed: ed25519, hmacSha256\n\
             signers:4:13: error: d.signs[0]: Unsupported value: \"dail\": allowed: release, dial, settings\n"
        );
        for text in
            [SECRET.to_owned(), format!("- {SECRET}"), format!("a: [{SECRET}"), format!("a: {{{SECRET}: 1}}")]
        {
            let told = read(&text, Form::Yaml, "signers").unwrap_err();
            assert!(!told.contains(SECRET), "{told}");
        }
    }

    #[test]
    fn yaml_and_json_are_read() {
        for (text, form) in [
            (format!("a: {{hmacSha256: '{SECRET}', signs: [dial]}}"), Form::Yaml),
            (format!(r#"{{"a": {{"hmacSha256": "{SECRET}"}}}}"#), Form::Json),
        ] {
            let keyring = read(&text, form, "signers").unwrap();
            assert_eq!(keyring.ids().collect::<Vec<_>>(), ["a"]);
        }
    }
}
