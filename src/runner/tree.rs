//! Which processes descend from one, read from `/proc`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

/// A process as `/proc/PID/stat` shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) pid: Pid,
    parent: i32,
    group: i32,
    pub(super) session: i32,
    pub(super) threads: u64,
    /// It is stopped, or dead and not yet buried.
    pub(super) is_still: bool,
}

/// Everything that descends from `root`, without it. What is forked while this looks may be missing: whoever needs to
/// be sure looks again.
pub(super) fn descendants(root: Pid) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for process in all() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut open = vec![root.as_raw_pid()];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child.pid.as_raw_pid());
            found.push(child);
        }
    }
    found
}

/// This process. Its group and session are 0 where their leaders live outside our namespace of processes, as those of
/// what is started in a container may.
pub(super) fn this() -> Option<Process> {
    read(getpid().as_raw_pid())
}

/// The children of `parent`.
pub(super) fn children(parent: Pid) -> Vec<Process> {
    all().into_iter().filter(|process| process.parent == parent.as_raw_pid()).collect()
}

/// Sends `signal` to all of them.
///
/// A whole group gets it at once, so that nobody in it can fork meanwhile. A group lies in one session, and the sessions
/// of descendants hold descendants alone, but for our own group. A process number is used again only after all others,
/// so none of these has come to belong to somebody else since it was read.
pub(super) fn signal(processes: &[Process], signal: Signal) {
    let ours = this().map(|process| process.group);
    let groups: BTreeSet<i32> =
        processes.iter().map(|process| process.group).filter(|group| Some(*group) != ours).collect();
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // It fails only when nobody is left to get it.
        let _ = kill_process_group(group, signal);
    }
    for process in processes.iter().filter(|process| Some(process.group) == ours) {
        let _ = kill_process(process.pid, signal);
    }
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(read).collect()
}

fn read(number: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    parse(number, &stat)
}

/// The name of the program stands in brackets, and may hold brackets and spaces itself.
fn parse(number: i32, stat: &str) -> Option<Process> {
    let (_, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<i32>().ok();
    Some(Process {
        pid: Pid::from_raw(number)?,
        parent: field(1)?,
        group: field(2)?,
        session: field(3)?,
        threads: field(17)?.try_into().ok()?,
        is_still: fields.first().is_some_and(|state| ["T", "t", "X", "Z"].contains(state)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_does_not_confuse_the_reading() {
        let stat = "7 (a) S (b) R 3 5 4 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 12 0 99";
        let process = parse(7, stat).unwrap();
        assert_eq!((process.parent, process.group, process.session, process.threads), (3, 5, 4, 12));
        assert!(parse(7, "7 (sh").is_none());
    }
}
