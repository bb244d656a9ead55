//! Files as they grow.
//!
//! A file that is another one than before under its name, or shorter, has been rotated: what is left of the one before is read first.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::feed::{Feed, LONGEST};
use super::intake::Intake;
use super::source::{self, GZIP, Source};
use super::summary::Report;
use super::{Progress, Study};

/// The report is made anew at most as often.
const PACE: Duration = Duration::from_secs(1);
/// Making it takes at most this part of the time.
const REST: u32 = 4;
/// Files are looked at as often without being told: not every file system tells.
const UNTOLD: Duration = Duration::from_secs(2);
const PIECE: usize = 1 << 16;

/// What whoever follows is told.
enum News {
    /// Some file may have changed.
    Changed,
    /// A piece of standard input; nothing where it ends.
    Input(Vec<u8>),
    /// It is enough.
    Stopped,
}

/// Ends whoever follows.
#[derive(Debug, Clone)]
pub struct Stop(SyncSender<News>);

impl Stop {
    /// Says that it is enough.
    pub fn stop(&self) {
        // Nobody listens where it has ended by itself.
        let _ended = self.0.send(News::Stopped);
    }
}

/// A report of files as they grow.
#[derive(Debug)]
pub struct Following<'s> {
    study: Study<'s>,
    news: Receiver<News>,
    tell: SyncSender<News>,
}

impl<'s> Following<'s> {
    /// What is to be followed, and what ends it.
    pub fn new(study: Study<'s>) -> (Self, Stop) {
        let (tell, news) = sync_channel(64);
        let stop = Stop(tell.clone());
        (Following { study, news, tell }, stop)
    }

    /// Follows until it is stopped, or nothing is left that grows. `show` gets each report, at most one a second; `watch` is called
    /// now and then while what is there at first is read.
    ///
    /// # Errors
    /// Files that cannot be read at first; a report that cannot be shown.
    pub fn run(
        self,
        watch: &mut dyn FnMut(Progress),
        show: &mut dyn FnMut(&Report) -> Result<()>,
    ) -> Result<Report> {
        let Following { study, news, tell } = self;
        let sources = Source::all(study.exposures, study.conversions);
        let format = study.format;
        let (mut intake, asked) = study.begin()?;
        let mut tails = Vec::new();
        for source in sources {
            let feed = intake.feed(&source, format)?;
            tails.push(Tail { source, feed, open: None, pending: Vec::new(), has_ended: false });
        }
        let _watcher = watcher(&tails, &tell)?;
        let mut faults = Vec::new();
        for tail in &mut tails {
            if let Err(fault) = tail.begin(&mut intake, &tell, watch) {
                faults.push(format!("{fault:#}"));
            }
        }
        anyhow::ensure!(faults.is_empty(), "{}", faults.join("\n"));
        let mut report = intake.report(&asked)?;
        show(&report)?;
        let mut due = Instant::now() + PACE;
        let (mut is_new, mut is_over) = (false, false);
        while !is_over {
            is_over =
                take(&news, if is_new { due } else { Instant::now() + UNTOLD }, &mut tails, &mut intake)?;
            is_over |= tails.iter().all(|tail| tail.has_ended);
            for tail in &mut tails {
                tail.catch_up(&mut intake)?;
            }
            is_new = intake.rows != report.rows;
            if is_new && (is_over || Instant::now() >= due) {
                let since = Instant::now();
                report = intake.report(&asked)?;
                show(&report)?;
                due = Instant::now() + PACE.max(since.elapsed() * REST);
                is_new = false;
            }
        }
        Ok(report)
    }
}

/// Waits for news until a point in time; whether it is enough.
fn take(news: &Receiver<News>, until: Instant, tails: &mut [Tail], intake: &mut Intake<'_>) -> Result<bool> {
    match news.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(News::Stopped) | Err(RecvTimeoutError::Disconnected) => Ok(true),
        Ok(News::Changed) | Err(RecvTimeoutError::Timeout) => Ok(false),
        Ok(News::Input(piece)) => {
            if let Some(tail) = tails.iter_mut().find(|tail| tail.source.is_standard()) {
                if piece.is_empty() {
                    tail.end_line(intake)?;
                    tail.feed.end(intake);
                    tail.has_ended = true;
                } else {
                    tail.push(&piece, intake)?;
                }
            }
            Ok(false)
        }
    }
}

