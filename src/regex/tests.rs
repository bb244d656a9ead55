use super::*;

fn compiled(text: &str) -> (Arena, Program) {
    let mut arena = Arena::default();
    let program =
        Program::compile(text, &mut arena).unwrap_or_else(|error| panic!("{text} is refused: {error}"));
    (arena, program)
}

fn matches(expression: &str, text: &str) -> bool {
    let (arena, program) = compiled(expression);
    program.is_match(arena.block(), text.as_bytes())
}

fn globbed(glob: &str, separator: Option<u8>, text: &str) -> bool {
    let mut arena = Arena::default();
    let program = Program::compile_glob(glob, separator, &mut arena).expect("a good glob");
    program.is_match(arena.block(), text.as_bytes())
}

fn error(expression: &str) -> String {
    Program::compile(expression, &mut Arena::default()).expect_err(expression).to_string()
}

#[test]
fn the_whole_text_must_match() {
    for (expression, yes, no) in [
        ("v2", "v2", "v20"),
        ("", "", "a"),
        ("^v2$", "v2", "av2"),
        ("a|bc", "bc", "ac"),
        ("^a|b$", "a", "ab"),
        (r"v\d+(?:\.\d+)*", "v2.13.0", "v2."),
        ("[^/]+", "shop", "shop/cart"),
        (".*", "anything", "two\nlines"),
        ("[]a-]+", "]-a", "b"),
        ("[-a]+", "a-", "b"),
        (r"\s+", "\t\n\x0b\x0c\r ", "\x08"),
        (r"[\]\-\\]+", r"]-\", "a"),
        ("(?i)^shop-[a-f]é", "ShOp-Dé", "shop-dÉ"),
        ("(?i)[^a-c]", "d", "B"),
        ("é{2}", "éé", "é\u{a9}"),
        (r"\x41\t\.\ ", "A\t. ", "A\t.."),
        ("a{2,4}", "aaa", "aaaaa"),
        ("(ab?){2,}", "aba", "ab"),
        ("a{0}b", "b", "ab"),
        ("(a|)*?b", "aab", "aa"),
        (r"\w+@\W\s\S\D", "_a9@- xx", "_a9@- x5"),
        ("a}b]", "a}b]", "a"),
    ] {
        assert!(matches(expression, yes), "{expression} {yes:?}");
        assert!(!matches(expression, no), "{expression} {no:?}");
    }
}

#[test]
fn an_escape_in_hex_is_one_byte_of_any_value() {
    let (arena, program) = compiled(r"[\x80-\xff]\xfe");
    assert!(program.is_match(arena.block(), b"\x80\xfe"));
    assert!(!program.is_match(arena.block(), b"\x7f\xfe"));
}

#[test]
fn programs_of_every_width_stand_in_one_block() {
    let mut arena = Arena::default();
    let mut keep = |count: usize| {
        let program = Program::compile(&format!("a{{{count}}}b?"), &mut arena).expect("a good expression");
        (count, program)
    };
    let kept = [0, 1, 63, 64, 127, 128, 192, 255].map(&mut keep);
    for (count, program) in kept {
        let mut text = vec![b'a'; count];
        assert!(program.is_match(arena.block(), &text), "{count}");
        text.push(b'b');
        assert!(program.is_match(arena.block(), &text), "{count}");
        text.push(b'b');
        assert!(!program.is_match(arena.block(), &text), "{count}");
    }
}

#[test]
fn what_can_never_match_and_what_always_matches_is_known() {
    for (expression, never, always) in [
        (r"[^\x00-\xff]", true, false),
        (r"a+[^\x00-\xff]b*", true, false),
        (r"a|[^\x00-\xff]", false, false),
        (r"[^\x00-\xff]*", false, false),
        (".*", false, true),
        ("(?:.*)", false, true),
        ("a|.*", false, true),
        (".*a?", false, true),
        (".+", false, false),
        (r"[\x00-\xff]{0,}", false, true),
        ("a", false, false),
        ("", false, false),
    ] {
        let (_, program) = compiled(expression);
        assert_eq!((program.never(), program.always()), (never, always), "{expression}");
    }
}

#[test]
fn a_mistake_is_shown_with_its_place_and_what_is_allowed() {
    for (expression, at, part) in [
        ("a(b", 1, r"\("),
        ("ab)", 2, r"\)"),
        ("a[", 1, "[ needs"),
        ("a[]", 1, "[ needs"),
        ("a[b", 1, "[ needs"),
        ("[z-a]", 1, "smaller first"),
        (r"[a-\d]", 1, "smaller first"),
        (r"[\d-z]", 1, "smaller first"),
        ("[a-f-k]", 4, r"\-"),
        ("[[:alpha:]]", 1, r"\["),
        ("[é]", 1, "ASCII"),
        ("a^", 1, r"\^"),
        ("a$b", 1, r"\$"),
        ("(a$)", 2, r"\$"),
        ("*a", 0, "after what they repeat"),
        ("a|+", 2, "after what they repeat"),
        ("{2}", 0, "after what they repeat"),
        ("a**", 2, "at a time"),
        ("a{2}{3}", 4, "at a time"),
        ("a{", 1, "{m,n}"),
        ("a{,2}", 1, "{m,n}"),
        ("a{3,2}", 1, "m <= n"),
        ("a{2", 1, "{m,n}"),
        ("(?=a)", 0, "looking around"),
        ("(?P<n>a)", 0, "no names"),
        ("a(?i)", 1, "at the start"),
        (r"(a)\1", 3, "no references"),
        (r"\bword", 0, r"no \b"),
        (r"\p{L}", 0, "punctuation"),
        (r"a\", 1, "punctuation"),
        (r"\é", 0, "punctuation"),
        (r"\x4", 0, "two hex digits"),
        (r"[\x4g]", 1, "two hex digits"),
        (r"\x+1", 0, "two hex digits"),
        ("a{257}", 1, "at most 256"),
        ("(a{16}){17}", 7, "at most 256"),
        ("a{99999999999999999999}", 1, "at most 256"),
        ("a{0,18446744073709551615}", 1, "at most 256"),
    ] {
        let text = error(expression);
        assert!(text.starts_with(&format!("at byte {at}: ")), "{expression}: {text}");
        assert!(text.contains(part), "{expression}: {text}");
    }
}

#[test]
fn limits_are_told_by_name_and_hold_at_their_edge() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(matches(&nested(limits::GROUP_DEPTH), "a"));
    assert!(error(&nested(limits::GROUP_DEPTH + 1)).contains("at most 16 groups"));

    let long = |bytes: usize| "a*".repeat(100) + &"|".repeat(bytes - 200);
    assert!(matches(&long(limits::EXPRESSION), "aaa"));
    assert!(error(&long(limits::EXPRESSION + 1)).starts_with("at byte 1024: at most 1024 bytes"));

    assert!(matches(&"a".repeat(limits::POSITIONS), &"a".repeat(limits::POSITIONS)));
    assert!(error(&"a".repeat(limits::POSITIONS + 1)).starts_with("at byte 256: at most 256"));
    let glob = Program::compile_glob(&"?".repeat(limits::POSITIONS + 1), None, &mut Arena::default());
    assert!(glob.expect_err("too long").to_string().starts_with("at byte 256: at most 256"));
}

#[test]
fn counts_of_nothing_cost_nothing() {
    assert!(matches("(){1000000}a", "a"));
    assert!(matches("(a{100}){0}(b{100}){0}(c{200})", &"c".repeat(200)));
}

#[test]
fn a_star_of_a_glob_stops_at_the_separator_and_two_do_not() {
    let slash = Some(b'/');
    for (glob, separator, yes, no) in [
        ("/api/*/cart", slash, "/api/v2/cart", "/api/v2/x/cart"),
        ("/api/**/cart", slash, "/api/v2/x/cart", "/api/cart"),
        ("/api/**", slash, "/api/", "/ap"),
        ("/v?", slash, "/v2", "/v/"),
        ("*.example.com", Some(b'.'), "a.example.com", "a.b.example.com"),
        ("beta-*", None, "beta-a/b", "Beta-a"),
        (r"a\*\?\\", None, r"a*?\", "ab"),
        ("[a]{b}", None, "[a]{b}", "a"),
        ("é*", None, "éa", "\u{e8}"),
        ("", None, "", "a"),
    ] {
        assert!(globbed(glob, separator, yes), "{glob} {yes}");
        assert!(!globbed(glob, separator, no), "{glob} {no}");
    }
    let mut arena = Arena::default();
    assert!(Program::compile_glob("*", None, &mut arena).is_ok_and(Program::always));
    assert!(!Program::compile_glob("*", slash, &mut arena).is_ok_and(Program::always));
    let error = Program::compile_glob(r"a\", None, &mut arena).expect_err("nothing to escape");
    assert!(error.to_string().starts_with("at byte 1: "), "{error}");
}

#[test]
fn a_program_of_another_block_matches_nothing_worse() {
    let (_, program) = compiled("a{200}");
    assert!(!program.is_match(Block(&[]), b"aaa"));
}
