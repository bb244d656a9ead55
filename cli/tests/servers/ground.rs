//! A folder with keys and files, and an etcd to publish them in.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use graylane_testbed::Etcd;
use serde_json::Value;
use tempfile::TempDir;

/// A canary.
pub(crate) const SHOP: &str = "\
name: shop
match: {hosts: [shop.example.com]}
lanes: [{name: stable}, {name: v2}]
canary:
  stable: stable
  candidates: [{lane: v2, percent: 5}]
respond: {cache: private}
";

/// A folder, with the key of a team and of a controller that may sign dials alone, `signers.yaml` with both, and `shop.yaml`.
pub(crate) struct Ground {
    folder: TempDir,
    etcd: String,
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) told: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ran { code: output.status.code(), out: text(output.stdout), told: text(output.stderr) }
    }
}

impl Ground {
    pub(crate) fn of(etcd: &Etcd) -> Self {
        let ground = Ground { etcd: etcd.endpoints().join(","), ..Ground::empty() };
        let team = ground.bare(&["keygen", "--id", "team-a"]).out;
        let controller = ground.bare(&["keygen", "--id", "controller", "--hmac", "-o", "secret"]).out;
        ground.write("signers.yaml", format!("{team}{controller}  signs: [dial]\n"));
        ground.write("shop.yaml", SHOP);
        ground
    }

    /// An empty folder, without an etcd.
    pub(crate) fn empty() -> Self {
        Ground { folder: tempfile::tempdir().expect("a folder"), etcd: String::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        std::fs::write(path, text).expect("a file");
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("a file");
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).expect("another name");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Without an etcd.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Ran {
        self.bare_command(arguments).output().expect("it runs").into()
    }

    pub(crate) fn bare_command(&self, arguments: &[&str]) -> Command {
        command(arguments, self.folder.path())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("it runs").into()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.bare_command(&[arguments, &["--etcd", &self.etcd]].concat())
    }

    /// Publishes for the team.
    pub(crate) fn publish(&self, arguments: &[&str]) -> Ran {
        let signed = ["--key", "team-a.pem", "--id", "team-a", "--signers", "signers.yaml"];
        self.run(&[&["publish"], arguments, &signed].concat())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("it starts")
    }

    pub(crate) fn end(running: Child) -> Ran {
        running.wait_with_output().expect("it ends").into()
    }
}

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_graylane"));
    command.args(arguments).current_dir(folder).env_remove("CLICOLOR_FORCE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The document in an envelope.
pub(crate) fn payload(envelope: &[u8]) -> Value {
    let envelope: Value = serde_json::from_slice(envelope).expect("JSON");
    let bytes = STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}
