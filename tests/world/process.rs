//! Real processes with private directories, ended by process id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::World;

/// How long a process may take to end after SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process whose output goes to a file, and which ends with this value.
pub struct Process {
    name: String,
    child: Child,
    /// Where its log lines are.
    pub log: PathBuf,
    /// Where its temporary files are.
    pub directory: PathBuf,
}

impl Process {
    /// Starts `command` with exactly the given environment, and a directory of its own for temporary files unless that
    /// names one. Its standard error goes to `{home}/{name}.log`.
    ///
    /// It is a process group of its own: Ctrl-C goes to everything in the terminal's group, and a part that ended by
    /// itself at that moment could not be ended in order.
    pub fn start(name: &str, mut command: Command, home: &Path, environment: &[(String, String)]) -> Self {
        let log = home.join(format!("{name}.log"));
        let file = File::create(&log).expect("the log file can be made");
        let directory = home.join(format!("{name}.tmp"));
        std::fs::create_dir_all(&directory).expect("a directory");
        let child = command
            .env_clear()
            .env("TMPDIR", &directory)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("could not start {name}: {error}"));
        Self { name: name.to_owned(), child, log, directory }
    }

    /// The first line that it prints on standard output.
    pub fn first_line(&mut self) -> String {
        let stdout = self.child.stdout.take().expect("standard output is piped");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        match read {
            Ok(length) if length > 0 => line,
            Ok(_) | Err(_) => panic!("{} printed nothing; its log:\n{}", self.name, self.logged()),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has logged.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines that it has logged.
    pub fn last_lines(&self, count: usize) -> String {
        let logged = self.logged();
        let lines: Vec<&str> = logged.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    /// Sends the signal of this name, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "could not signal {}", self.name);
    }

    /// Waits for its end.
    pub fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Asks it to end, and kills it if it does not. What it has started in its group and left behind ends with it:
    /// `MiniStack`'s functions would live a little longer, in a directory that is about to go.
    pub fn end(&mut self) {
        if self.runs() {
            self.signal("TERM");
            if self.ended(PATIENCE).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        let group = format!("-{}", self.id());
        let kill = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        drop(kill); // Mostly nobody is left, and `kill` says so by failing.
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// The first part that runs no more, by its name.
    pub fn ended_part(&mut self) -> Option<&'static str> {
        let worker_ended = self.workers.iter_mut().any(|worker| !worker.runs());
        let parts = [
            ("MiniStack", !self.ministack.runs()),
            ("the local CodePipeline", !self.local.runs()),
            ("the worker", worker_ended),
        ];
        parts.into_iter().find_map(|(name, ended)| ended.then_some(name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
