//! Logs as OpenTelemetry collectors write them into files: many records a line.
//!
//! Source: OpenTelemetry, OTLP JSON encoding, and the file exporter (`LogsData`).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

/// The records of a line.
#[derive(Debug, Deserialize)]
pub(super) struct Logs<'l> {
    #[serde(borrow, rename = "resourceLogs")]
    resources: Vec<Resource<'l>>,
}

#[derive(Debug, Deserialize)]
struct Resource<'l> {
    #[serde(borrow, default, rename = "scopeLogs")]
    scopes: Vec<Scope<'l>>,
}

#[derive(Debug, Deserialize)]
struct Scope<'l> {
    #[serde(borrow, default, rename = "logRecords")]
    records: Vec<Record<'l>>,
}

/// A record: its time, and its body where that is text.
#[derive(Debug, Deserialize)]
pub(super) struct Record<'l> {
    #[serde(default, rename = "timeUnixNano", deserialize_with = "nanoseconds")]
    time: u64,
    #[serde(borrow, default)]
    body: Body<'l>,
}

#[derive(Debug, Default, Deserialize)]
struct Body<'l> {
    #[serde(borrow, default, rename = "stringValue")]
    text: Cow<'l, str>,
}

/// Reads a number, which stands there as text or as a number.
fn nanoseconds<'l, D: Deserializer<'l>>(reader: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number<'l> {
        Number(u64),
        #[serde(borrow)]
        Text(Cow<'l, str>),
    }
    match Number::deserialize(reader)? {
        Number::Number(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

impl<'l> Logs<'l> {
    /// Reads a line; `None` where it is none of such logs.
    ///
    /// # Errors
    /// It begins as one and is none; what is wrong.
    pub(super) fn read(line: &'l [u8]) -> Option<Result<Self, String>> {
        const ONLY_MEMBER: &[u8] = b"\"resourceLogs\"";
        let within = line.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        within.starts_with(ONLY_MEMBER).then(|| {
            // The line is known better by whoever has read it.
            serde_json::from_slice(line)
                .map_err(|fault| fault.to_string().split(" at line ").next().unwrap_or_default().to_owned())
        })
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record<'l>> {
        self.resources.iter().flat_map(|resource| &resource.scopes).flat_map(|scope| &scope.records)
    }
}

impl Record<'_> {
    /// Its time in milliseconds since 1970, where it has one.
    pub(super) fn time(&self) -> Option<i64> {
        i64::try_from(self.time / 1_000_000).ok().filter(|time| *time > 0)
    }

    /// The text of its body.
    pub(super) fn text(&self) -> &str {
        &self.body.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times and texts.
    type Records = Vec<(Option<i64>, String)>;

    fn records(line: &str) -> Option<Result<Records, String>> {
        let own = |record: &Record<'_>| (record.time(), record.text().to_owned());
        Logs::read(line.as_bytes()).map(|logs| logs.map(|logs| logs.records().map(own).collect()))
    }

    #[test]
    fn records_have_times_and_texts() {
        let line = r#" { "resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [
            {"timeUnixNano": "1795650550123456789", "body": {"stringValue": "a\u0062"}, "attributes": [], "traceId": ""},
            {"timeUnixNano": 1795650551000000000, "body": {"intValue": "3"}}, {}
        ]}, {}]}, {}]}"#;
        let (first, second) = (Some(1_795_650_550_123), Some(1_795_650_551_000));
        let all = [(first, "ab".to_owned()), (second, String::new()), (None, String::new())];
        assert_eq!(records(line), Some(Ok(all.to_vec())));
    }

    #[test]
    fn what_is_something_else_is_told_from_what_is_broken() {
        assert_eq!(records(r#"{"resourceSpans": []}"#), None);
        assert_eq!(records(r#"{"exposure": "-"}"#), None);
        assert_eq!(records("[]"), None);
        for line in [r#"{"resourceLogs""#, r#"{"resourceLogs": 3}"#, r#"{"resourceLogs": [3]}"#] {
            assert!(matches!(records(line), Some(Err(_))), "{line}");
        }
        let time = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"noon"}]}]}]}"#;
        assert!(matches!(records(time), Some(Err(_))));
    }
}
