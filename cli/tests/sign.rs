//! Keys, signed documents and what is said of them, as people call it.
#![cfg(test)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

const SHOP: &str = "\
name: shop
match: {hosts: [shop.example.com]}
lanes: [{name: stable}, {name: v2}]
canary:
  stable: stable
  candidates: [{lane: v2, percent: 5}]
respond: {cache: private}
";

/// A folder, with the keys of two teams and of a controller that may sign dials alone, and `signers.yaml` with the first team
/// and the controller.
struct Ground(TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Ground(tempfile::tempdir().expect("a folder"));
        ground.good(&["keygen", "--id", "team-b"], "");
        let team = ground.good(&["keygen", "--id", "team-a"], "");
        let controller = ground.good(&["keygen", "--id", "controller", "--hmac", "-o", "secret"], "");
        ground.write("signers.yaml", format!("{team}{controller}  signs: [dial]\n"));
        ground.write("shop.yaml", SHOP);
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
        told(started(env!("CARGO_BIN_EXE_graylane"), arguments, self.0.path(), input.as_bytes()))
    }

    /// What it writes where all is well and there is nothing to warn of.
    fn good(&self, arguments: &[&str], input: &str) -> String {
        let (code, out, err) = self.run(arguments, input);
        let is_quiet = err.is_empty() || err.starts_with("graylane: the secret is in ");
        assert!(code == Some(0) && is_quiet, "{arguments:?}: {code:?} {err}");
        out
    }

    /// Signs shop.yaml for the first team.
    fn shop(&self, version: &str) -> String {
        self.good(&["sign", "shop.yaml", "--key", "team-a.pem", "--id", "team-a", "--version", version], "")
    }

    fn verified(&self, envelope: &str, at: &str) -> (Option<i32>, Value) {
        let arguments = ["verify", "-", "--signers", "signers.yaml", "--at", at, "-o", "json"];
        let (code, out, err) = self.run(&arguments, envelope);
        assert_eq!(err, "");
        (code, serde_json::from_str(&out).expect("JSON"))
    }
}

