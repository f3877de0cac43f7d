//! The supervisors that this process has started, and what is left of those that something has ended.
//!
//! On a kernel that lets a test command signal its supervisor, it can kill it. Its processes then come to this one, the
//! next reaper above them, and are ended here.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{
    DumpableBehavior, Signal, WaitOptions, geteuid, getpid, set_child_subreaper, set_dumpable_behavior, waitpid,
};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tracing::warn;

use super::tree::{self, Process};

/// Of the whole process, as children are.
static STARTED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// How often orphans are looked for until none is left, and the pause between: five seconds in all.
const LOOKS: u32 = 500;

/// See [`LOOKS`].
const PAUSE: Duration = Duration::from_millis(10);

/// Guards this process against the test commands that it starts: none of the same user can read its memory or its
/// environment, and what a supervisor leaves comes here.
///
/// # Errors
/// When the kernel does not know of that.
pub fn shield() -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Whether this process is root. Then test commands are, too, and little of what the kernel offers against them works.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// A supervisor.
pub(super) struct Supervisor {
    child: Child,
    number: i32,
}

impl Supervisor {
    /// Starts it.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // Nobody looks for orphans between its start and its being known.
        let mut started = started();
        let child = command.spawn()?;
        let number = child.id().and_then(|id| id.try_into().ok()).unwrap_or_default();
        started.insert(number);
        Ok(Self { child, number })
    }

    /// Its standard input and output.
    pub(super) fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>) {
        (self.child.stdin.take(), self.child.stdout.take())
    }

    /// Waits for its end.
    pub(super) async fn bury(&mut self) {
        if let Err(error) = self.child.wait().await {
            warn!(%error, "how the supervisor of a test command ended is not known");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        started().remove(&self.number);
    }
}

fn started() -> MutexGuard<'static, BTreeSet<i32>> {
    // A set of numbers cannot be half changed.
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every process that a supervisor has left to us, and tells whether none is left. Blocks.
pub(super) fn end_orphans() -> bool {
    let started = started();
    for _ in 0..LOOKS {
        let orphans = orphans(&started);
        if orphans.is_empty() {
            return true;
        }
        for orphan in orphans {
            tree::signal(&tree::descendants(orphan.pid), Signal::KILL);
            tree::signal(&[orphan], Signal::KILL);
            // If it is not dead yet, it is buried in the next round.
            let _ = waitpid(Some(orphan.pid), WaitOptions::NOHANG);
        }
        thread::sleep(PAUSE);
    }
    false
}

/// Children that are no supervisors, and in another session than ours. What this process starts otherwise stays in its
/// session; what descends from a supervisor cannot come into it.
fn orphans(started: &BTreeSet<i32>) -> Vec<Process> {
    let Some(ours) = tree::this() else { return Vec::new() };
    let is_orphan = |child: &Process| child.session != ours.session && !started.contains(&child.pid.as_raw_pid());
    tree::children(getpid()).into_iter().filter(is_orphan).collect()
}
