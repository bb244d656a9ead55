//! Points in time, as policies write them (RFC 3339) and as they are compared: whole seconds.

use std::fmt;

use crate::record::record;

/// A point in time: whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

record!(Timestamp(i64));

/// What a timestamp must look like, for messages.
pub const EXPECTED: &str = "a time with its offset, like 2026-12-01T09:00:00+01:00 or 2026-12-01T08:00:00Z";

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Timestamp {
    /// The point in time `seconds` after 1970-01-01T00:00:00Z.
    pub fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 in whole seconds, with its offset: a policy is read in many places, so none is assumed. `None` when
    /// it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (time, offset) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
        let [year, month, day] = fields(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
        let is_time = hour < 24 && minute < 60 && second < 60;
        if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) || !is_time {
            return None;
        }
        let local = days_of_date(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second;
        Some(Timestamp(local - seconds_of_offset(offset)?))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, in UTC.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of_days(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / HOUR, second % HOUR / MINUTE, second % MINUTE);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Three numbers of so many digits each, with a mark between.
fn fields(text: &str, mark: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(mark);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = whole(part)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn whole(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// `Z`, `+01:00`, `-05:30`.
fn seconds_of_offset(text: &str) -> Option<i64> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (whole(hours)?, whole(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * HOUR + minutes * MINUTE))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that a leap day is the last.
///
/// Source: `days_from_civil` in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day counted from 1970-01-01. Source: `civil_from_days`, as above.
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_times_with_their_offset() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-12-01T09:00:00+01:00", 1_796_112_000),
            ("2026-12-01T08:00:00Z", 1_796_112_000),
            ("2026-12-01T02:30:00-05:30", 1_796_112_000),
            ("2000-02-29T23:59:59z", 951_868_799),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::seconds), Some(seconds), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time_or_says_no_offset() {
        for text in [
            "",
            "2026-12-01",
            "2026-12-01T09:00:00",
            "2026-12-01 09:00:00Z",
            "2026-12-01T09:00Z",
            "2026-12-01T09:00:00.5Z",
            "2026-12-01T09:00:60Z",
            "2026-12-01T24:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-12-01T09:00:00+1:00",
            "2026-12-01T09:00:00+0100",
            "2026-12-01T09:00:00Europe/Paris",
            "+026-12-01T09:00:00Z",
            "2026-12-01T09:00:00+25:00",
            "2026-12-0é",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn is_written_as_it_is_read() {
        for seconds in [0, -1, 1_796_112_000, 951_868_799, -62_135_596_800, 253_402_300_799] {
            let time = Timestamp::from_seconds(seconds);
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time), "{time}");
        }
    }

    proptest! {
        #[test]
        fn reads_and_writes_what_jiff_does(seconds in -62_135_596_800..253_402_214_400_i64, offset in -1439..1440_i32) {
            let time = Timestamp::from_seconds(seconds);
            let oracle = jiff::Timestamp::from_second(seconds).unwrap();
            prop_assert_eq!(time.to_string(), oracle.to_string());
            let offset = jiff::tz::Offset::from_seconds(offset * 60).unwrap();
            let local = oracle.display_with_offset(offset).to_string();
            if !local.starts_with('-') {
                prop_assert_eq!(Timestamp::parse(&local), Some(time), "{}", local);
            }
        }

        #[test]
        fn any_text_is_a_time_or_is_not(text in "[0-9TZ:+-]{15,26}") {
            if let Some(time) = Timestamp::parse(&text) {
                prop_assert_eq!(text.parse::<jiff::Timestamp>().unwrap().as_second(), time.seconds());
            }
        }
    }
}