/// Watches the folders of the files: a file that is rotated is another one.
fn watcher(tails: &[Tail], tell: &SyncSender<News>) -> Result<RecommendedWatcher> {
    let tell = tell.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !matches!(event.kind, notify::EventKind::Access(_))) {
            // Whoever has as much to do looks at the files anyway.
            let _full = tell.try_send(News::Changed);
        }
    })
    .context("cannot watch files")?;
    let mut folders: Vec<&Path> =
        tails.iter().filter(|tail| !tail.source.is_standard()).map(Tail::folder).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        let begun = watcher.watch(folder, RecursiveMode::NonRecursive);
        begun.with_context(|| format!("cannot watch {}", folder.display()))?;
    }
    Ok(watcher)
}

/// A file that grows.
struct Tail {
    source: Source,
    feed: Feed,
    open: Option<File>,
    /// The line that has not ended.
    pending: Vec<u8>,
    /// Whether nothing will come any more.
    has_ended: bool,
}

impl Tail {
    fn folder(&self) -> &Path {
        self.source.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Reads what is there.
    fn begin(
        &mut self,
        intake: &mut Intake<'_>,
        tell: &SyncSender<News>,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        if self.source.is_standard() {
            let tell = tell.clone();
            thread::spawn(move || read_input(&tell));
            return Ok(());
        }
        let at = || format!("cannot read {}", self.source.name());
        let mut file = File::open(&self.source.path).with_context(at)?;
        let mut first = [0; GZIP.len()];
        let is_packed = file.read_exact(&mut first).is_ok() && first == GZIP;
        if is_packed {
            self.has_ended = true;
            let all = self.source.size();
            let mut watch = |done, rows| watch(Progress { done, all, rows });
            return source::read(&self.source, &mut self.feed, intake, &mut watch);
        }
        file.rewind().with_context(at)?;
        self.open = Some(file);
        self.read_on(intake)
    }

    /// Reads what has come since.
    fn catch_up(&mut self, intake: &mut Intake<'_>) -> Result<()> {
        if self.has_ended || self.source.is_standard() {
            return Ok(());
        }
        self.read_on(intake)?;
        let now = match std::fs::metadata(&self.source.path) {
            Ok(now) => now,
            // Between the renaming of one and the beginning of the next there is none.
            Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(()),
            Err(fault) => return Err(fault).with_context(|| format!("cannot read {}", self.source.name())),
        };
        let is_same = match &mut self.open {
            Some(open) => {
                let own = open.metadata()?;
                (own.dev(), own.ino()) == (now.dev(), now.ino()) && open.stream_position()? <= now.len()
            }
            None => false,
        };
        if is_same {
            return Ok(());
        }
        // What was written between the last look and the renaming.
        self.read_on(intake)?;
        self.end_line(intake)?;
        self.feed.end(intake);
        self.feed.begin();
        self.open = Some(
            File::open(&self.source.path).with_context(|| format!("cannot read {}", self.source.name()))?,
        );
        self.read_on(intake)
    }

    fn read_on(&mut self, intake: &mut Intake<'_>) -> Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let Some(open) = &mut self.open else { return Ok(()) };
            let read =
                open.read(&mut piece).with_context(|| format!("cannot read {}", self.source.name()))?;
            if read == 0 {
                return Ok(());
            }
            self.push(piece.get(..read).unwrap_or_default(), intake)?;
        }
    }

    /// Takes the lines that end in a piece.
    fn push(&mut self, piece: &[u8], intake: &mut Intake<'_>) -> Result<()> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            // Of a line that is too long, a byte more than the limit is kept.
            let room = (LONGEST + 1).saturating_sub(self.pending.len());
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.pending.extend(end.iter().take(room));
                    self.end_line(intake)?;
                }
                None => self.pending.extend(part.iter().take(room)),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, intake: &mut Intake<'_>) -> Result<()> {
        let line = std::mem::take(&mut self.pending);
        self.feed.line(line.strip_suffix(b"\r").unwrap_or(&line), intake)
    }
}

/// Hands standard input over piece by piece.
fn read_input(tell: &SyncSender<News>) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match io::stdin().read(&mut piece) {
            Err(fault) if fault.kind() == ErrorKind::Interrupted => continue,
            read => read.unwrap_or_default(),
        };
        let told = tell.send(News::Input(piece.get(..read).unwrap_or_default().to_vec()));
        if read == 0 || told.is_err() {
            return;
        }
    }
}
