//! Where rows come from: files, standard input, packed or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use flate2::bufread::MultiGzDecoder;

use super::feed::{Feed, LONGEST};
use super::intake::{Intake, Roles};

/// A file, and for what it is read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) roles: Roles,
}

impl Source {
    /// The files, each once: one that is given for both is read for both.
    pub(super) fn all(exposures: &[PathBuf], conversions: &[PathBuf]) -> Vec<Source> {
        let mut all: Vec<Source> = Vec::new();
        let exposures = exposures.iter().map(|path| (path, Roles { exposures: true, conversions: false }));
        let conversions =
            conversions.iter().map(|path| (path, Roles { exposures: false, conversions: true }));
        for (path, roles) in exposures.chain(conversions) {
            match all.iter_mut().find(|source| source.path == *path) {
                Some(source) => {
                    source.roles.exposures |= roles.exposures;
                    source.roles.conversions |= roles.conversions;
                }
                None => all.push(Source { path: path.clone(), roles }),
            }
        }
        all
    }

    /// Whether it is standard input.
    pub(super) fn is_standard(&self) -> bool {
        self.path == Path::new("-")
    }

    /// How it is called in messages.
    pub(super) fn name(&self) -> String {
        if self.is_standard() { "<stdin>".to_owned() } else { self.path.display().to_string() }
    }

    /// Opens it.
    pub(super) fn open(&self) -> Result<Box<dyn Read>> {
        if self.is_standard() {
            return Ok(Box::new(io::stdin()));
        }
        let file = File::open(&self.path).with_context(|| format!("cannot read {}", self.name()))?;
        Ok(Box::new(file))
    }

    /// How many bytes it has, where that can be known.
    pub(super) fn size(&self) -> Option<u64> {
        let about = std::fs::metadata(&self.path).ok().filter(std::fs::Metadata::is_file);
        about.map(|about| about.len())
    }
}

/// The first bytes of what gzip has packed (RFC 1952).
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];

const BUFFER: usize = 1 << 18;

/// A reader that counts what is read.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.count.fetch_add(u64::try_from(read).unwrap_or_default(), Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads all of a source. `watch` is called now and then, with how many bytes of it and rows of all have been read.
pub(super) fn read(
    source: &Source,
    feed: &mut Feed,
    intake: &mut Intake<'_>,
    watch: &mut dyn FnMut(u64, u64),
) -> Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Counted { reader: source.open()?, count: Arc::clone(&count) };
    let mut packed = BufReader::with_capacity(BUFFER, counted);
    let at = || format!("cannot read {}", source.name());
    let is_packed = packed.fill_buf().with_context(at)?.starts_with(GZIP);
    let mut reader: Box<dyn BufRead> = if is_packed {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(packed)))
    } else {
        Box::new(packed)
    };
    let mut line = Vec::new();
    let mut lines: u32 = 0;
    while next_line(&mut *reader, &mut line).with_context(at)? {
        feed.line(&line, intake)?;
        lines = lines.wrapping_add(1);
        if lines.is_multiple_of(4096) {
            watch(count.load(Ordering::Relaxed), intake.rows.read);
        }
    }
    feed.end(intake);
    watch(count.load(Ordering::Relaxed), intake.rows.read);
    Ok(())
}

/// Reads a line without its end; whether there was one. Of one that is too long, a byte more than the limit is kept.
fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    if Read::take(&mut *reader, limit).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() > LONGEST {
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}
