//! A file a line at a time: its form is known by its first line.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::intake::{Intake, Roles};
use super::moment::is_dated;
use super::otlp::Logs;
use super::record::Place;
use super::row::{Field, Row};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An object of JSON a line, or what OpenTelemetry's collector writes
    Json,
    /// A line of names, then rows; with commas, or tabs
    Csv,
    /// An access log as text
    Log,
}

/// A line may be as long: a message of OTLP, which has 4 MiB, as JSON.
pub(super) const LONGEST: usize = 1 << 24;
/// A row with quotes over several lines may be as long.
const LONGEST_ROW: usize = 1 << 20;

/// What is read of a file.
#[derive(Debug)]
pub(super) struct Feed {
    roles: Roles,
    place: Place,
    format: Option<Format>,
    /// Whether the name of the file says that it is CSV.
    is_table: bool,
    table: Table,
}

impl Feed {
    /// A file that has not begun.
    pub(super) fn new(path: &Path, roles: Roles, format: Option<Format>, file: u16) -> Self {
        let name = path.to_string_lossy().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let is_table = [".csv", ".tsv"].iter().any(|ending| name.ends_with(ending));
        Feed { roles, place: Place { file, line: 0 }, format, is_table, table: Table::default() }
    }

    /// The file begins anew, as another one of the same name.
    pub(super) fn begin(&mut self) {
        self.place.line = 0;
        self.table = Table::default();
    }

    /// Takes a line, without its end.
    pub(super) fn line(&mut self, line: &[u8], intake: &mut Intake<'_>) -> Result<()> {
        self.place.line += 1;
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.place.line == 1).unwrap_or(line);
        if line.len() > LONGEST {
            intake.add_malformed(self.place, format!("the line is longer than {LONGEST} bytes"));
            return Ok(());
        }
        let is_blank = line.trim_ascii().is_empty();
        if is_blank && self.table.within.is_none() {
            return Ok(());
        }
        let format = match self.format {
            Some(format) => format,
            None => *self.format.insert(self.sniff(line, intake)),
        };
        match format {
            Format::Log => {
                self.holds_no_conversions("an access log as text", intake)?;
                intake.text(line, self.place)
            }
            // What a proxy says of itself stands between the lines of its access log.
            Format::Json if !self.roles.conversions && is_dated(line) => intake.text(line, self.place),
            Format::Json => self.json(line, intake),
            Format::Csv => self.table.line(line, self.roles, self.place, intake),
        }
    }

    fn json(&self, line: &[u8], intake: &mut Intake<'_>) -> Result<()> {
        let why = match Logs::read(line) {
            Some(Ok(logs)) => {
                self.holds_no_conversions("a log of OpenTelemetry", intake)?;
                return logs.records().try_for_each(|record| intake.record(record, self.place));
            }
            Some(Err(why)) => why,
            None => match Row::of_json(line, &intake.wanted.names) {
                Ok(row) => return intake.row(&row, self.roles, self.place),
                Err(why) => why,
            },
        };
        intake.rows.read += 1;
        intake.add_malformed(self.place, why);
        Ok(())
    }

    fn holds_no_conversions(&self, what: &str, intake: &Intake<'_>) -> Result<()> {
        if self.roles.conversions {
            let file = intake.files.get(usize::from(self.place.file)).cloned().unwrap_or_default();
            bail!("{file}: {what} holds no conversions; they are rows of JSON or CSV");
        }
        Ok(())
    }

    /// The file has ended: a row must not be within its quotes.
    pub(super) fn end(&mut self, intake: &mut Intake<'_>) {
        if let Some(place) = self.table.within.take() {
            self.table.drop_row(place, intake);
        }
    }

    fn sniff(&self, line: &[u8], intake: &Intake<'_>) -> Format {
        let names = std::str::from_utf8(line).unwrap_or_default();
        let is_name = |cell: &str| intake.wanted.names.field(cell.trim().trim_matches('"')).is_some();
        if line.trim_ascii_start().starts_with(b"{") {
            Format::Json
        } else if self.is_table || names.split([',', '\t']).any(is_name) {
            Format::Csv
        } else {
            Format::Log
        }
    }
}

/// A table whose first line names its columns.
#[derive(Debug, Default)]
struct Table {
    reader: Option<Box<Reader>>,
    columns: Option<Vec<Option<Field>>>,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// How much of both is filled by the lines so far of a row that has not ended.
    filled: (usize, usize),
    /// Where a row begins that has not ended.
    within: Option<Place>,
}

