//! The processes of one run, as the worker holds them: by a pipe to their supervisor.
//!
//! When this end of the pipe closes, the supervisor kills everything that descends from it. So nothing has to be done
//! for that when a run's owner panics or the worker is killed.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::Settings;
use super::order::{END, Ended, Order, Report};
use super::supervisors::{Supervisor, end_orphans};
use crate::clock::Clock;
use crate::ports::{Overrun, RunSpec};

/// The verb of the program under which it supervises.
const VERB: &str = "run-supervisor";

/// A process that was killed is gone at once, unless the kernel holds it (a dead network disk), or it forks as fast as it
/// is killed: they get this long. Their supervisor goes on killing without us.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// Of the processes and threads that a user may have, so many are left to others than its runs.
const OTHERS: u64 = 1_000;

/// A running command with everything it starts.
pub(super) struct Group {
    supervisor: Supervisor,
    orders: Option<ChildStdin>,
    reports: Lines<BufReader<ChildStdout>>,
    ended: Option<Ended>,
}

impl Group {
    /// Starts the command of `spec`; what it prints can be read from the pipe that comes back.
    ///
    /// Output and errors go into one pipe, so they arrive in the order in which they were written. Neither supervisor nor
    /// command see anything of the worker's environment, which holds credentials that are not theirs.
    pub(super) async fn start(spec: &RunSpec, settings: &Settings) -> io::Result<(Self, io::PipeReader)> {
        let order = order(spec, settings)?;
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(&settings.program);
        // The supervisor gets a session of its own, so a Ctrl-C for the worker is not for it.
        command.arg0("bluestage").arg(VERB).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(writer);
        let mut supervisor = Supervisor::start(&mut command)?;
        // The command holds our end of the pipe: it must go, or the pipe would never end.
        drop(command);
        let (Some(orders), Some(reports)) = supervisor.pipes() else {
            return Err(io::Error::other("the pipes of the supervisor are missing"));
        };
        let reports = BufReader::new(reports).lines();
        let mut group = Self { supervisor, orders: Some(orders), reports, ended: None };
        group.say(&serde_json::to_string(&order)?).await?;
        match group.report().await? {
            Some(Report::Started) => Ok((group, reader)),
            Some(Report::NotStarted(why)) => Err(io::Error::other(why)),
            Some(Report::Ended(_)) | None => Err(io::Error::other("its supervisor did not begin")),
        }
    }

    /// Waits until the command has ended and nothing that it has started is left.
    pub(super) async fn ended(&mut self) -> Ended {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let ended = match self.report().await {
            Ok(Some(Report::Ended(ended))) => ended,
            Ok(_) | Err(_) => unsupervised().await,
        };
        self.supervisor.bury().await;
        self.ended.insert(ended).clone()
    }

    /// Asks every process to end.
    pub(super) async fn ask_to_end(&mut self) {
        // If the supervisor is gone, `ended` tells.
        let _ = self.say(END).await;
    }

    /// Ends every process that is left, and tells how the command itself ended if that is known.
    pub(super) async fn kill(&mut self, clock: &dyn Clock) -> Ended {
        self.orders = None;
        tokio::select! {
            ended = self.ended() => ended,
            () = clock.sleep(LAST_WAIT) => {
                warn!("a test command was killed and is still there");
                Ended::default()
            }
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        match &mut self.orders {
            Some(orders) => orders.write_all(format!("{line}\n").as_bytes()).await,
            None => Ok(()),
        }
    }

    /// The next report; none when the supervisor is gone.
    async fn report(&mut self) -> io::Result<Option<Report>> {
        let line = self.reports.next_line().await?;
        Ok(line.map(|line| serde_json::from_str(&line)).transpose()?)
    }
}

/// Ends what a supervisor left that was ended itself.
async fn unsupervised() -> Ended {
    if !spawn_blocking(end_orphans).await.unwrap_or(false) {
        warn!("the supervisor of a test command was ended, and processes of the run may be left");
    }
    Ended { overrun: Some(Overrun::Unsupervised), ..Ended::default() }
}

fn order(spec: &RunSpec, settings: &Settings) -> io::Result<Order> {
    let plain = [
        ("PATH", settings.path.clone()),
        ("HOME", fresh_directory(spec.home.path(), "home-")?),
        ("TMPDIR", fresh_directory(spec.home.path(), "tmp-")?),
        ("LANG", "C.UTF-8".to_owned()),
    ];
    let mut environment: Vec<(String, String)> = plain.map(|(name, value)| (name.to_owned(), value)).to_vec();
    environment.extend(spec.environment.iter().cloned());
    let secrets = spec.secrets.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
    environment.extend(secrets);
    let programs = settings.path.split(':').filter(|entry| entry.starts_with('/')).map(Into::into);
    Ok(Order {
        command: spec.command.clone(),
        work: spec.work.clone(),
        home: spec.home.path().to_owned(),
        environment,
        read: programs.chain(settings.read.iter().cloned()).collect(),
        write: settings.write.clone(),
        limits: settings.limits,
        of_user: settings.limits.processes.saturating_mul(settings.at_once as u64).saturating_add(OTHERS),
    })
}

fn fresh_directory(within: &Path, prefix: &str) -> io::Result<String> {
    let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(within)?;
    // It goes with the run's home.
    Ok(directory.keep().display().to_string())
}
