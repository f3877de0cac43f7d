//! The processes of one run: a process group, ended as a whole.
//!
//! A process that leaves the group on purpose (`setsid`) is not found again; the container or machine has to end it.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use tracing::warn;

use crate::clock::Clock;
use crate::ports::RunSpec;

/// `SIGTERM`, which has this number on every system (POSIX, `kill`).
const SIGTERM: i32 = 15;

/// A process that was killed is gone at once, unless the kernel holds it (a dead network disk): it gets this long.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// A running command with everything it starts.
pub(super) struct Group {
    leader: Box<dyn ChildWrapper>,
    /// Nothing of it runs any more. From then on its number may belong to somebody else, so no signal is sent.
    over: bool,
}

impl Group {
    /// Starts the command of `spec`; what it prints can be read from the pipe that comes back.
    ///
    /// Output and errors go into one pipe, so they arrive in the order in which they were written. The command sees
    /// nothing of the worker's environment, which holds credentials that are not its own.
    pub(super) fn start(spec: &RunSpec, path: &str) -> io::Result<(Self, io::PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let errors = writer.try_clone()?;
        let own_home = fresh_directory(spec.home.path(), "home-")?;
        let own_temp = fresh_directory(spec.home.path(), "tmp-")?;
        let mut command = CommandWrap::with_new("/bin/sh", |command| {
            command
                .arg("-c")
                .arg(&spec.command)
                .current_dir(&spec.work)
                .env_clear()
                .env("PATH", path)
                .env("HOME", own_home)
                .env("TMPDIR", own_temp)
                .env("LANG", "C.UTF-8")
                .envs(spec.environment.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::null())
                .stdout(writer)
                .stderr(errors);
        });
        command.wrap(ProcessGroup::leader()).wrap(KillOnDrop);
        // The command holds our ends of the pipe: it must go, or the pipe would never end.
        let leader = command.spawn()?;
        drop(command);
        let group = Self { leader, over: false };
        Ok((group, reader))
    }

    /// Waits until the command itself has ended; what it has started may go on.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        // Waiting for the group would also wait for what it has left behind.
        self.leader.inner_mut().wait().await
    }

    /// Asks every process to end.
    pub(super) fn ask_to_end(&self) {
        tell_unless_gone(self.leader.signal(SIGTERM));
    }

    /// Ends every process that is left, and tells how the command itself ended if that is known.
    pub(super) async fn kill(&mut self, clock: &dyn Clock) -> Option<ExitStatus> {
        tell_unless_gone(self.leader.start_kill());
        // This also buries those of them that are our children by now, as all orphans of a container's first process.
        let buried = tokio::select! {
            buried = self.leader.wait() => Some(buried),
            () = clock.sleep(LAST_WAIT) => None,
        };
        self.over = true;
        match buried {
            Some(Ok(status)) => Some(status),
            Some(Err(error)) => {
                warn!(%error, "how a test command ended is not known");
                None
            }
            None => {
                warn!("a test command was killed and is still there");
                None
            }
        }
    }
}

impl Drop for Group {
    /// However its owner ends, by a panic or with the worker: no process stays behind.
    fn drop(&mut self) {
        if !self.over {
            tell_unless_gone(self.leader.start_kill());
        }
    }
}

fn fresh_directory(within: &Path, prefix: &str) -> io::Result<std::path::PathBuf> {
    let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(within)?;
    // It goes with the run's home.
    Ok(directory.keep())
}

fn tell_unless_gone(sent: io::Result<()>) {
    /// "No such process", which has this number on every system that we run on.
    const ESRCH: i32 = 3;
    if let Err(error) = sent
        && error.raw_os_error() != Some(ESRCH)
    {
        warn!(%error, "a test command could not be signalled");
    }
}
