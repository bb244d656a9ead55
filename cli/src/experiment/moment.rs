//! Times of rows, in milliseconds since 1970.

use graylane::time::Timestamp;

/// What a time looks like, for messages.
pub(super) const EXPECTED: &str =
    "RFC 3339 (2026-12-01T09:00:00.123Z), or Unix time in seconds or milliseconds";

/// From here on a number is one of milliseconds: of seconds, it would be the year 5138.
const MILLISECONDS: f64 = 1e11;

/// Reads RFC 3339 with any fraction of a second, or Unix time in seconds or milliseconds.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let is_time = number.is_finite() && (0.0..1e15).contains(&number);
        return is_time.then(|| whole(if number >= MILLISECONDS { number } else { number * 1000.0 }));
    }
    let (date, rest) = text.split_at_checked(19)?;
    // Others write a space between date and time.
    let mut date = date.to_owned();
    if date.as_bytes().get(10) == Some(&b' ') {
        date.replace_range(10..11, "T");
    }
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.find(|char: char| !char.is_ascii_digit())?)?,
        None => ("", rest),
    };
    date.push_str(offset);
    let milliseconds: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(Timestamp::parse(&date)?.seconds() * 1000 + milliseconds)
}

/// Whether a line begins with a date, as those of logs do, in brackets or by itself.
pub(super) fn is_dated(line: &[u8]) -> bool {
    let date = line.strip_prefix(b"[").unwrap_or(line);
    date.get(4) == Some(&b'-') && date.iter().take(4).all(u8::is_ascii_digit)
}

#[expect(clippy::cast_possible_truncation, reason = "it is in the range")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// A time as people read it: RFC 3339 in UTC, in whole seconds.
pub(super) fn shown(milliseconds: i64) -> String {
    Timestamp::from_seconds(milliseconds.div_euclid(1000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_logs_and_clients_write() {
        for (text, time) in [
            ("2026-11-25T23:49:10Z", Some(1_795_650_550_000)),
            ("2026-11-26T00:49:10.5+01:00", Some(1_795_650_550_500)),
            ("2026-11-25 23:49:10.123456Z", Some(1_795_650_550_123)),
            ("1795650550", Some(1_795_650_550_000)),
            ("1795650550.25", Some(1_795_650_550_250)),
            ("1795650550123", Some(1_795_650_550_123)),
            ("2026-11-25T23:49:10", None),
            ("2026-11-25T23:49:10.5", None),
            ("yesterday", None),
            ("-1", None),
            ("NaN", None),
        ] {
            assert_eq!(parse(text), time, "{text}");
        }
        assert_eq!(shown(1_795_650_550_999), "2026-11-25T23:49:10Z");
    }
}