fn started(program: &str, arguments: &[&str], folder: &Path, input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove("CLICOLOR_FORCE");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input);
    running.wait_with_output().expect("it ends")
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The document in an envelope.
fn payload(envelope: &str) -> Value {
    let envelope: Value = serde_json::from_str(envelope).expect("JSON");
    let bytes = STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn what_is_signed_is_verified_with_who_and_when() {
    let ground = Ground::new();
    let key = ["--key", "team-a.pem", "--id", "team-a"];
    let arguments = [
        "sign",
        "shop.yaml",
        "--version",
        "7",
        "--returns-to",
        "5",
        "--author",
        "ada",
        "--note",
        "back to five",
    ];
    let envelope = ground.good(&[&arguments[..], &key].concat(), "");
    let (code, found) = ground.verified(&envelope, "releases/shop");
    assert_eq!((code, &found["good"], &found["says"]), (Some(0), &json!(true), &json!("release")));
    assert_eq!(
        (&found["version"], &found["returnsTo"], &found["signer"]),
        (&json!(7), &json!(5), &json!("team-a"))
    );
    assert_eq!((&found["author"], &found["note"]), (&json!("ada"), &json!("back to five")));
    assert_eq!(found["signatures"], json!([{"keyid": "team-a", "verdict": "good"}]));
    let document = payload(&envelope);
    assert_eq!(document["release"], serde_saphyr::from_str::<Value>(SHOP).expect("YAML"));
    assert_eq!(document["createdAt"], found["createdAt"]);

    ground.write("shop.json", &envelope);
    let (code, out, _) = ground.run(&["verify", "shop.json", "--signers", "signers.yaml"], "");
    let at = found["createdAt"].as_str().expect("a time");
    let expected = format!(
        "good\n  document    release, for releases/shop\n  version     7\n  returns to  5\n  made at     {at}\n  author      ada\n  \
         note        back to five\n  signed by   team-a\n  signature   team-a: good\n"
    );
    assert_eq!((code, out), (Some(0), expected));
}

#[test]
fn a_document_that_is_written_whole_is_signed_as_it_is() {
    let ground = Ground::new();
    let text = r#"{"language": 1, "version": 9, "createdAt": "2026-11-26T12:00:00Z", "removed": "shop"}"#;
    let envelope = ground.good(&["sign", "-", "--key", "team-a.pem", "--id", "team-a"], text);
    assert_eq!(payload(&envelope), serde_json::from_str::<Value>(text).expect("JSON"));
    let (code, found) = ground.verified(&envelope, "releases/shop");
    assert_eq!((code, &found["says"]), (Some(0), &json!("removed")));
    // What is said on the command line takes its place.
    let envelope =
        ground.good(&["sign", "-", "--key", "team-a.pem", "--id", "team-a", "--version", "10"], text);
    assert_eq!(payload(&envelope)["version"], 10);
}

#[test]
fn settings_and_dials_are_told_by_what_is_in_them() {
    let ground = Ground::new();
    let sign = ["sign", "-", "--key", "team-a.pem", "--id", "team-a", "--version", "1"];
    for (text, key) in [("off: true", "settings"), ("{release: shop, off: true}", "dial")] {
        let envelope = ground.good(&sign, text);
        assert_eq!(payload(&envelope)[key]["off"], true);
    }
    for (text, why) in [
        ("releases: []", "it is a whole policy; sign its settings and each of its releases by themselves"),
        ("payload: e30=", "it is signed already; --add adds a signature"),
        ("- 1", "it must be a map: a release, a dial, settings or a document"),
    ] {
        let (code, out, err) = ground.run(&sign, text);
        assert_eq!((code, out.as_str(), err), (Some(2), "", format!("graylane: <stdin>: {why}\n")));
    }
}

#[test]
fn all_mistakes_are_told_with_their_lines_and_nothing_is_signed() {
    let ground = Ground::new();
    let bad = SHOP.replace("percent: 5", "percnt: 5").replace("stable: stable", "stable: old");
    let (code, out, err) = ground.run(&["sign", "-", "--key", "team-a.pem", "--id", "team-a"], &bad);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let found: Vec<&str> = err.lines().filter(|line| line.starts_with("<stdin>")).collect();
    assert_eq!(
        found,
        [
            "<stdin>:5:11: error: canary.stable: Not found: \"old\": allowed: stable, v2",
            "<stdin>:6:16: error: canary.candidates[0].percent: Required value: a percentage",
            "<stdin>:6:27: error: canary.candidates[0].percnt: Unknown field: allowed: lane, percent, ramp, slots",
        ]
    );
    let document =
        format!("language: 1\ncreatedAt: today\nrelease:\n  {}", bad.trim_end().replace('\n', "\n  "));
    let (_, _, err) = ground.run(&["sign", "-", "--key", "team-a.pem", "--id", "team-a"], &document);
    for line in ["2:12: error: createdAt: Invalid", "8:13: error: release.canary.stable: Not found: \"old\""]
    {
        assert!(err.contains(&format!("<stdin>:{line}")), "{err}");
    }
}

#[test]
fn a_dial_is_held_against_its_release_and_a_release_against_its_settings() {
    let ground = Ground::new();
    let dial =
        ["sign", "-", "--key", "secret", "--id", "controller", "--version", "1", "--release", "shop.yaml"];
    ground.good(&dial, "{release: shop, percent: {v2: 10}}");
    for (text, mistake) in [
        ("{release: shop, percent: {v3: 10}}", "1:27: error: percent.v3: Not found: \"v3\": allowed: v2\n"),
        (
            "{release: shop, percent: {v2: 10.005}}",
            "1:1: error: Invalid value: with it the release has a mistake: canary.candidates[0].percent: Invalid value: 10.005: \
             must be between 0 and 100 in steps of 0.01\n",
        ),
    ] {
        let (code, _, err) = ground.run(&dial, text);
        assert!(code == Some(1) && err.starts_with(&format!("<stdin>:{mistake}")), "{err}");
    }
    let layered = "\
name: test
match: {}
lanes: [{name: a}, {name: b}]
ab: {salt: s, layer: checkout, traffic: {to: 10}, groups: [{lane: a, weight: 50}, {lane: b, weight: 50}]}
respond: {cache: private}
";
    let release = ["sign", "-", "--key", "team-a.pem", "--id", "team-a", "--version", "1"];
    let (code, _, err) = ground.run(&release, layered);
    assert!(code == Some(1) && err.contains("ab.layer: Not found: \"checkout\""), "{err}");
    ground.write("settings.yaml", "layers: [{name: checkout}]\n");
    ground.good(&[&release[..], &["--settings", "settings.yaml"]].concat(), layered);
}

#[test]
fn without_a_version_it_is_said_what_that_means() {
    let ground = Ground::new();
    let (code, _, err) = ground.run(&["sign", "shop.yaml", "--key", "team-a.pem", "--id", "team-a"], "");
    assert!(code == Some(0) && err.starts_with("graylane: warning: without a version "), "{err}");
    let (code, ..) =
        ground.run(&["sign", "shop.yaml", "--key", "team-a.pem", "--id", "team-a", "--version", "0"], "");
    assert_eq!(code, Some(2));
}

#[test]
fn keys_are_changed_without_a_gap() {
    let ground = Ground::new();
    let first = ground.shop("7");
    ground.write("shop.json", &first);
    let add = ["sign", "--add", "shop.json", "--key", "team-b.pem", "--id", "team-b", "-o", "shop.json"];
    assert_eq!(ground.good(&add, ""), "");
    let both = ground.read("shop.json");
    assert_eq!(payload(&both), payload(&first));
    let found = ground.verified(&both, "releases/shop").1;
    assert_eq!(
        found["signatures"],
        json!([{"keyid": "team-a", "verdict": "good"}, {"keyid": "team-b", "verdict": "unknownKey"}])
    );
    // Where the new key is the only one, the same envelope is good.
    let entry = ground.good(&["keygen", "--id", "team-b", "--from", "team-b.pem"], "");
    ground.write("signers.yaml", entry);
    let (code, found) = ground.verified(&both, "releases/shop");
    assert_eq!((code, &found["signer"]), (Some(0), &json!("team-b")));
    // Signing anew does not pile up.
    ground.good(&add, "");
    assert_eq!(ground.read("shop.json"), both);
}

#[test]
fn what_is_refused_says_why_in_the_word_of_the_metric() {
    let ground = Ground::new();
    let shop = ground.shop("7");
    let by_b =
        ground.good(&["sign", "shop.yaml", "--key", "team-b.pem", "--id", "team-a", "--version", "7"], "");
    let by_controller =
        ground.good(&["sign", "shop.yaml", "--key", "secret", "--id", "controller", "--version", "7"], "");
    let later = json!({"language": 2, "release": {}}).to_string();
    for (value, at, reason) in [
        (shop.as_str(), "releases/pay", "key"),
        (&by_b, "releases/shop", "signature"),
        (&later, "releases/shop", "signature"),
        (&by_controller, "releases/shop", "signer"),
        (&shop.replace("payload\"", "payloat\""), "releases/shop", "envelope"),
        ("{", "releases/shop", "syntax"),
        (&" ".repeat((1 << 20) + 1), "releases/shop", "oversize"),
    ] {
        let (code, found) = ground.verified(value, at);
        assert_eq!((code, &found["good"], &found["reason"]), (Some(1), &json!(false), &json!(reason)));
        assert!(found["mistakes"][0]["message"].as_str().is_some_and(|told| !told.is_empty()));
        // What nobody signed is not shown.
        assert_eq!(found["version"].is_null(), !matches!(reason, "key" | "signer"), "{found}");
    }
}

#[test]
fn a_secret_is_its_owners_alone_and_never_replaced_unasked() {
    let ground = Ground::new();
    for file in ["team-a.pem", "secret"] {
        assert_eq!(std::fs::metadata(ground.path(file)).expect("a file").permissions().mode() & 0o777, 0o600);
        let before = ground.read(file);
        let (code, out, err) = ground.run(&["keygen", "--id", "team-a", "-o", file], "");
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.starts_with(&format!("graylane: cannot write {file}: ")), "{err}");
        assert_eq!(ground.read(file), before);
        ground.good(&["keygen", "--id", "team-a", "-o", file, "--force"], "");
        assert_ne!(ground.read(file), before);
    }
    std::fs::set_permissions(ground.path("team-b.pem"), PermissionsExt::from_mode(0o644)).expect("a mode");
    let (code, _, err) =
        ground.run(&["sign", "shop.yaml", "--key", "team-b.pem", "--id", "team-b", "--version", "1"], "");
    assert_eq!(
        (code, err.as_str()),
        (Some(0), "graylane: warning: others can read team-b.pem (mode 644); chmod 600 team-b.pem\n")
    );
    for (arguments, told) in [
        (["keygen", "--id", "../a"].as_slice(), "graylane: ../a is no name of a file; say one with -o\n"),
        (&["keygen", "--id", "a", "-o", "-"], "graylane: a secret goes to a file, not to standard output\n"),
        (
            &["keygen", "--id", "a", "--from", "shop.yaml"],
            "graylane: shop.yaml is no key: an Ed25519 key as PEM",
        ),
    ] {
        let (code, out, err) = ground.run(arguments, "");
        let err =
            err.lines().rfind(|line| !line.contains("others can read")).unwrap_or_default().to_owned() + "\n";
        assert!(code == Some(2) && out.is_empty() && err.starts_with(told.trim_end()), "{err}");
    }
}

