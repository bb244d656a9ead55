//! `graylane verify`: who signed what, and when.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane::error::FieldError;
use graylane::node::Node;
use graylane_cli::document::Form;
use graylane_cli::signers;
use graylane_cli::words::shown;
use graylane_document::keyring::Verdict;
use graylane_document::{Content, Document, Envelope, Key, Keyring, Reason, Refusal};
use serde::Serialize;

use crate::{
    Outcome, input,
    output::{self, Output},
};

const HELP: &str = "\
Says what a proxy with these signers would say of the value. With --at the key below the prefix counts as well: a document that is
signed for another key is refused. What is not known here is which version a proxy has had: it takes no lower one.

The words of a refusal are those of the metrics: oversize, syntax, envelope, signature, signer, language, policy, key.

Exit codes: 0 it is good; 1 it is refused, or the signers have mistakes; 2 a file could not be read.

Examples:
  graylane verify shop.json --signers signers.yaml --at releases/shop
  etcdctl get --print-value-only /policies/dials/shop | graylane verify - --signers signers.yaml --at dials/shop
  graylane verify shop.json --signers signers.yaml -o json | jq .version";

/// Say who signed a document and when, or why it is refused
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The envelope; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who is believed (YAML or JSON): a map of ids and keys, as graylane keygen prints them
    #[arg(long, value_name = "FILE")]
    signers: PathBuf,
    /// The key below the prefix that the document is for: settings, releases/NAME or dials/NAME
    #[arg(long, value_name = "KEY", value_parser = check_key)]
    at: Option<String>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Output,
}

fn check_key(text: &str) -> Result<String, String> {
    Key::parse(text).map(|_| text.to_owned()).ok_or_else(|| Key::EXPECTED.to_owned())
}

/// What is found, for programs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    /// Whether a proxy takes it.
    good: bool,
    /// Why it does not.
    reason: Option<&'static str>,
    /// The key that it belongs below.
    key: Option<String>,
    /// `release`, `dial`, `settings` or `removed`.
    says: Option<&'static str>,
    version: Option<u64>,
    created_at: Option<String>,
    author: Option<String>,
    note: Option<String>,
    returns_to: Option<u64>,
    /// The id of a key that signed it and may.
    signer: Option<String>,
    signatures: Vec<Signature>,
    mistakes: Vec<Mistake>,
}

#[derive(Debug, Serialize)]
struct Signature {
    keyid: String,
    /// `good`, `bad` or `unknownKey`.
    verdict: &'static str,
}

#[derive(Debug, Serialize)]
struct Mistake {
    path: String,
    problem: &'static str,
    value: String,
    allowed: String,
    message: String,
}

/// Verifies a document.
pub(crate) fn verify(options: &Options) -> Result<Outcome> {
    input::is_read_once([&options.file, &options.signers].map(PathBuf::as_path))?;
    let text = input::read(&options.signers)?;
    let keyring = match signers::read(&text, Form::of(&options.signers), &input::name(&options.signers)) {
        Ok(keyring) => keyring,
        Err(mistakes) => {
            output::tell(&mistakes);
            return Ok(Outcome::Bad);
        }
    };
    if keyring.is_empty() {
        bail!("there is nobody in {}", input::name(&options.signers));
    }
    let value = input::read_bytes(&options.file)?;
    let opened = match &options.at {
        Some(key) => graylane_document::open(key, &value, Some(&keyring)),
        None => graylane_document::read(&value, Some(&keyring)),
    };
    let found = Found::of(&value, &opened, &keyring);
    match options.output {
        Output::Table => output::write(&found.text())?,
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&found)?))?,
        Output::Yaml => output::write(&serde_saphyr::to_string(&found).context("what is found as YAML")?)?,
    }
    Ok(if found.good { Outcome::Good } else { Outcome::Bad })
}

impl Found {
    fn of(value: &[u8], opened: &Result<Document, Refusal>, keyring: &Keyring) -> Self {
        let refusal = opened.as_ref().err();
        let signatures = match refusal.map(|refusal| refusal.reason) {
            Some(Reason::Oversize) => Vec::new(),
            _ => signatures(value, keyring),
        };
        // One that stands at the wrong place, or is signed by the wrong one, can be shown all the same.
        let is_believed = signatures.iter().any(|signature| signature.verdict == "good");
        let document = match opened {
            Ok(document) => Some(document.clone()),
            Err(_) if is_believed => graylane_document::read(value, None).ok(),
            Err(_) => None,
        };
        let errors = refusal.into_iter().flat_map(|refusal| &refusal.errors);
        Found {
            good: opened.is_ok(),
            reason: refusal.map(|refusal| refusal.reason.as_str()),
            key: document.as_ref().map(|document| document.key().to_string()),
            says: document.as_ref().map(says),
            version: document.as_ref().map(|document| document.stamp.version),
            created_at: document.as_ref().and_then(|document| Some(document.created_at?.to_string())),
            author: document.as_ref().and_then(|document| document.author.clone()),
            note: document.as_ref().and_then(|document| document.note.clone()),
            returns_to: document.as_ref().and_then(|document| document.returns_to),
            signer: opened.as_ref().ok().and_then(|document| document.signer.clone()),
            signatures,
            mistakes: errors.map(mistake).collect(),
        }
    }

    fn text(&self) -> String {
        let mut out = match self.reason {
            None => "good\n".to_owned(),
            Some(reason) => format!("refused: {reason}\n"),
        };
        let mut row = |what: &str, value: Option<String>| {
            // Writing to text cannot fail.
            let _ = value.map(|value| writeln!(out, "  {what:<10}  {}", shown(&value)));
        };
        row("document", self.says.zip(self.key.as_ref()).map(|(says, key)| format!("{says}, for {key}")));
        row(
            "version",
            self.version.map(|version| if version > 0 { version.to_string() } else { "none".to_owned() }),
        );
        row("returns to", self.returns_to.map(|version| version.to_string()));
        row("made at", self.created_at.clone());
        row("author", self.author.clone());
        row("note", self.note.clone());
        row("signed by", self.signer.clone());
        for Signature { keyid, verdict } in &self.signatures {
            let verdict = match *verdict {
                "good" => "good",
                "bad" => "not by this key, or of something else",
                _ => "no such key among the signers",
            };
            row("signature", Some(format!("{keyid}: {verdict}")));
        }
        for Mistake { message, .. } in &self.mistakes {
            row("mistake", Some(message.clone()));
        }
        out
    }
}

fn says(document: &Document) -> &'static str {
    match document.content {
        Content::Settings(_) => "settings",
        Content::Release(_) => "release",
        Content::Dial(_) => "dial",
        Content::Removed(_) => "removed",
    }
}

fn signatures(value: &[u8], keyring: &Keyring) -> Vec<Signature> {
    let node = serde_json::from_slice::<Node<'_>>(value).ok();
    let Some(Ok(envelope)) = node.as_ref().and_then(Envelope::of) else { return Vec::new() };
    let verdict = |signature| match keyring.verify(&envelope, signature) {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::UnknownKey => "unknownKey",
    };
    let signatures = envelope.signatures().iter();
    signatures
        .map(|signature| Signature { keyid: signature.key_id.clone(), verdict: verdict(signature) })
        .collect()
}

fn mistake(error: &FieldError) -> Mistake {
    Mistake {
        path: error.path.clone(),
        problem: error.problem.as_str(),
        value: error.value.clone(),
        allowed: error.allowed.clone(),
        message: error.to_string(),
    }
}
