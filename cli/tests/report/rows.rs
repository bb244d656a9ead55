//! The forms in which exposures and conversions come: they all say the same.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::ground::{Ground, counts};

const LOG: &str = "\
[2026-11-25T10:00:00.000Z] \"GET / HTTP/1.1\" 200 - 0 153 12 \"button;group=A;rev=1;reason=split;id=u%201\" \"10.0.0.1:80\"
[2026-11-25T10:00:01.000Z] \"GET / HTTP/1.1\" 200 - 0 153 12 \"-\" \"10.0.0.1:80\"
[2026-11-25T10:00:02.000Z] \"GET / HTTP/1.1\" 200 - 0 153 12 \"button;group=B;served=A;rev=1;reason=sticky;id=u2, colour;group=red;rev=3;reason=split;id=u2\"
";

const LOG_JSON: &str = r#"
{"start_time": "2026-11-25T10:00:00.000Z", "exposure": "button;group=A;rev=1;reason=split;id=u%201", "trace_id": "4bf9"}
{"start_time": "2026-11-25T10:00:01.000Z", "exposure": null, "code": 200}
{"start_time": "2026-11-25T10:00:02.000Z", "exposure": "button;group=B;served=A;rev=1;reason=sticky;id=u2, colour;group=red;rev=3;reason=split;id=u2"}
"#;

