//! Texts and numbers for people.

/// Text that can neither steer a terminal nor be read in another order than it is written.
pub fn shown(text: &str) -> String {
    text.replace(|char: char| char.is_control() || is_bidirectional(char), "\u{fffd}")
}

/// Whether a character sets the direction of what follows it (Unicode Standard Annex 9, section 2).
fn is_bidirectional(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of things: `1 error`, `2,000 errors`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A count with its thousands apart: `1,000,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (count, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), shown);
        }
        assert_eq!(counted(1, "error"), "1 error");
        assert_eq!(counted(2_000, "error"), "2,000 errors");
    }

    #[test]
    fn what_steers_a_terminal_or_turns_text_around_is_replaced() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}b\u{9b}\n日本"), "a\u{fffd}[31m\u{fffd}b\u{fffd}\u{fffd}日本");
    }
}
