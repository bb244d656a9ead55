//! `graylane sign`: a document in an envelope.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane::error::{At, FieldError, PolicyErrors};
use graylane::node::Node;
use graylane_cli::check::{Report, Severity};
use graylane_cli::clock;
use graylane_cli::document::{self, Form};
use graylane_cli::findings::File;
use graylane_cli::place::{Existing, place};
use graylane_cli::sealing::{self, Around, Head, Shape, findings, member};
use graylane_document::secret::{EXPECTED, Secret};
use graylane_document::{Content, Envelope, Keyring, Signers, limits};

use crate::{Outcome, input, output};

const HELP: &str = "\
FILE holds a release, a dial, settings, or a whole document of one of them:

  release   {name: shop, match: …, lanes: …, canary: …}                 belongs below releases/shop
  dial      {release: shop, percent: {v2: 10}}                          belongs below dials/shop
  settings  {identity: …, layers: …, off: true}                         belongs below settings
  document  {language: 1, version: 7, removed: shop}                    with release, dial, settings or removed

The engine checks it first: mistakes are told on standard error with their lines, and nothing is signed. A release is checked with
the settings of --settings, where it names layers; a dial against the release of --release. What is signed is JSON with the keys in
the order of the file; the envelope is DSSE.

Versions only grow: without --version the last document that is put there wins, and an old one can be put there again by whoever
kept it. A rollback is a new version, too: --returns-to names the one whose content it has.

With --add, FILE is an envelope, which gets one more signature: keys are changed that way without a gap.

Exit codes: 0 it is signed; 1 it has mistakes, which are told on standard error; 2 it could not be carried out.

Examples:
  graylane sign shop.yaml --key team-a.pem --id team-a --version 7 --author \"$USER\" | etcdctl put /policies/releases/shop
  echo '{release: shop, percent: {v2: 10}}' | graylane sign - --key controller.hex --id controller --version 8
  graylane sign --add shop.json --key team-a-2027.pem --id team-a-2027 -o shop.json";

/// Sign a release, a dial or settings
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// What is signed (YAML or JSON); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file of the key: PEM or hexadecimal digits, as graylane keygen and openssl write them
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What the key is called where it is verified
    #[arg(long, value_name = "NAME", value_parser = check_id)]
    id: String,
    /// The version: higher than any before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// Who makes the document
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// What for
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The document is a rollback: it has the content of this version again
    #[arg(long, value_name = "N")]
    returns_to: Option<u64>,
    /// The settings that the release lives with: a file with settings, or a document of them
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The release of the dial: a file with the release, or a document of it
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
    /// FILE is an envelope: add a signature
    #[arg(long, conflicts_with_all = ["version", "author", "note", "returns_to"])]
    add: bool,
    /// Write to this file, whole or not at all; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Reads the id of a key.
pub(super) fn check_id(id: &str) -> Result<String, String> {
    let is_good = (1..=limits::KEY_ID).contains(&id.len()) && !id.contains(char::is_control);
    is_good
        .then(|| id.to_owned())
        .ok_or_else(|| format!("1 to {} bytes, no control characters", limits::KEY_ID))
}

/// Reads the file of a key. That others can read it is told.
pub(super) fn secret(path: &Path) -> Result<Secret> {
    let text = input::read(path)?;
    let name = input::name(path);
    if !input::is_standard(path) {
        let mode =
            std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?.permissions().mode();
        if mode & 0o077 != 0 {
            let mode = mode & 0o777;
            output::tell(&format!(
                "graylane: warning: others can read {name} (mode {mode:o}); chmod 600 {name}\n"
            ));
        }
    }
    // What stands there is not told: it may be a secret all the same.
    Secret::read(&text).with_context(|| format!("{name} is no key: {EXPECTED}"))
}

/// Signs a document.
pub(crate) fn sign(options: &Options) -> Result<Outcome> {
    let files =
        [Some(&options.file), Some(&options.key), options.settings.as_ref(), options.release.as_ref()];
    input::is_read_once(files.into_iter().flatten().map(PathBuf::as_path))?;
    let secret = secret(&options.key)?;
    let (settings, release) = (file(options.settings.as_deref())?, file(options.release.as_deref())?);
    let [settings, release] =
        [&settings, &release].map(|file| file.as_ref().map(|(path, text)| (*path, text.as_str())));
    let Some(around) = around(settings.as_ref(), release.as_ref())? else { return Ok(Outcome::Bad) };
    let text = input::read(&options.file)?;
    let envelope =
        if options.add { opened(options, &text, &around)? } else { made(options, &text, &around)? };
    let Some(mut envelope) = envelope else { return Ok(Outcome::Bad) };
    secret.sign(&mut envelope, &options.id)?;
    let sealed = envelope.to_json();
    is_opened(&sealed, &secret, &options.id)?;
    match options.output.as_deref().filter(|path| !input::is_standard(path)) {
        Some(path) => place(path, &sealed, Existing::Replaced, None)?,
        None => output::write(&sealed)?,
    }
    Ok(Outcome::Good)
}

