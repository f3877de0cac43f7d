//! The step between the supervisor and the test command: a process that takes away from itself what the command must
//! not have, and then becomes the command. The supervisor must keep what this gives up.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, geteuid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setpriority_process, setrlimit, setsid, umask,
};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use super::super::order::Order;
use super::files;

/// Our own program, also when its file has been replaced since the worker began.
const OURSELVES: &str = "/proc/self/exe";

/// Its verb for this step.
const VERB: &str = "run-command";

/// When the machine has no memory left, a test goes before any worker.
const FIRST_TO_GO: &str = "1000";

/// Tests get what of the processor the worker and the supervisors leave: about a tenth, when both want it.
const NICER: i32 = 10;

/// What root may still do: to files as it likes, serve on small ports, become somebody else.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID);

/// Files are for the user to write and for everyone to read, as nearly everywhere; nobody else can enter the home.
const MASK: Mode = Mode::WGRP.union(Mode::WOTH);

/// Starts the command of the order and returns when it runs.
///
/// What loads into this step is ours alone: the command's environment, in which its author may name a library to load,
/// comes with the order and takes effect only where the command itself begins.
pub(super) fn start(order: &Order) -> io::Result<Pid> {
    let mut step = Command::new(OURSELVES)
        .arg0("bluestage")
        .arg(VERB)
        .env_clear()
        .current_dir(&order.work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut orders) = step.stdin.take() {
        orders.write_all(&serde_json::to_vec(order)?)?;
    }
    // It says why it cannot go on. This pipe closes when it has become the command.
    let mut why = String::new();
    if let Some(mut told) = step.stdout.take() {
        told.read_to_string(&mut why)?;
    }
    if why.is_empty() { Ok(Pid::from_child(&step)) } else { Err(io::Error::other(why)) }
}

/// Becomes the test command, as the verb `run-command`.
#[must_use]
pub fn become_command() -> ExitCode {
    // Standard output is the command's own by the time that something may go wrong.
    let told = io::stdout().as_fd().try_clone_to_owned();
    let why = match prepared() {
        Ok(mut command) => command.exec(),
        Err(error) => error,
    };
    if let Ok(told) = told {
        // If nobody reads it, nobody waits for it.
        let _ = write!(fs::File::from(told), "{why}");
    }
    ExitCode::FAILURE
}

fn prepared() -> io::Result<Command> {
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let order: Order = serde_json::from_reader(io::stdin())?;
    limit(&order)?;
    umask(MASK);
    step_back()?;
    drop_capabilities()?;
    files::confine(&order).map_err(io::Error::other)?;
    let printed = io::stderr().as_fd().try_clone_to_owned()?;
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(&order.command).env_clear().envs(order.environment).stdin(Stdio::null()).stdout(printed);
    Ok(command)
}

/// Lets the worker go first. What is in `/proc` can be missing; then the kernel chooses by size, and among sessions alike.
fn step_back() -> io::Result<()> {
    setpriority_process(None, NICER)?;
    let _ = fs::write("/proc/self/autogroup", NICER.to_string());
    let _ = fs::write("/proc/self/oom_score_adj", FIRST_TO_GO);
    Ok(())
}

/// Takes from root what reaches beyond a run: other processes' memory, devices, mounts, the kernel itself. Nobody else
/// has any of it.
fn drop_capabilities() -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    for capability in CapabilitySet::all().difference(KEPT).iter() {
        match remove_capability_from_bounding_set(capability) {
            // The kernel does not know it.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The limits that the kernel counts by process or by user. It counts the whole memory and the whole disk for nobody
/// without a control group, so the supervisor watches these.
fn limit(order: &Order) -> io::Result<()> {
    let limits = &order.limits;
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, limits.open_files)?;
    lower(Resource::Fsize, limits.disk_mib << 20)?;
    lower(Resource::Nproc, order.of_user)?;
    match limits.cpu_seconds {
        Some(seconds) => lower(Resource::Cpu, seconds),
        None => Ok(()),
    }
}

/// Lowers a limit for good; one that is lower already stays.
fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let maximum = now.maximum.map_or(to, |maximum| maximum.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) })?)
}
