//! Looks at what a run uses and the kernel does not count: processes and threads, memory, disk.
//!
//! `RLIMIT_NPROC` counts what a user has, so one run would stop another from forking; `RLIMIT_AS` counts addresses, of
//! which node and the JVM reserve far more than they use.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use rustix::fs::statvfs;
use rustix::param::page_size;
use rustix::process::getpid;
use rustix::system::sysinfo;

use super::super::order::Order;
use super::super::tree::{self, Process};
use super::super::{Limits, MIB};
use super::Event;
use crate::clock::{Clock, SystemClock};
use crate::ports::Overrun;

/// The shortest pause between two looks at the disk; walking a large tree makes it longer.
const DISK_LOOK: Duration = Duration::from_secs(1);

/// Of its time the disk's watch spends at most one part in so many on walking.
const DISK_SHARE: u32 = 10;

/// So much of the disk is kept for the worker and the results of the runs on it.
const RESERVE: u64 = 256 * MIB;

/// What a file costs beside its content: its place in a directory, and what describes it.
const ENTRY: u64 = 1 << 10;

/// The kernel's unit of `st_blocks`, on every file system.
const BLOCK: u64 = 512;

/// How often a run's processes and memory are looked at, counted in glances: five times a second.
const GLANCES: u32 = 10;

/// When so many processes more are on the machine, they are looked at before that.
const GROWTH: u16 = 30;

/// Watches a run's processes and memory. Looking costs as much as there are processes, so mostly it only glances at
/// their number, which one call tells.
pub(super) struct Watch {
    limits: Limits,
    glances: u32,
    seen: u16,
}

impl Watch {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, glances: 0, seen: sysinfo().procs }
    }

    /// Whether the run has too many processes or too much memory, as far as that can be seen now.
    pub(super) fn look(&mut self) -> Option<Overrun> {
        let now = sysinfo().procs;
        self.glances += 1;
        if self.glances < GLANCES && now.saturating_sub(self.seen) < GROWTH {
            return None;
        }
        (self.glances, self.seen) = (0, now);
        exceeded(&self.limits)
    }
}

fn exceeded(limits: &Limits) -> Option<Overrun> {
    let processes = tree::descendants(getpid());
    let threads: u64 = processes.iter().map(|process| process.threads).sum();
    if threads > limits.processes {
        return Some(Overrun::Processes { most: limits.processes });
    }
    let most = limits.memory_mib?;
    let used: u64 = processes.iter().filter_map(memory).sum();
    (used > most * MIB).then_some(Overrun::Memory { mib: most })
}

/// What the process has for itself: resident, and neither a file's content nor shared on purpose.
fn memory(process: &Process) -> Option<u64> {
    let told = fs::read_to_string(format!("/proc/{}/statm", process.pid.as_raw_pid())).ok()?;
    let mut pages = told.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * page_size() as u64)
}

/// Watches the disk until it is too full.
pub(super) fn disk(order: &Order, events: Sender<Event>) {
    let home = order.home.clone();
    let free = free(&home).unwrap_or(u64::MAX);
    // No run can take the whole disk, however small that is.
    let most = (order.limits.disk_mib * MIB).min(free / 2);
    // What is hidden from the walk (a file that is deleted and still open) shows in what is left. If little was left
    // when the run began, it is not this run's doing.
    let reserve = if free > 2 * RESERVE { RESERVE } else { 0 };
    thread::spawn(move || {
        let clock = SystemClock::start();
        let overrun = loop {
            let began = clock.elapsed();
            if !used(&home).is_ok_and(|used| used <= most) {
                break Overrun::Disk { mib: most / MIB };
            }
            if self::free(&home).is_some_and(|free| free < reserve) {
                break Overrun::DiskFull { mib: RESERVE / MIB };
            }
            thread::sleep(DISK_LOOK.max((clock.elapsed() - began) * DISK_SHARE));
        };
        // If nobody hears it, the run is over.
        let _ = events.send(Event::Overrun(overrun));
    });
}

fn free(home: &Path) -> Option<u64> {
    let found = statvfs(home).ok()?;
    Some(found.f_bavail * found.f_frsize)
}

/// What is in the directory, in bytes.
///
/// # Errors
/// When a path is too long to be read: nobody has such a tree but who hides something.
fn used(home: &Path) -> io::Result<u64> {
    let mut total = 0;
    let mut open = vec![home.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Err(error),
            // It was deleted meanwhile, or is closed to us; the reserve is still watched.
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            // Of a link, the link itself: nothing outside is counted.
            let Ok(found) = entry.metadata() else { continue };
            total += found.blocks() * BLOCK + ENTRY;
            if found.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(total)
}
