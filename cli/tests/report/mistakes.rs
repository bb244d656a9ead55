//! What is wrong is told, all at once.

use crate::ground::{Ground, conversions, exposures};

#[test]
fn what_cannot_be_carried_out_is_told_at_once() {
    let ground = Ground::new()
        .with("good.csv", exposures([("A", 1, 1)]))
        .with("events.csv", conversions([(1, 1)]))
        .with("bad.csv", "experiment;group;id\nbutton;A;1\n")
        .with("nobody.csv", "name,event\nx,y\n")
        .with("empty", "")
        .with("key", "secret")
        .with("policy.yaml", "language: 1\nreleases: [{name: a}]\n");
    let one = ["--exposures", "good.csv", "--conversions", "events.csv"];
    for (arguments, code, told) in [
        (
            &["--exposures", "none.log", "bad.csv", "--conversions", "nobody.csv", "gone"][..],
            2,
            &[
                "cannot read none.log: No such file or directory",
                "bad.csv: there is no column experiment, nor group, nor id or hash: experiment;group;id",
                "nobody.csv: there is no column id or hash: name, event",
                "cannot read gone: No such file or directory",
            ][..],
        ),
        (&["--exposures", "empty", "--conversions", "events.csv"], 2, &["no exposure in empty, events.csv"]),
        (
            &["--exposures", "good.csv", "--conversions", "events.csv", "--experiment", "x"],
            2,
            &["no exposure of x in"],
        ),
        (
            &[&one[..], &["--column", "ids=x"]].concat(),
            2,
            &["\"ids\" is no column that is read; allowed: id, hash, time, event,"],
        ),
        (
            &[&one[..], &["--column", "ab_group=grp"]].concat(),
            2,
            &["no row has \"grp\", which --column names"],
        ),
        (&[&one[..], &["--key", "key"]].concat(), 2, &["key is no key: 32 to 128 hexadecimal digits"]),
        (&[&one[..], &["--alpha", "2"]].concat(), 2, &["a number from 0.000000001 to 0.5"]),
        (&[&one[..], &["--shares", "A"]].concat(), 2, &["GROUP=WEIGHT, like A=50"]),
        (&[&one[..], &["--policy", "policy.yaml"]].concat(), 1, &["policy.yaml:2:", "error: releases[0]"]),
        (
            &["--exposures", "-", "--conversions", "events.csv", "--policy", "-"],
            2,
            &["standard input can only be one"],
        ),
    ] {
        let ran = ground.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.told);
        for part in told {
            assert!(ran.told.contains(part), "{arguments:?}: {part}: {}", ran.told);
        }
        assert!(!ran.told.contains("secret"), "{}", ran.told);
    }
}

#[test]
fn a_quote_that_is_not_closed_takes_no_other_row_unseen() {
    let long = format!("2,\"{}\n1,buy\n", "x\n".repeat(1 << 20));
    for (rows, why) in
        [("1,buy\n2,\"open\n3,buy\n", "c:3: a quote is not closed"), (&long, "c:2: a quote is not closed")]
    {
        let ground = Ground::new().with("e", exposures([("A", 1, 1)])).with("c", format!("id,event\n{rows}"));
        let ran = ground.run(&["--exposures", "e", "--conversions", "c"]);
        assert_eq!(ran.code, Some(3), "{}", ran.told);
        assert!(ran.out.contains(why) && ran.out.contains("1 conversion counted"), "{}", ran.out);
    }
}

#[test]
fn rows_that_cannot_be_read_are_told_with_their_place_and_the_rest_is_reported() {
    let mut exposed = b"\
{\"experiment\": \"button\", \"group\": \"A\", \"id\": 1}
{\"experiment\": \"button\", \"group\": \"A\"}
{\"experiment\": \"button\", \"id\": 2}
{\"experiment\": \"button\", \"group\": \"B\", \"id\": 3, \"revision\": \"x\"}
{\"experiment\": \"button\", \"group\": \"B\", \"id\": 3, \"time\": \"noon\"}
{\"exposure\": \"button\"}
{\"exposure\": \"button;group=B;rev=1;reason=split;hash=00\"}
[]
{\"id\": \"\xff\"}
"
    .to_vec();
    exposed.extend(vec![b'x'; (1 << 24) + 1]);
    exposed.extend(b"\n{\"experiment\": \"button\", \"group\": \"B\", \"id\": 2}\n");
    let converted = "id,event,abtest_id\n1,buy,button\n,buy,\n1,buy\n2,buy,\n";
    let ran = Ground::new().with("e", exposed).with("c", converted).run(&[
        "--exposures",
        "e",
        "--conversions",
        "c",
    ]);
    assert_eq!(ran.code, Some(3), "{}", ran.told);
    assert!(ran.out.contains("left out: 12 rows that could not be read\n"), "{}", ran.out);
    for told in [
        "e:2: there is neither id nor hash\n",
        "e:3: there is no group\n",
        "e:4: revision is no number: \"x\"\n",
        "e:5: time is no time: \"noon\": RFC 3339",
        "e:6: exposure \"button\" has not the form NAME;group=G;rev=N;reason=R;id=ID\n",
        "e:7: \"00\" is no hash of an id: 32 hexadecimal digits\n",
        "e:8: invalid type: sequence, expected an object of JSON\n",
        "e:9: invalid unicode code point\n",
        "e:10: the line is longer than 16777216 bytes\n",
        "c:2: abtest_id has not the form NAME;group=G;rev=N: \"button\"\n",
    ] {
        assert!(ran.out.contains(&format!("  {told}")), "{told}: {}", ran.out);
    }
    assert!(!ran.out.contains("c:3"), "ten of them are shown: {}", ran.out);
    assert!(ran.out.contains("\n  B          1 "), "{}", ran.out);
}