/// A file and what is in it.
fn file(path: Option<&Path>) -> Result<Option<(&Path, String)>> {
    path.map(|path| Ok((path, input::read(path)?))).transpose()
}

/// The document in a file, with nobody's signature yet; none where it has mistakes, which are told then.
fn made(options: &Options, text: &str, around: &Around<'_>) -> Result<Option<Envelope>> {
    let name = input::name(&options.file);
    let content = parsed(&options.file, text)?;
    let shape = Shape::of(&content).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
    let head = Head {
        version: options.version,
        created_at: clock::now()?,
        author: options.author.clone(),
        note: options.note.clone(),
        returns_to: options.returns_to,
    };
    if let (Some(before), Some(version)) = (head.returns_to, head.version)
        && before >= version
    {
        bail!("--returns-to {before} is no version before --version {version}");
    }
    if head.returns_to.is_some() && head.version.is_none() && shape != Shape::Document {
        bail!("--returns-to takes --version, too: a rollback is a new version");
    }
    let document = sealing::document(content, shape, &head);
    if !tell(&name, text, findings(&document, shape, around)) {
        return Ok(None);
    }
    if member(&document, "version").is_none_or(|version| version == Node::Unsigned(0)) {
        output::tell(
            "graylane: warning: without a version whoever keeps this document can put it there again; write --version\n",
        );
    }
    Ok(Some(Envelope::new(document::json(&document).to_string().into_bytes())))
}

/// The envelope in a file; none where what is in it has mistakes, which are told then.
fn opened(options: &Options, text: &str, around: &Around<'_>) -> Result<Option<Envelope>> {
    let name = input::name(&options.file);
    let node = document::parse(text, Form::Json).ok();
    let Some(envelope) = node.as_ref().and_then(Envelope::of) else { bail!("{name} is no envelope") };
    let envelope = envelope.with_context(|| format!("{name} is no good envelope"))?;
    let payload =
        std::str::from_utf8(envelope.payload()).with_context(|| format!("what is in {name} is no text"))?;
    let what = format!("{name} (payload)");
    let Ok(document) = document::parse(payload, Form::Json) else { bail!("what is in {name} is no JSON") };
    // What is hardly meant was told when it was signed first.
    let errors =
        findings(&document, Shape::Document, around).into_iter().filter(|found| found.0 == Severity::Error);
    let is_good = tell(&what, payload, errors.collect());
    Ok(is_good.then_some(envelope))
}

/// Tells what was found in a text; whether it can be signed.
fn tell(name: &str, text: &str, found: Vec<(Severity, FieldError)>) -> bool {
    let mut report = Report::default();
    report.add(text, found);
    output::tell(&File { name, text, report: &report }.findings());
    report.is_good(false)
}

/// Makes sure that the envelope is one that is taken.
fn is_opened(sealed: &str, secret: &Secret, id: &str) -> Result<()> {
    let signers: Signers = [(id.to_owned(), secret.signer())].into_iter().collect();
    let mut errors = PolicyErrors::default();
    let keyring = Keyring::new(&signers, &mut At::new(graylane::error::Path::Root, &mut errors));
    errors.into_result(())?;
    graylane_document::read(sealed.as_bytes(), Some(&keyring)).context("the envelope would be refused")?;
    Ok(())
}

fn parsed<'t>(path: &Path, text: &'t str) -> Result<Node<'t>> {
    document::parse(text, Form::of(path)).map_err(|fault| {
        let (name, position) = (input::name(path), fault.position);
        anyhow::anyhow!("{name}:{}:{}: {}", position.line, position.column, fault.message)
    })
}

/// What the document is checked with; none where that has mistakes, which are told then.
fn around<'t>(
    settings: Option<&(&Path, &'t str)>,
    release: Option<&(&Path, &'t str)>,
) -> Result<Option<Around<'t>>> {
    let mut around = Around::default();
    if let Some((path, text)) = settings {
        let Some(document) = good(path, text)? else { return Ok(None) };
        around.settings = member(&document, "settings");
        if around.settings.is_none() {
            bail!("{} holds no settings", input::name(path));
        }
    }
    if let Some((path, text)) = release {
        let Some(document) = good(path, text)? else { return Ok(None) };
        let Ok(Content::Release(release)) = graylane_document::check(&document) else {
            bail!("{} holds no release", input::name(path));
        };
        around.release = Some(*release);
    }
    Ok(Some(around))
}

/// The document of what stands in another file. What a release lacks of its settings is not asked for here.
fn good<'t>(path: &Path, text: &'t str) -> Result<Option<Node<'t>>> {
    let name = input::name(path);
    let content = parsed(path, text)?;
    let shape = Shape::of(&content).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
    let document = sealing::document(content, shape, &Head::default());
    let errors = graylane_document::check(&document).err().map(|refusal| refusal.errors).unwrap_or_default();
    let placed = errors.iter().filter_map(|error| shape.placed(error));
    let is_good = tell(&name, text, placed.map(|error| (Severity::Error, error)).collect());
    Ok(is_good.then_some(document))
}
