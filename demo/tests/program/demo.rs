//! What `graylane-demo demo` promises.

use std::net::TcpListener;

use crate::program::{Program, assert_gone, kill};
use rustix::process::Signal;

/// The services' names and Envoy: as many processes as the program starts.
const PROCESSES: usize = 8;

#[test]
fn the_story_holds_and_shows_its_figures() {
    let mut program = Program::start(&["demo", "--fast"]);
    let (status, errors) = program.end();
    let output = program.output();
    assert!(status.success(), "{output}\n{errors}");
    // Figures stand at the right edge; how far that is from their words is none of this test's business.
    let words = output.split_whitespace().collect::<Vec<_>>().join(" ");
    for figure in [
        "every answer is the one that the engine names 4,000 of 4,000",
        "asked 4 times each; users who moved 0",
        "x-abtest-group: B",
        "x-abtest-id: button;group=B;rev=1",
        "shares on v2 are as expected, give or take chance 4 of 4",
        "users who left it 0",
        "back at 5 %: the users of the start, and nobody else 47 of 47",
        "reason=override header passed on",
        "header removed",
        "6 switches at ",
        "requests that failed 0 of ",
        "last answer of the old lane: median ",
        "Every claim held: 13 policies, one module, one Envoy, never restarted",
    ] {
        assert!(words.contains(figure), "{figure:?} is missing in:\n{output}");
    }
    assert!(!output.contains('\x1b'), "control codes without a terminal");
    let wide = output.lines().find(|line| line.chars().count() > 79);
    assert_eq!(wide, None, "too wide for a terminal");
    assert!(program.litter().is_empty(), "{:?}", program.litter());
}

/// With a filter that does nothing every request takes its default route, and the demo must not hide it.
#[test]
fn a_claim_that_fails_is_shown_and_told_by_the_exit_code() {
    let noop = graylane_testbed::noop_module().unwrap();
    let mut program = Program::start_with(&["demo", "--fast"], &[("GRAYLANE_WASM", noop.to_str().unwrap())]);
    let (status, errors) = program.end();
    let output = program.output();
    assert_eq!(status.code(), Some(1), "{output}\n{errors}");
    for story in
        ["FAILED every answer is the one that the engine names", "FAILED each explained", "claims FAILED"]
    {
        assert!(output.contains(story), "{story:?} is missing in:\n{output}\n{errors}");
    }
    assert!(output.contains("200 from stable, the engine says "), "{output}");
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (command, option) in
        [("demo", "--port"), ("demo", "--admin-port"), ("run", "--port"), ("run", "--admin-port")]
    {
        // The other port is a free one.
        let other = if option == "--port" { "--admin-port" } else { "--port" };
        let mut program = Program::start(&[command, option, &port, other, "0"]);
        let (status, errors) = program.end();
        assert_eq!(status.code(), Some(1), "{errors}");
        assert!(errors.contains(&format!("port {port} is taken by another program")), "{errors}");
        assert!(errors.contains(&format!("graylane-demo {command} {option} ")), "{errors}");
        assert!(errors.contains(&format!("make {command} ARGS='{option} ")), "{errors}");
    }
}

/// A demo in its first story, and the processes that it has started.
fn under_way() -> (Program, Vec<(i32, String)>) {
    let mut program = Program::start(&["demo"]);
    program.until("policy in force");
    let children = program.children();
    assert_eq!(children.len(), PROCESSES, "{children:?}");
    (program, children)
}

#[test]
fn a_signal_leaves_nothing_behind() {
    for (signal, name) in [(Signal::INT, "Ctrl-C. "), (Signal::TERM, "SIGTERM. "), (Signal::HUP, "SIGHUP. ")]
    {
        let (mut program, children) = under_way();
        program.signal(signal);
        let (status, errors) = program.end();
        assert_eq!(status.code(), Some(130), "{}\n{errors}", program.output());
        let said = format!("{name}Envoy and 7 services have ended, their temporary folders are gone.");
        assert!(program.output().contains(&said), "{}", program.output());
        assert_gone(&children);
        assert!(program.litter().is_empty(), "{:?}", program.litter());
    }
}

#[test]
fn a_killed_demo_leaves_no_process_behind() {
    let (mut program, children) = under_way();
    program.signal(Signal::KILL);
    program.end();
    assert_gone(&children);
}

#[test]
fn when_envoy_or_a_service_dies_its_log_is_shown() {
    for (victim, says, log) in [
        ("--admin-address-path", "error: Envoy has ended: signal: 9", "starting main dispatch loop"),
        ("service plain", "error: service plain has ended: signal: 9", "service plain, process "),
    ] {
        let (mut program, children) = under_way();
        let (id, _) = children.iter().find(|(_, command)| command.contains(victim)).expect(victim);
        kill(*id);
        let (status, errors) = program.end();
        assert_eq!(status.code(), Some(1), "{errors}");
        assert!(errors.contains(says) && errors.contains(log), "{errors}");
        assert_gone(&children);
        assert!(program.litter().is_empty(), "{:?}", program.litter());
    }
}