impl Table {
    /// Takes a line; a row may have several.
    fn line(&mut self, line: &[u8], roles: Roles, place: Place, intake: &mut Intake<'_>) -> Result<()> {
        if !self.read(line) {
            let begun = *self.within.get_or_insert(place);
            // A quote that is never closed must not take the rest of the file.
            if self.filled.0 > LONGEST_ROW {
                self.drop_row(begun, intake);
            }
            return Ok(());
        }
        self.within = None;
        let (_, cells) = std::mem::take(&mut self.filled);
        let mut start = 0;
        let ends = self.ends.iter().take(cells);
        let cells: Option<Vec<&str>> = ends
            .map(|end| {
                let cell = self.cells.get(start..*end)?;
                start = *end;
                std::str::from_utf8(cell).ok()
            })
            .collect();
        let Some(cells) = cells else {
            intake.rows.read += 1;
            intake.add_malformed(place, "the row is no UTF-8".to_owned());
            return Ok(());
        };
        let Some(columns) = &self.columns else {
            let columns: Vec<Option<Field>> =
                cells.iter().map(|name| intake.wanted.names.field(name.trim())).collect();
            is_complete(&columns, &cells, roles, place, intake)?;
            self.columns = Some(columns);
            return Ok(());
        };
        if columns.len() != cells.len() {
            intake.rows.read += 1;
            intake.add_malformed(
                place,
                format!("{} columns, where the first line names {}", cells.len(), columns.len()),
            );
            return Ok(());
        }
        let mut row = Row::default();
        for (field, cell) in columns.iter().zip(&cells) {
            if let Some(field) = field {
                row.set(*field, Cow::Borrowed(cell));
            }
        }
        intake.row(&row, roles, place)
    }

    /// Reads a line; whether the row has ended with it.
    fn read(&mut self, line: &[u8]) -> bool {
        let reader = self.reader.get_or_insert_with(|| {
            let is_by_tabs = line.contains(&b'\t') && !line.contains(&b',');
            Box::new(ReaderBuilder::new().delimiter(if is_by_tabs { b'\t' } else { b',' }).build())
        });
        for mut rest in [line, b"\n"] {
            loop {
                let (cells, ends) = self.filled;
                let (at, into) = (self.cells.get_mut(cells..), self.ends.get_mut(ends..));
                let (result, read, wrote, ended) =
                    reader.read_record(rest, at.unwrap_or_default(), into.unwrap_or_default());
                rest = rest.get(read..).unwrap_or_default();
                self.filled = (cells + wrote, ends + ended);
                match result {
                    ReadRecordResult::Record => return true,
                    ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2 + 256, 0),
                    ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2 + 16, 0),
                    ReadRecordResult::InputEmpty | ReadRecordResult::End => break,
                }
            }
        }
        false
    }

    /// Gives up a row that does not end, and begins anew with the next line.
    fn drop_row(&mut self, begun: Place, intake: &mut Intake<'_>) {
        if let Some(reader) = &mut self.reader {
            reader.reset();
        }
        self.filled = (0, 0);
        self.within = None;
        intake.rows.read += 1;
        intake.add_malformed(begun, "a quote is not closed".to_owned());
    }
}

/// Makes sure that a table has the columns that are needed for what it is read.
fn is_complete(
    columns: &[Option<Field>],
    written: &[&str],
    roles: Roles,
    place: Place,
    intake: &Intake<'_>,
) -> Result<()> {
    let has = |field: Field| columns.contains(&Some(field));
    let names = &intake.wanted.names;
    let has_who = has(Field::Id) || has(Field::Hash);
    let mut missing = Vec::new();
    if roles.exposures && !has(Field::Exposure) {
        let needed = [Field::Experiment, Field::Group];
        missing.extend(
            needed.into_iter().filter(|field| !has(*field)).map(|field| names.name(field).to_owned()),
        );
    }
    let is_in_text = !roles.conversions && has(Field::Exposure);
    if !has_who && !is_in_text {
        missing.push(format!("{} or {}", names.name(Field::Id), names.name(Field::Hash)));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let file = intake.files.get(usize::from(place.file)).cloned().unwrap_or_default();
    bail!("{file}: there is no column {}: {}", missing.join(", nor "), written.join(", "))
}
