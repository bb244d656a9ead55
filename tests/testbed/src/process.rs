//! A process that ends when its owner does.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A running process. Dropping it ends it: asked first, killed after a grace; the kernel kills it when the owner is
/// itself killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: Command) -> Result<Self> {
        let (reply, started) = channel();
        let program = command.get_program().to_owned();
        STARTER.send((command, reply)).map_err(|_| anyhow!("the starter of processes is gone"))?;
        let child = started.recv().context("the starter of processes is gone")?;
        Ok(Self { child: child.with_context(|| format!("cannot start {}", Path::new(&program).display()))? })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot signal process {}", self.id()))
    }

    /// Ends it and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not let it be ended.
    pub fn end(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Kills it, as a power failure would, and waits until it is gone.
    ///
    /// # Errors
    /// When the system does not let it be killed.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// CPU time used so far by the threads that run now, to the nanosecond.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        let mut total = 0;
        for task in self.proc()?.tasks()? {
            total += task?.schedstat()?.sum_exec_runtime;
        }
        Ok(Duration::from_nanos(total))
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> Result<u64> {
        let pages = self.proc()?.statm()?.resident;
        Ok(pages * procfs::page_size())
    }

    fn proc(&self) -> Result<procfs::process::Process> {
        let id = i32::try_from(self.id())?;
        procfs::process::Process::new(id).with_context(|| format!("no process {id}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that cannot be ended is one that has ended.
        let _ended = self.end();
    }
}

/// A command that the kernel kills when the thread that started it ends; `setpriv` (util-linux) becomes the program.
pub(crate) fn bound_to_parent(program: &Path) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// The thread that starts all processes. "Parent" means the starting *thread* to the kernel, and threads of tests and
/// runtimes come and go; this one stays for the life of this process.
static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, incoming) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, reply) in incoming {
            // A caller that no longer waits drops the child unseen only when it panicked in between.
            let _unheard = reply.send(command.spawn());
        }
    });
    orders
});

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Process {
        let mut command = bound_to_parent(Path::new("sleep"));
        command.arg("60");
        Process::start(command).unwrap()
    }

    #[test]
    fn it_ends_with_its_value_and_not_with_the_thread_that_asked_for_it() {
        let mut process = std::thread::spawn(sleeper).join().unwrap();
        assert!(process.ended().unwrap().is_none());
        let id = i32::try_from(process.id()).unwrap();
        drop(process);
        assert!(procfs::process::Process::new(id).is_err());
    }

    #[test]
    fn a_panic_ends_it_too() {
        let (tell, told) = channel();
        let panicked = std::thread::spawn(move || {
            let process = sleeper();
            tell.send(process.id()).unwrap();
            panic!("as a failed test does");
        });
        assert!(panicked.join().is_err());
        assert!(procfs::process::Process::new(i32::try_from(told.recv().unwrap()).unwrap()).is_err());
    }

    #[test]
    fn its_use_of_the_machine_can_be_read() {
        let mut command = bound_to_parent(Path::new("sh"));
        command.args(["-c", "while :; do :; done"]);
        let process = Process::start(command).unwrap();
        assert!(process.resident_bytes().unwrap() > 0);
        // The kernel brings the figure up to date at its ticks.
        let start = Instant::now();
        while process.cpu_time().unwrap() == Duration::ZERO {
            assert!(start.elapsed() < GRACE);
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Process::start(Command::new("/no/such/program")).unwrap_err();
        assert!(format!("{error:#}").contains("cannot start /no/such/program"), "{error:#}");
    }
}