/// openssl is in most distributions; setup/uncovered.sh says that it is not here.
fn openssl(ground: &Ground, arguments: &[&str]) -> Output {
    let output = started("openssl", arguments, ground.0.path(), b"");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn is_openssl_missing() -> bool {
    let is_missing = Command::new("openssl").arg("version").output().is_err();
    if is_missing {
        eprintln!("not tested: there is no openssl");
    }
    is_missing
}

/// What is signed, by the text of the standard.
fn signed(envelope: &Value) -> Vec<u8> {
    let [payload_type, payload] = ["payloadType", "payload"].map(|key| envelope[key].as_str().expect("text"));
    let payload = STANDARD.decode(payload).expect("base64");
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.into_bytes(), payload].concat()
}

#[test]
fn keys_come_from_openssl_and_go_there() {
    if is_openssl_missing() {
        return;
    }
    let ground = Ground::new();
    openssl(&ground, &["genpkey", "-algorithm", "ed25519", "-out", "theirs.pem"]);
    for file in ["theirs.pem", "team-a.pem"] {
        let entry = ground.good(&["keygen", "--id", "it", "--from", file], "");
        let entry: Value = serde_saphyr::from_str(&entry).expect("YAML");
        let public = openssl(&ground, &["pkey", "-in", file, "-pubout", "-outform", "DER"]).stdout;
        assert_eq!(entry["it"]["ed25519"], STANDARD.encode(&public[public.len() - 32..]));
    }
    // openssl writes a key as it was written here.
    assert_eq!(openssl(&ground, &["pkey", "-in", "team-a.pem"]).stdout, ground.read("team-a.pem").as_bytes());
    openssl(&ground, &["genpkey", "-algorithm", "x25519", "-out", "other.pem"]);
    assert_eq!(ground.run(&["keygen", "--id", "it", "--from", "other.pem"], "").0, Some(2));
}

