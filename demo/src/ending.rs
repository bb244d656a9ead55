//! How a command ends: by itself, by a signal, or because something it needs has died. Whatever the way, what it
//! started is ended first.

use std::fmt;
use std::time::Duration;

use graylane_testbed::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stage::Stage;

/// The exit code of a command that a signal stopped, as shells know it.
pub(crate) const INTERRUPTED: u8 = 130;

/// How long a process may take to be gone once its connections are.
const MOMENT: Duration = Duration::from_millis(500);

/// How the work on a stage ended.
#[derive(Debug)]
pub(crate) enum Ending<T> {
    /// With this result.
    Done(Result<T>),
    /// By a signal.
    Stopped(Stop),
}

/// Signals that ask to stop.
#[derive(Debug)]
pub(crate) struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// The signal that came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// The terminal is gone.
    Hangup,
}

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        })
    }
}

impl Stops {
    /// From now on these signals are heard and do not kill.
    ///
    /// # Errors
    /// When the system does not let them be heard.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
            _ = self.hangup.recv() => Stop::Hangup,
        }
    }

    /// Does `work`, unless a signal comes first.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = Result<T>>) -> Ending<T> {
        tokio::select! {
            done = work => Ending::Done(done),
            stop = self.next() => Ending::Stopped(stop),
        }
    }

    /// Does `work` on a stage, unless a signal comes first, or something on the stage dies.
    pub(crate) async fn unless_on<T>(
        &mut self,
        stage: &Stage,
        work: impl Future<Output = Result<T>>,
    ) -> Ending<T> {
        let work = async {
            tokio::select! {
                done = work => match done {
                    // What fails because something dies is told as that; the system takes a moment to say so.
                    Err(error) => Err(tokio::time::timeout(MOMENT, stage.death()).await.unwrap_or(error)),
                    done => done,
                },
                death = stage.death() => Err(death),
            }
        };
        self.unless(work).await
    }
}
