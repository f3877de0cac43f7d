//! `bluestage worker`: flags to settings, adapters, signals.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::health::address;
use super::place::Place;
use super::ports;
use super::seconds::{at_least_a_second, seconds};
use super::test_flags::TestFlags;
use super::{Exit, Trouble};
use crate::actions::Limits;
use crate::console::{self, StageSource, WorkerConsole};
use crate::health;
use crate::ports::{Ports, Seal};
use crate::runner;
use crate::telemetry::{Exports, observed};
use crate::worker::{Ended, Pacing, Settings, Worker};

/// Region, credentials and endpoints are those of every AWS tool: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL` …
#[derive(Args)]
pub(super) struct WorkerFlags {
    #[command(flatten)]
    place: Place,
    /// Seals continuation tokens, so that nobody else's are taken for ours: the same 32 characters or more for all workers
    /// of a state. Give it as the variable: flags are seen by everybody on the machine
    #[arg(long, env = "BLUESTAGE_TOKEN_KEY", hide_env_values = true, value_name = "SECRET")]
    token_key: Option<SecretString>,
    /// Jobs held at once
    #[arg(long, env = "BLUESTAGE_SLOTS", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    slots: u16,
    /// The most stacks that a stage may hold; a further blue waits. The default is three quarters of what CloudFormation
    /// grants the account, if it tells
    #[arg(long, env = "BLUESTAGE_MAX_STACKS", value_name = "COUNT")]
    max_stacks: Option<usize>,
    #[command(flatten)]
    tests: TestFlags,
    /// How many seconds a job is held at most before it is answered with its progress
    #[arg(long, env = "BLUESTAGE_HOLD_SECONDS", default_value = "20", value_parser = seconds, value_name = "SECONDS")]
    hold_seconds: Duration,
    /// Seconds between two rounds of polling while there is work
    #[arg(long, env = "BLUESTAGE_POLL_SECONDS", default_value = "1", value_parser = seconds, value_name = "SECONDS")]
    poll_seconds: Duration,
    /// Seconds between two rounds of polling while there is none
    #[arg(long, env = "BLUESTAGE_IDLE_POLL_SECONDS", default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    idle_poll_seconds: Duration,
    /// Seconds between two sweeps
    #[arg(long, env = "BLUESTAGE_SWEEP_SECONDS", default_value = "60", value_parser = seconds, value_name = "SECONDS")]
    sweep_seconds: Duration,
    /// For how many seconds the blue of a failed pipeline execution is kept, for a retry or a look
    #[arg(long, env = "BLUESTAGE_FAILED_GRACE_SECONDS", default_value = "1800", value_parser = seconds, value_name = "SECONDS")]
    failed_grace_seconds: Duration,
    /// After how many seconds without a sign of life the jobs of a worker are taken over by another one
    #[arg(long, env = "BLUESTAGE_LEASE_SECONDS", default_value = "30", value_parser = at_least_a_second, value_name = "SECONDS")]
    lease_seconds: Duration,
    /// How many seconds the worker takes at most to hand its jobs over when it is told to stop
    #[arg(long, env = "BLUESTAGE_STOP_GRACE_SECONDS", default_value = "25", value_parser = seconds, value_name = "SECONDS")]
    stop_grace_seconds: Duration,
    /// Tell at this address over HTTP how the worker is; a port alone is one of 127.0.0.1, port 0 takes a free one. By
    /// default it is told nowhere
    #[arg(long, env = "BLUESTAGE_HEALTH_ADDRESS", value_name = "ADDRESS:PORT", value_parser = address)]
    health_address: Option<SocketAddr>,
    /// Who finds the worker's console at its health address, and `/loops`: they tell names of pipelines, services and jobs
    #[arg(long, env = "BLUESTAGE_CONSOLE", default_value = "loopback", value_enum)]
    console: ConsoleFor,
    /// Export numbers and spans by OTLP over HTTP to the collector here, such as `http://localhost:4318`. By default nothing
    /// is exported
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
}

/// Who finds the console.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConsoleFor {
    /// Whoever is on this machine, if the address is one that only this machine reaches
    Loopback,
    /// Whoever reaches the address
    Everybody,
    /// Nobody
    Nobody,
}

impl ConsoleFor {
    /// Whether the console is at an address.
    fn is_at(self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => address.is_loopback(),
            Self::Everybody => true,
            Self::Nobody => false,
        }
    }
}

