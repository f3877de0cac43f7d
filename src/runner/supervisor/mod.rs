//! The supervisor of one run: a small process between the worker and the test command, the same program under the verb
//! `run-supervisor`.
//!
//! Whatever leaves its parent, its group or its session comes back to the supervisor, because it has declared itself
//! the reaper of its descendants. So it can end all of them: when the command has ended, when the worker says so, when
//! a limit is exceeded, and when the worker is no more. `command` is the step between it and the command, `files` says
//! which files there are for the command, `watch` looks at what the run uses.

mod command;
mod files;
mod watch;

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, getpid, set_child_subreaper, set_dumpable_behavior,
    setpriority_process, setsid, wait,
};

use self::watch::Watch;
use super::order::{END, Ended, Order, Report};
use super::tree;
use crate::ports::Overrun;

pub use self::command::become_command;
pub use self::files::enforced;

/// How often the number of the machine's processes is asked for: a command that forks for ever makes about a hundred in
/// this time, and they all want the processor.
const GLANCE: Duration = Duration::from_millis(20);

/// The pause before those are killed again that were forked meanwhile.
const AGAIN: Duration = Duration::from_millis(1);

/// The first of all niceness.
const FIRST: i32 = -20;

/// More processes than these are stopped before they are killed: what is stopped does not fork, and leaves the processor
/// to whoever kills it.
const MANY: usize = 30;

/// How often they are stopped at most, before they are killed all the same: one that the kernel holds does not stop.
const STOPS: u32 = 20;

/// What happens while a command runs.
enum Event {
    /// The worker asks every process to end.
    End,
    /// The worker wants everything killed, or is no more.
    Kill,
    /// The command has ended.
    Ended(WaitStatus),
    /// No descendant is left.
    Alone,
    /// A limit is exceeded.
    Overrun(Overrun),
}

/// Supervises one run, as the verb `run-supervisor`.
#[must_use]
pub fn supervise() -> ExitCode {
    match follow_order() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&Report::NotStarted(error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn follow_order() -> io::Result<()> {
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    go_first();
    // It knows the secrets of the run, and can end it: no process of the same user may look into it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let mut orders = BufReader::new(io::stdin());
    let mut line = String::new();
    orders.read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    drop(line);
    let command = command::start(&order)?;
    tell(&Report::Started);
    let (events, inbox) = channel();
    listen(orders, events.clone());
    bury(command, events.clone());
    watch::disk(&order, events);
    let ended = follow(&order, &inbox);
    tell(&Report::Ended(ended));
    Ok(())
}

/// Where this is root, it gets the processor before the run: whoever forks into ever new sessions, each of which the kernel
/// gives an equal share, would else outrun it. Another user may not, and has `RLIMIT_NPROC`, which root has not.
fn go_first() {
    let _ = setpriority_process(None, FIRST);
    let _ = fs::write("/proc/self/autogroup", FIRST.to_string());
}

/// Tells the worker, if there still is one: if there is none, nobody misses it.
fn tell(report: &Report) {
    if let Ok(text) = serde_json::to_string(report) {
        let _ = writeln!(io::stdout(), "{text}");
    }
}

/// Follows the command until nothing of it is left.
fn follow(order: &Order, inbox: &Receiver<Event>) -> Ended {
    let mut ended = Ended::default();
    let mut asked = false;
    let mut watch = Watch::new(order.limits);
    loop {
        match inbox.recv_timeout(GLANCE) {
            Ok(Event::End) => {
                asked = true;
                tree::signal(&tree::descendants(getpid()), Signal::TERM);
            }
            Ok(Event::Ended(status)) => {
                ended = Ended { code: status.exit_status(), signal: status.terminating_signal(), overrun: None };
                // Who is asked to end may clean up after its parent has gone.
                if !asked {
                    break;
                }
            }
            Ok(Event::Alone) => return ended,
            Ok(Event::Kill) => break,
            Ok(Event::Overrun(overrun)) => {
                ended.overrun = Some(overrun);
                break;
            }
            Err(_) => {
                ended.overrun = watch.look();
                if ended.overrun.is_some() {
                    break;
                }
            }
        }
    }
    kill_all(inbox, ended)
}

/// Kills until nobody is left: what was forked while the others were killed is killed the next time.
fn kill_all(inbox: &Receiver<Event>, mut ended: Ended) -> Ended {
    freeze();
    loop {
        tree::signal(&tree::descendants(getpid()), Signal::KILL);
        match inbox.recv_timeout(AGAIN) {
            Ok(Event::Alone) => return ended,
            Ok(Event::Ended(status)) => {
                (ended.code, ended.signal) = (status.exit_status(), status.terminating_signal());
            }
            Ok(Event::End | Event::Kill | Event::Overrun(_)) | Err(_) => {}
        }
    }
}

/// Stops everybody, until nobody is found who goes on.
fn freeze() {
    for _ in 0..STOPS {
        let mut going_on = tree::descendants(getpid());
        if going_on.len() < MANY {
            return;
        }
        going_on.retain(|process| !process.is_still);
        if going_on.is_empty() {
            return;
        }
        tree::signal(&going_on, Signal::STOP);
    }
}

/// Hears what the worker says, and that it is no more.
fn listen(orders: BufReader<io::Stdin>, events: Sender<Event>) {
    thread::spawn(move || {
        for line in orders.lines().map_while(Result::ok) {
            if line == END && events.send(Event::End).is_err() {
                return;
            }
        }
        // If nobody hears it, all is over.
        let _ = events.send(Event::Kill);
    });
}

/// Buries every child, as the reaper must. Without a child there is no descendant: an orphan becomes a child.
fn bury(command: Pid, events: Sender<Event>) {
    thread::spawn(move || {
        loop {
            let event = match wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) if pid == command => Event::Ended(status),
                Ok(_) | Err(rustix::io::Errno::INTR) => continue,
                Err(_) => Event::Alone,
            };
            let last = matches!(event, Event::Alone);
            if events.send(event).is_err() || last {
                return;
            }
        }
    });
}
