//! The page: whole by itself, and what it shows.

use crate::ground::{Ground, exposures, two_groups};

fn page(ground: &Ground, arguments: &[&str]) -> String {
    let files = ["--exposures", "e", "--conversions", "c", "--html", "page.html"];
    let ran = ground.run(&[&files, arguments].concat());
    assert_eq!(ran.told, "", "{}", ran.out);
    std::fs::read_to_string(ground.path("page.html")).expect("a page")
}

#[test]
fn a_page_has_tables_verdicts_and_plots_and_needs_nothing_else() {
    let (exposed, converted) = two_groups([(20_000, 2_000), (20_000, 2_400)]);
    let page = page(&Ground::new().with("e", exposed).with("c", converted), &["--shares", "A=50,B=50"]);
    for part in [
        "<!doctype html>",
        "<p class=\"verdict good\">B is better than A: +2.00 pp (",
        "<td>A (control)</td><td>20,000</td><td>2,000</td><td>10.00 %</td>",
        "aria-label=\"rate of each group for buy\"",
        "aria-label=\"difference of B from the control over time\"",
        "<polygon class=\"band\" points=\"",
        "prefers-color-scheme: dark",
        "sample ratio as expected",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for outside in ["http:", "https:", "src=", "href=", "url(http", "@import", "<script", "NaN", "inf"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let count = |what: &str| page.matches(what).count();
    assert_eq!((count("<svg"), count("</svg>"), count("<circle")), (2, 2, 2));
    for tag in
        ["section", "table", "figure", "g", "tr", "td", "th", "p", "ul", "li", "h2", "h3", "main", "div"]
    {
        let open = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(open, count(&format!("</{tag}>")), "{tag}");
    }
}

#[test]
fn names_of_others_are_text_in_a_page() {
    let exposed = "experiment,group,id\n<b>x</b>,\"A\"\"><script>\",1\n<b>x</b>,B,2\n";
    let page =
        page(&Ground::new().with("e", exposed).with("c", "id,event\n1,<i>buy</i>\n2,\u{202e}y\n"), &[]);
    assert!(page.contains("&lt;b&gt;x&lt;/b&gt;") && page.contains("A&quot;&gt;&lt;script&gt;"), "{page}");
    assert!(page.contains("&lt;i&gt;buy") && !page.contains("<script") && !page.contains("<i>"), "{page}");
    assert!(!page.contains('\u{202e}'), "{page}");
}

#[test]
fn a_result_that_must_not_be_believed_has_no_verdict_but_that() {
    let (exposed, converted) = two_groups([(5_000, 500), (6_000, 900)]);
    let page = page(&Ground::new().with("e", exposed).with("c", converted), &["--shares", "A=50,B=50"]);
    assert!(
        page.contains("<p class=\"verdict bad\">Not to be believed: the groups are not as large"),
        "{page}"
    );
    assert!(!page.contains("better"), "{page}");
}

#[test]
fn a_page_without_times_or_conversions_is_one_all_the_same() {
    let page_of =
        |exposed: &str, converted: &str| page(&Ground::new().with("e", exposed).with("c", converted), &[]);
    let page = page_of("experiment,group,id\nx,A,1\nx,B,2\n", "id\n");
    assert!(page.contains("There are no conversions.") && !page.contains("<svg"), "{page}");
    let page = page_of("experiment,group,id\nx,A,1\nx,B,2\n", "id\n1\n");
    assert_eq!(page.matches("<svg").count(), 1, "{page}");
    let page = page_of(&exposures([("A", 1, 1)]), "id\n1\n");
    assert!(page.contains("there is one group alone") && !page.contains("NaN"), "{page}");
}