impl WorkerFlags {
    /// What this worker exports of how it goes, and to whom.
    pub(super) fn exports(&self) -> Exports {
        // An empty variable is none, as OpenTelemetry has it.
        let collector = self.otlp_endpoint.clone().filter(|url| !url.is_empty());
        Exports { scraped: self.health_address.is_some(), collector, ..Exports::default() }
    }
}

/// Works until SIGTERM or Ctrl-C, then hands its jobs over; a second signal cuts that short.
pub(super) async fn run(flags: WorkerFlags) -> Result<Exit, Trouble> {
    let (stopping, cancelled) = (CancellationToken::new(), CancellationToken::new());
    listen_for_signals(stopping.clone(), cancelled.clone())?;
    runner::shield()?;
    tell_what_is_enforced();
    let listener = listen(flags.health_address).await?;
    let ports = ports(&flags).await?;
    tracing::info!(state = %flags.place.state, slots = flags.slots, "the worker takes jobs");
    let limits = limits(&flags, &ports).await;
    let source = StageSource { stages: Arc::clone(&ports.stages), runs: Arc::clone(&ports.run_records) };
    let clock = Arc::clone(&ports.clock);
    let worker = Worker::new(observed(ports), settings(&flags, limits));
    let over = CancellationToken::new();
    if let Some(listener) = listener {
        let mut router = health::probes(worker.health());
        if flags.console.is_at(listener.local_addr()?.ip()) {
            let console = WorkerConsole::new(worker.health(), source, clock, over.clone());
            router = router.merge(console::worker_router(console, health::details(worker.health())));
        }
        tokio::spawn(health::serve(listener, router, over.clone().cancelled_owned()));
    }
    let ended = worker.run(stopping, cancelled).await;
    over.cancel();
    Ok(match ended {
        Ended::Cleanly => {
            tracing::info!("stopped; every job was answered or handed over");
            Exit::Fine
        }
        Ended::WithJobsHeld(held) => {
            tracing::error!(
                held,
                "stopped with jobs that were not handed over; they stand in the journal, and another worker takes them over"
            );
            Exit::JobsHeld
        }
    })
}

/// Once, because it depends on the kernel alone.
fn tell_what_is_enforced() {
    tracing::info!(enforced = runner::enforced(), "test commands are kept to their own files and processes");
    if runner::is_root() {
        tracing::warn!("the worker is root, and so are test commands: give it a user of its own");
    }
}

/// Says where it listens: one line of JSON on standard output, for whoever started it.
async fn listen(at: Option<SocketAddr>) -> Result<Option<TcpListener>, Trouble> {
    let Some(at) = at else {
        return Ok(None);
    };
    let listener = TcpListener::bind(at).await;
    let listener = listener.map_err(|error| format!("could not listen at --health-address {at}: {error}"))?;
    let line = serde_json::json!({"health": format!("http://{}", listener.local_addr()?)});
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(Some(listener))
}

async fn ports(flags: &WorkerFlags) -> Result<Ports, Trouble> {
    let seal = flags.token_key.as_ref().map_or(Ok(Seal::none()), Seal::of)?;
    Ok(Ports { seal, ..ports::of(flags.place.clone(), flags.tests.tests()).await })
}

/// How many stacks a stage may hold: as many as the flag says, or else as the account has room for.
async fn limits(flags: &WorkerFlags, ports: &Ports) -> Limits {
    if flags.max_stacks.is_some() {
        return Limits { most_versions: flags.max_stacks };
    }
    let limits = match ports.stacks.account_limit().await {
        Ok(Some(stacks)) => Limits::of_account(stacks),
        Ok(None) => Limits::default(),
        Err(why) => {
            tracing::warn!(%why, "the account's limit is unknown");
            Limits::default()
        }
    };
    match limits.most_versions {
        Some(most) => tracing::info!(most, "a stage may hold so many stacks, as the account has room for"),
        None => tracing::info!("a stage may hold any number of stacks; --max-stacks bounds it"),
    }
    limits
}

fn settings(flags: &WorkerFlags, limits: Limits) -> Settings {
    Settings {
        slots: usize::from(flags.slots),
        limits,
        longest_hold: flags.hold_seconds,
        pacing: Pacing { busy: flags.poll_seconds, idle: flags.idle_poll_seconds.max(flags.poll_seconds) },
        sweep_every: flags.sweep_seconds,
        failed_grace: flags.failed_grace_seconds,
        lease: flags.lease_seconds,
        stop_grace: flags.stop_grace_seconds,
    }
}

/// The first signal stops the worker, the second cancels what it still holds. The handlers are there when this
/// returns, so no signal is missed while the rest starts.
fn listen_for_signals(stopping: CancellationToken, cancelled: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for token in [stopping, cancelled] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}
