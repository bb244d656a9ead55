//! The policy that a person edits: looked at a few times a second, judged by the engine, given to Envoy when it is
//! good.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use graylane::error::PolicyErrors;
use graylane_testbed::{Result, Swap, Verdict};

use crate::policy::{Document, Revision, read_text};
use crate::screen::{Screen, millis};
use crate::stage::{Stage, WORKERS};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// So many looks in a row without the file, and it counts as gone; some editors rename it away for a moment.
const GONE: u32 = 5;

/// A policy file under watch. Its content counts, not its date; what changes is judged once it has stayed the same for
/// two looks, so that a file half written is not.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    shown: String,
    judged: String,
    seen: String,
    missing: u32,
    in_force: u64,
}

impl Watch {
    /// A watch on a file; `shown` is how it is called.
    pub(crate) fn on(path: &Path, shown: &str) -> Self {
        Self {
            path: path.to_owned(),
            shown: shown.to_owned(),
            judged: String::new(),
            seen: String::new(),
            missing: 0,
            in_force: 0,
        }
    }

    /// The policy at the start, or what is wrong with it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn first(&mut self) -> Result<Result<Revision, PolicyErrors>> {
        self.judged = read_text(&self.path)?;
        self.seen.clone_from(&self.judged);
        judge(&self.judged)
    }

    /// Takes the policy whenever it changes.
    ///
    /// # Errors
    /// When Envoy does not answer, or nobody reads the screen any more.
    pub(crate) async fn forever(&mut self, screen: &Screen, stage: &Stage) -> Result<Infallible> {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.look(screen)? {
                self.take(screen, stage).await?;
            }
        }
    }

    /// Whether there is something new to judge.
    fn look(&mut self, screen: &Screen) -> Result<bool> {
        let Ok(text) = std::fs::read_to_string(&self.path) else {
            self.missing += 1;
            if self.missing == GONE {
                screen.line(&format!(
                    "{} cannot be read; version {} stays in force",
                    self.shown, self.in_force
                ))?;
            }
            return Ok(false);
        };
        self.missing = 0;
        let settled = text == self.seen;
        self.seen = text;
        Ok(settled && self.seen != self.judged)
    }

    async fn take(&mut self, screen: &Screen, stage: &Stage) -> Result<()> {
        self.judged.clone_from(&self.seen);
        match judge(&self.judged)? {
            Ok(revision) => {
                let swap = stage.publish(&revision).await?;
                self.tell(screen, stage, &revision, swap).await
            }
            Err(mistakes) => {
                let mark = screen.paint().bad("refused");
                let count = match mistakes.len() {
                    1 => "a mistake".to_owned(),
                    many => format!("{many} mistakes"),
                };
                let (shown, stays) = (&self.shown, self.in_force);
                screen.line(&format!("{mark}  {count} in {shown}; version {stays} stays in force"))?;
                mistakes.iter().try_for_each(|mistake| screen.line(&format!("         {mistake}")))
            }
        }
    }

    /// Says what Envoy made of a policy.
    ///
    /// # Errors
    /// When nobody reads the screen any more.
    pub(crate) async fn tell(
        &mut self,
        screen: &Screen,
        stage: &Stage,
        new: &Revision,
        swap: Swap,
    ) -> Result<()> {
        let paint = screen.paint();
        if swap.verdict == Verdict::Refused {
            let said = stage.said_of_the_module().await?;
            let stays = self.in_force;
            screen.line(&format!("{}  by Envoy; version {stays} stays in force", paint.bad("refused")))?;
            return screen.lines(&said);
        }
        let (version, releases) = (new.plan.version(), new.plan.len());
        self.in_force = version;
        let took = swap.judged - swap.renamed;
        let how = if took.is_zero() {
            "nothing in it has changed".to_owned()
        } else {
            format!("on all {WORKERS} workers {} after the rename", millis(took))
        };
        screen.line(&format!("{}  version {version}, {releases} releases, {how}", paint.good("in force")))
    }
}

fn judge(yaml: &str) -> Result<Result<Revision, PolicyErrors>> {
    match Document::of(yaml) {
        Ok(document) => document.revision().map(Ok),
        Err(mistakes) => Ok(Err(mistakes)),
    }
}