/// As collectors of OpenTelemetry write what Envoy has sent.
const OTLP: &str = r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795600800000000000","body":{"stringValue":"button;group=A;rev=1;reason=split;id=u%201"},"attributes":[{"key":"request_id","value":{"stringValue":"1"}}],"traceId":"4bf9"},{"timeUnixNano":"1795600801000000000","body":{"stringValue":"GET / 200"}}]}]}]}
{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795600802000000000","body":{"stringValue":"button;group=B;served=A;rev=1;reason=sticky;id=u2, colour;group=red;rev=3;reason=split;id=u2"}}]}]}]}
"#;

const ROWS_JSON: &str = r#"
{"experiment": "button", "group": "A", "served": "A", "revision": 1, "reason": "split", "id": "u 1", "time": 1795600800, "trace_id": "4bf9"}

{"experiment": "button", "group": "B", "revision": 1, "reason": "sticky", "id": "u2", "time": 1795600802000}
{"experiment": "colour", "group": "red", "revision": 3, "reason": "split", "id": "u2", "time": 1795600802.0}
"#;

const ROWS_CSV: &str = "\
\u{feff}experiment,group,revision,reason,\"id\",time,note
button,A,1,split,u 1,2026-11-25T10:00:00Z,\"two
lines, of one row\"
button,B,1,sticky,u2,2026-11-25T10:00:02Z,
colour,red,3,split,u2,2026-11-25T10:00:02Z,\"\"\"\"
";

const EVENTS: &str = r#"{"id": "u 1", "time": "2026-11-25T11:00:00Z", "event": "buy", "ab_group": "A", "abtest_id": "button;group=A;rev=1"}
{"id": "u2", "time": "2026-11-25T11:00:00Z", "event": "look"}
"#;

fn packed(text: &str) -> Vec<u8> {
    // As logs are that were packed piece by piece.
    let half = text.len() / 2;
    let mut all = Vec::new();
    for piece in [&text.as_bytes()[..half], &text.as_bytes()[half..]] {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(piece).expect("memory");
        all.extend(packer.finish().expect("memory"));
    }
    all
}

fn is_whole(report: &Value) {
    let experiments = report["experiments"].as_array().expect("experiments");
    let names: Vec<_> =
        experiments.iter().map(|one| (one["name"].as_str(), one["revision"].as_u64())).collect();
    assert_eq!(names, [(Some("button"), Some(1)), (Some("colour"), Some(3))], "{report:#}");
    assert_eq!(counts(&experiments[0]), [("A".to_owned(), 1, 1), ("B".to_owned(), 1, 0)], "{report:#}");
    assert_eq!(experiments[0]["goals"][1]["name"], "look");
    assert_eq!(counts(&experiments[1]), [("red".to_owned(), 1, 1)]);
    assert_eq!(
        (&report["mismatches"], &report["rows"]["malformed"]),
        (&Value::Array(Vec::new()), &Value::from(0))
    );
    assert_eq!(experiments[0]["from"], "2026-11-25T10:00:00Z");
    assert_eq!(experiments[0]["to"], "2026-11-25T10:00:02Z");
}

#[test]
fn what_a_client_writes_into_its_path_is_no_exposure() {
    let forged = "[2026-11-25T10:00:03.000Z] \"GET /?q=button;group=B;rev=1;reason=split;id=evil HTTP/1.1\" 200 - 0 153 12 \"-\"\n";
    let events = format!("{EVENTS}{{\"id\": \"evil\", \"event\": \"buy\"}}\n");
    is_whole(&Ground::new().with("e", format!("{LOG}{forged}")).with("c", events).report(&[]));
}

#[test]
fn every_form_says_the_same() {
    for exposures in
        [LOG, LOG_JSON, OTLP, ROWS_JSON, ROWS_CSV, &ROWS_CSV.replace("\r\n", "\n").replace('\n', "\r\n")]
    {
        is_whole(&Ground::new().with("e", exposures).with("c", EVENTS).report(&[]));
        is_whole(&Ground::new().with("e", packed(exposures)).with("c", packed(EVENTS)).report(&[]));
    }
    let tabs = "id\ttime\tevent\tab_group\tabtest_id\nu 1\t1795604400\tbuy\tA\tbutton;group=A;rev=1\nu2\t\tlook\t\t\n";
    is_whole(&Ground::new().with("e", LOG).with("c", tabs).report(&[]));
}

/// The output of a container holds what the proxy says of itself, too.
#[test]
fn an_access_log_is_found_between_other_lines() {
    let agent = "2026-11-25T09:59:59.123456Z\tinfo\tFLAG: --domain=\"svc\"\n";
    let envoy =
        "[2026-11-25 10:00:00.500][15][warning][main] [source/server/server.cc:1059] There is no limit\n";
    let json = LOG_JSON.trim_start();
    let time = "2026-11-25T10:00:00.000Z stdout F ";
    let timed = format!("{time}{}\n", json.trim_end().replace('\n', &format!("\n{time}")));
    for (log, has_times) in [
        (format!("{agent}{envoy}{json}{envoy}"), true),
        (format!("{json}{envoy}{agent}"), true),
        (format!("{agent}{LOG}{envoy}"), true),
        (timed, false),
    ] {
        let report = Ground::new().with("e", &log).with("c", EVENTS).report(&[]);
        if has_times {
            is_whole(&report);
        } else {
            // Kubernetes' own time comes first.
            assert_eq!(report["experiments"][0]["from"], "2026-11-25T10:00:00Z", "{report:#}");
            assert_eq!(counts(&report["experiments"][0]), [("A".to_owned(), 1, 1), ("B".to_owned(), 1, 0)]);
        }
        assert_eq!(report["rows"]["exposures"], 3, "{report:#}");
    }
}

#[test]
fn a_log_of_opentelemetry_holds_no_conversions_and_a_broken_one_is_told() {
    let ground = Ground::new().with("e", OTLP).with("c", EVENTS).with("o", OTLP);
    let ran = ground.run(&["--exposures", "e", "--conversions", "o"]);
    assert!(ran.told.contains("o: a log of OpenTelemetry holds no conversions"), "{}", ran.told);
    let cut = format!("{OTLP}{}", OTLP.split_at(200).0);
    let report = Ground::new().with("e", cut).with("c", EVENTS).report(&[]);
    assert_eq!((&report["rows"]["malformed"], &report["malformed"][0]["line"]), (&1.into(), &3.into()));
}

#[test]
fn one_file_may_hold_both_and_come_from_standard_input() {
    let both = format!("{LOG_JSON}{EVENTS}");
    let ground = Ground::new().with("both.jsonl", &both);
    let files = |name: &str| {
        ground.run_on(&["--exposures", name, "--conversions", name, "-o", "json"], both.as_bytes()).report()
    };
    is_whole(&files("both.jsonl"));
    is_whole(&files("-"));
    assert_eq!(files("-")["rows"]["read"], 5);
    assert_eq!(files("-")["rows"]["other"], 1);
}

#[test]
fn columns_may_go_by_other_names() {
    let events = EVENTS.replace("\"id\"", "\"user_id\"").replace("\"event\"", "\"goal\"");
    let rows = LOG_JSON.replace("\"exposure\"", "\"gray\"");
    let ground = Ground::new().with("e", rows).with("c", events);
    let report =
        ground.report(&["--column", "id=user_id", "--column", "event=goal", "--exposure-field", "gray"]);
    is_whole(&report);
}

#[test]
fn one_experiment_and_one_goal_may_be_asked_for() {
    let report =
        Ground::new().with("e", LOG).with("c", EVENTS).report(&["--experiment", "button", "--goal", "buy"]);
    let experiments = report["experiments"].as_array().expect("experiments");
    assert_eq!((experiments.len(), experiments[0]["goals"].as_array().map(Vec::len)), (1, Some(1)));
    assert_eq!(report["rows"]["notAskedFor"], 2);
}

#[test]
fn a_form_that_is_said_is_taken() {
    // The first line of this log looks like a line of names.
    let log = format!("time,id\n{LOG}");
    let ground = Ground::new().with("e", &log).with("c", EVENTS);
    let ran = ground.run(&["--exposures", "e", "--conversions", "c"]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    let ran = ground.run(&["--exposures", "e", "--conversions", "c", "--format", "log"]);
    assert!(ran.told.contains("c: an access log as text holds no conversions"), "{}", ran.told);
}
