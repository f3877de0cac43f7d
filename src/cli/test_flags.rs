//! The flags that say what test commands may have.

use std::path::PathBuf;

use clap::Args;

use super::ports::Tests;
use crate::runner::Limits;

/// What test commands may have.
#[derive(Args)]
pub(super) struct TestFlags {
    /// Test commands run at once on this machine
    #[arg(long, env = "BLUESTAGE_TEST_RUNS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    test_runs: u16,
    /// The PATH of test commands, who may read and execute what is in its directories
    #[arg(long, env = "BLUESTAGE_TEST_PATH", value_name = "PATH", default_value = "/usr/local/bin:/usr/bin:/bin")]
    test_path: String,
    /// A file or directory that test commands may read and execute beyond the system's own; several flags, or separated by `:`
    #[arg(long, env = "BLUESTAGE_TEST_READ", value_name = "PATH", value_delimiter = ':')]
    test_read: Vec<PathBuf>,
    /// A file or directory that test commands may write beyond their own home; several flags, or separated by `:`
    #[arg(long, env = "BLUESTAGE_TEST_WRITE", value_name = "PATH", value_delimiter = ':')]
    test_write: Vec<PathBuf>,
    /// Processes and threads that a run may have at one time
    #[arg(long, env = "BLUESTAGE_TEST_PROCESSES", value_name = "COUNT", default_value_t = Limits::default().processes, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    test_processes: u64,
    /// Memory, in MiB, that the processes of a run may have together
    #[arg(long, env = "BLUESTAGE_TEST_MEMORY_MIB", value_name = "MIB", value_parser = mebibytes())]
    test_memory_mib: Option<u64>,
    /// Disk, in MiB, that the home of a run may take, its input artifact included
    #[arg(long, env = "BLUESTAGE_TEST_DISK_MIB", value_name = "MIB", default_value_t = Limits::default().disk_mib, value_parser = mebibytes())]
    test_disk_mib: u64,
    /// Seconds of processor time that each process of a run may take
    #[arg(long, env = "BLUESTAGE_TEST_CPU_SECONDS", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    test_cpu_seconds: Option<u64>,
    /// Files that each process of a run may have open
    #[arg(long, env = "BLUESTAGE_TEST_OPEN_FILES", value_name = "COUNT", default_value_t = Limits::default().open_files, value_parser = clap::value_parser!(u64).range(16..=1_000_000))]
    test_open_files: u64,
}

/// More than any machine has, and small enough to be counted in bytes.
fn mebibytes() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=1 << 40)
}

impl TestFlags {
    /// As the runner wants them.
    pub(super) fn tests(&self) -> Tests {
        Tests {
            at_once: usize::from(self.test_runs),
            path: self.test_path.clone(),
            read: self.test_read.clone(),
            write: self.test_write.clone(),
            limits: Limits {
                processes: self.test_processes,
                memory_mib: self.test_memory_mib,
                disk_mib: self.test_disk_mib,
                cpu_seconds: self.test_cpu_seconds,
                open_files: self.test_open_files,
            },
        }
    }
}
