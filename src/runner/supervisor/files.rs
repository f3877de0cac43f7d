//! Which files there are for a test command, and whom it can reach: Landlock, as far as the kernel has it.

use std::thread;

use landlock::{
    ABI, Access, AccessFs, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, make_bitflags, path_beneath_rules,
};

use super::super::order::Order;

/// What we ask for; an older kernel gives what it has. From ABI 9 on, sockets in the file system could be closed, too,
/// but name services are reached by these.
const ASKED: ABI = ABI::V7;

/// Programs, libraries, and what they read on every machine: name resolution, certificates, time zones, the limits of
/// the container. What is in `/proc` of processes outside the run is closed by Landlock itself, as is tracing them.
const SYSTEM: [&str; 14] = [
    "/bin",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/opt",
    "/proc",
    "/run/systemd/resolve",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/ca-certificates",
];

/// Devices that keep nothing and belong to nobody. Not `/dev/shm`: all runs would share it.
const DEVICES: [&str; 8] =
    ["/dev/full", "/dev/null", "/dev/ptmx", "/dev/pts", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"];

/// Takes everything else from this process and from all that descends from it.
pub(super) fn confine(order: &Order) -> Result<(), RulesetError> {
    let everything = AccessFs::from_all(ASKED);
    let used = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | IoctlDev});
    Ruleset::default()
        .handle_access(everything)?
        .scope(Scope::from_all(ASKED))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, AccessFs::from_read(ASKED)))?
        .add_rules(path_beneath_rules(&order.read, AccessFs::from_read(ASKED)))?
        .add_rules(path_beneath_rules(DEVICES, used))?
        .add_rules(path_beneath_rules(&order.write, everything))?
        .add_rules(path_beneath_rules([&order.home], everything))?
        .restrict_self()?;
    Ok(())
}

/// What this kernel enforces, for the log.
#[must_use]
pub fn enforced() -> String {
    // Only restricting tells, and it restricts the thread that asks: so one asks that ends then.
    let asked = thread::spawn(ask).join();
    match asked {
        Ok(Ok(RestrictionStatus { landlock: LandlockStatus::Available { effective_abi, .. }, .. })) => {
            told(effective_abi)
        }
        Ok(Ok(RestrictionStatus { landlock: LandlockStatus::NotEnabled, .. })) => {
            "none: the kernel has Landlock, but not among its `lsm`".to_owned()
        }
        Ok(Ok(RestrictionStatus { landlock: LandlockStatus::NotImplemented, .. })) => {
            "none: the kernel has no Landlock".to_owned()
        }
        Ok(Err(error)) => format!("unknown: {error}"),
        Err(_) => "unknown: Landlock could not be asked".to_owned(),
    }
}

fn ask() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default().handle_access(AccessFs::from_all(ASKED))?.create()?.restrict_self()
}

fn told(abi: ABI) -> String {
    let number = abi as i32;
    let kept = if abi >= ABI::V6 {
        "other files, other processes' memory, and signals to other processes are denied"
    } else {
        "other files and other processes' memory are denied, signals to other processes are not"
    };
    format!("Landlock ABI {number}: {kept}")
}
