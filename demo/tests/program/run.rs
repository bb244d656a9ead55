//! What `graylane-demo run` promises.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::program::{Program, assert_gone};
use graylane_testbed::{Client, Request, block_on, root};
use rustix::process::Signal;
use tempfile::TempDir;

/// A run on a policy of its own, on free ports.
struct Run {
    program: Program,
    policy: PathBuf,
    proxy: SocketAddr,
    _folder: TempDir,
}

impl Run {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.yaml");
        fs::copy(root().join("examples/demo/run.yaml"), &policy).unwrap();
        let mut program = Program::start(&[
            "run",
            "--port",
            "0",
            "--admin-port",
            "0",
            "--policy",
            policy.to_str().unwrap(),
        ]);
        let line = program.until("http://");
        let proxy = line.split("http://").nth(1).unwrap().parse().unwrap();
        program.until("in force  version 1");
        Self { program, policy, proxy, _folder: folder }
    }

    /// Saves another text as the policy.
    fn save(&self, text: &str) {
        fs::write(&self.policy, text).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.policy).unwrap()
    }

    /// The service that answers.
    fn served(&self, path: &str, headers: &[(String, String)], source: &str) -> String {
        let request = Request::get(path).host(&self.proxy.to_string());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        block_on(async {
            let response = Client::between(source.parse()?, self.proxy).send(&request).await?;
            Ok(response.served_by().expect("an answer of a service").to_owned())
        })
        .unwrap()
    }

    fn served_alice(&self, path: &str) -> String {
        self.served(path, &[("x-gray-id".into(), "alice".into())], "127.0.0.1")
    }
}

#[test]
fn a_policy_is_taken_when_it_is_saved_and_a_bad_one_is_not() {
    let mut run = Run::start();
    let first = run.text();
    assert_eq!(run.served_alice("/users"), "stable");

    let all = first.replace("version: 1", "version: 2").replace("percent: 5", "percent: 100");
    run.save(&all);
    run.program.until("in force  version 2, 3 releases");
    assert_eq!(run.served_alice("/users"), "v2");

    run.save(
        &all.replace("version: 2", "version: 3")
            .replace("stable: stable", "stable: old")
            .replace("ab:", "abc:"),
    );
    let refused = run.program.until("refused");
    assert!(refused.contains("mistakes in ") && refused.ends_with("version 2 stays in force"), "{refused}");
    run.program.until("releases[0].abc: Unknown field");
    run.program.until("releases[1].canary.stable: Not found: \"old\": allowed: stable, v2");
    assert_eq!(run.served_alice("/users"), "v2");

    run.save("releases: [");
    run.program.until("Syntax error: the policy must be YAML");
    fs::remove_file(&run.policy).unwrap();
    run.program.until("cannot be read; version 2 stays in force");
    assert_eq!(run.served_alice("/users"), "v2");

    run.save(&first.replace("version: 1", "version: 4"));
    run.program.until("in force  version 4");
    assert_eq!(run.served_alice("/users"), "stable");

    let children = run.program.children();
    run.program.signal(Signal::INT);
    let (status, errors) = run.program.end();
    assert!(status.success(), "{errors}");
    assert!(
        run.program.output().contains("Ctrl-C. Envoy and 7 services have ended"),
        "{}",
        run.program.output()
    );
    assert_gone(&children);
    assert!(run.program.litter().is_empty(), "{:?}", run.program.litter());
    assert!(run.policy.is_file(), "what a person wrote stays");
}

/// The name and the value of each `-H 'name: value'` of a curl line.
fn headers(curl: &str) -> Vec<(String, String)> {
    let quoted = curl.split("-H '").skip(1).map(|rest| rest.split('\'').next().unwrap());
    quoted
        .map(|header| header.split_once(": ").unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn the_lines_to_copy_do_what_they_say() {
    let mut run = Run::start();
    let said = run.program.output().replace("\\\n", "");
    let text: Vec<&str> = said.lines().collect();
    let mut lanes = Vec::new();
    for pair in text.windows(2) {
        let Some(promised) = pair[1].trim().strip_prefix("x-served-by: ") else { continue };
        let promised = promised.split(' ').next().unwrap();
        let curl = pair[0].trim().strip_prefix("curl -sI http://").expect("a line to copy");
        let path = format!("/{}", curl.split(' ').next().unwrap().split_once('/').unwrap().1);
        let source =
            curl.split("--interface ").nth(1).map_or("127.0.0.1", |rest| rest.split(' ').next().unwrap());
        assert_eq!(run.served(&path, &headers(curl), source), promised, "{curl}");
        lanes.push(promised);
    }
    assert_eq!(lanes, ["B", "stable", "v2", "stable", "blue", "green"], "{said}");
    run.program.signal(Signal::TERM);
    assert!(run.program.end().0.success());
}

#[test]
fn a_bad_policy_at_the_start_is_told_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    fs::write(&policy, "language: 7\nreleases: {}\n").unwrap();
    let mut program =
        Program::start(&["run", "--port", "0", "--admin-port", "0", "--policy", policy.to_str().unwrap()]);
    let (status, errors) = program.end();
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(errors.contains("mend it and start again"), "{errors}");
    assert!(errors.contains("language: Unsupported value: 7"), "{errors}");
    assert!(errors.contains("releases: Wrong type"), "{errors}");
    assert!(program.litter().is_empty(), "{:?}", program.litter());
}
