//! How far a long command is, on a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error, where that is a terminal, for whoever has been waiting for a while.
pub(crate) struct Progress {
    style: &'static str,
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Who waits no longer than this needs no bar.
    const MOMENT: Duration = Duration::from_millis(400);

    /// A bar that looks as a template of indicatif says.
    pub(crate) fn new(style: &'static str) -> Self {
        Progress { style, since: Instant::now(), bar: None }
    }

    /// Shows how much is done, of how much where that is known.
    pub(crate) fn show(&mut self, done: u64, all: Option<u64>) {
        if self.since.elapsed() < Self::MOMENT {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(all, ProgressDrawTarget::stderr());
            let template = if all.is_some() { self.style } else { "{spinner} {bytes}" };
            let style = ProgressStyle::with_template(template);
            style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        });
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
