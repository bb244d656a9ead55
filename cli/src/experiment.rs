//! What exposures and conversions say of experiments: which group does better, how sure that is, and whether the data can be trusted.
//!
//! ```text
//! files ── feed ──▶ rows ── intake ──▶ records in partitions ── join ──▶ counts ── summarize ──▶ report ──▶ text, page, data
//!           lines          names, claims,                         user by user
//!                          what is wrong
//! ```

mod assigner;
mod exposure;
mod feed;
mod follow;
mod html;
mod intake;
mod join;
mod ledger;
mod mismatch;
mod moment;
mod otlp;
mod plot;
mod record;
mod row;
mod secret;
mod source;
pub mod statistics;
mod store;
mod summarize;
mod summary;
mod tally;
mod text;
mod verdict;

use std::path::PathBuf;

use anyhow::{Result, bail};

pub use feed::Format;
pub use follow::{Following, Stop};
pub use intake::{Malformed, Rows};
pub use mismatch::{Kind, Mismatch};
pub use row::{Field, Names};
pub use secret::IdKey;
pub use summarize::Asked;
pub use summary::{
    Comparison, Crossover, Experiment, Forced, Goal, Peeked, Point, Rate, Report, SampleRatio, Share,
};
pub use tally::Conversions;
pub use verdict::{CROSSOVER, Verdict};

use crate::simulate::{Side, Template};
use assigner::Assigner;
use feed::Feed;
use intake::{Intake, Wanted};
use join::Join;
use source::Source;
use tally::Clock;

/// What is to be reported of.
#[derive(Debug)]
pub struct Study<'s> {
    /// Files with exposures.
    pub exposures: &'s [PathBuf],
    /// Files with conversions.
    pub conversions: &'s [PathBuf],
    /// The form of all files, where it is said.
    pub format: Option<Format>,
    /// By which names the columns go.
    pub names: Names,
    /// The key under which ids are hashed.
    pub key: Option<IdKey>,
    /// The experiment; all of them where none is named.
    pub experiment: Option<String>,
    /// The goal; each of them where none is named.
    pub goal: Option<String>,
    /// The policy, and what its requests are like.
    pub policy: Option<(&'s Side, &'s Template)>,
    /// So many bytes are held in memory; what is more waits in a temporary file.
    pub memory: usize,
    /// How the report is made.
    pub asked: Asked,
}

/// How far a report is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Bytes that were read.
    pub done: u64,
    /// Bytes that there are, where that can be known.
    pub all: Option<u64>,
    /// Rows that were read.
    pub rows: u64,
}

impl Study<'_> {
    /// Reads all files and makes the report. `watch` is called now and then.
    ///
    /// # Errors
    /// Files that cannot be read, or lack columns: all of them. No exposure in any of them.
    pub fn run(self, watch: &mut dyn FnMut(Progress)) -> Result<Report> {
        let sources = Source::all(self.exposures, self.conversions);
        let all = sources.iter().map(Source::size).sum();
        let format = self.format;
        let (mut intake, asked) = self.begin()?;
        let (mut done, mut faults) = (0, Vec::new());
        for source in &sources {
            let mut feed = intake.feed(source, format)?;
            let mut own = 0;
            let read = source::read(source, &mut feed, &mut intake, &mut |bytes, rows| {
                own = bytes;
                watch(Progress { done: done + bytes, all, rows });
            });
            done += own;
            if let Err(fault) = read {
                faults.push(format!("{fault:#}"));
            }
        }
        intake.is_complete(faults)?;
        intake.report(&asked)
    }

    fn begin<'p>(self) -> Result<(Intake<'p>, Asked)>
    where
        Self: 'p,
    {
        let assigner = self.policy.map(|(side, template)| Assigner::new(side, template)).transpose()?;
        let wanted = Wanted {
            names: self.names,
            key: self.key,
            experiment: self.experiment,
            goal: self.goal,
            assigner,
        };
        Ok((Intake::new(wanted, self.memory), self.asked))
    }
}

impl Intake<'_> {
    /// A file that has not begun.
    fn feed(&mut self, source: &Source, format: Option<Format>) -> Result<Feed> {
        let file = u16::try_from(self.files.len())?;
        self.files.push(source.name());
        Ok(Feed::new(&source.path, source.roles, format, file))
    }

    /// Makes sure that there is something to report of.
    fn is_complete(&self, mut faults: Vec<String>) -> Result<()> {
        if faults.is_empty() {
            for field in self.wanted.names.renamed().filter(|field| !self.found.contains(field)) {
                faults.push(format!("no row has {:?}, which --column names", self.wanted.names.name(field)));
            }
            if self.rows.exposures == 0 {
                faults.push(self.without_exposures());
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        bail!("{}", faults.join("\n"))
    }

    fn without_exposures(&self) -> String {
        let of = self.wanted.experiment.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
        let told = self.malformed.iter().map(|row| format!("\n{}:{}: {}", row.file, row.line, row.why));
        format!("no exposure{of} in {}{}", self.files.join(", "), told.collect::<String>())
    }

    /// Makes a report of what has been taken in so far.
    fn report(&self, asked: &Asked) -> Result<Report> {
        let clock = Clock::new(self.span);
        let tally = Join::run(self, clock)?;
        Ok(summarize::report(self, tally, clock, asked))
    }
}