#[test]
fn openssl_verifies_what_is_signed_here_and_signs_what_is_verified_here() {
    if is_openssl_missing() {
        return;
    }
    let ground = Ground::new();
    let mut envelope: Value = serde_json::from_str(&ground.shop("7")).expect("JSON");
    let signature = |envelope: &Value| {
        STANDARD.decode(envelope["signatures"][0]["sig"].as_str().expect("text")).expect("base64")
    };
    ground.write("signed", signed(&envelope));
    ground.write("signature", signature(&envelope));
    let files = ["-rawin", "-in", "signed", "-inkey", "team-a.pem"];
    openssl(&ground, &[&["pkeyutl", "-verify", "-sigfile", "signature"][..], &files].concat());

    let dial: Value = json!({"language": 1, "version": 8, "dial": {"release": "shop", "off": true}});
    envelope["payload"] = STANDARD.encode(dial.to_string()).into();
    ground.write("signed", signed(&envelope));
    let theirs = openssl(&ground, &[&["pkeyutl", "-sign"][..], &files].concat()).stdout;
    envelope["signatures"][0]["sig"] = STANDARD.encode(theirs).into();
    assert_eq!(ground.verified(&envelope.to_string(), "dials/shop").0, Some(0));

    let key = format!("hexkey:{}", ground.read("secret").trim());
    let mac =
        openssl(&ground, &["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary", "signed"]).stdout;
    envelope["signatures"][0] = json!({"keyid": "controller", "sig": STANDARD.encode(mac)});
    let (code, found) = ground.verified(&envelope.to_string(), "dials/shop");
    assert_eq!((code, &found["signer"]), (Some(0), &json!("controller")));
}
