//! `bluestage local`: a CodePipeline on this machine, with its console.

mod outside;

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Trouble;
use super::seconds::seconds;
use crate::aws::emulated::Emulated;
use crate::aws::objects::S3Objects;
use crate::aws::{self, Aws, StateLocation};
use crate::clock::SystemClock;
use crate::console::{self, Console, StageSource};
use crate::dice::Dice;
use crate::local::{self, AcknowledgeAgain, Cloud, JobCredentials, Local, NoCloud, Outside, Settings};

/// The services that pipelines use besides S3, by the names that `AWS_ENDPOINT_URL_*` variables are made of.
const SERVICES: [&str; 5] = ["CloudFormation", "CodeBuild", "Lambda", "EventBridge", "STS"];

/// The flags of `bluestage local`. Region, credentials and S3 endpoint are those of every AWS tool: `AWS_REGION`,
/// `AWS_ENDPOINT_URL` and so on.
#[derive(Args)]
pub(super) struct LocalFlags {
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "BLUESTAGE_LOCAL_LISTEN", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A file or directory with pipelines: CloudFormation templates, stack deployment files, CreatePipeline inputs
    #[arg(long, env = "BLUESTAGE_LOCAL_PIPELINES", value_delimiter = ':', value_name = "DIR_OR_FILE")]
    pipelines: Vec<PathBuf>,
    /// A template parameter; fills or overrides it in every template that declares it. In the variable: one per line
    #[arg(
        long,
        env = "BLUESTAGE_LOCAL_PARAMETER",
        value_delimiter = '\n',
        value_name = "NAME=VALUE",
        value_parser = parameter
    )]
    parameter: Vec<(String, String)>,
    /// After how many seconds a job that nobody acknowledged is handed out again
    #[arg(long, env = "BLUESTAGE_LOCAL_REDELIVERY_SECONDS", default_value = "10", value_parser = seconds)]
    redelivery_seconds: Duration,
    /// After how many seconds the job of a continuation token can be polled
    #[arg(long, env = "BLUESTAGE_LOCAL_CONTINUATION_SECONDS", default_value = "1", value_parser = seconds)]
    continuation_seconds: Duration,
    /// The most jobs that one poll returns
    #[arg(long, env = "BLUESTAGE_LOCAL_BATCH_MAX", default_value_t = 10)]
    batch_max: usize,
    /// How many seconds pass between two looks at the S3 sources
    #[arg(long, env = "BLUESTAGE_LOCAL_SOURCE_POLL_SECONDS", default_value = "5", value_parser = seconds)]
    source_poll_seconds: Duration,
    /// After how many seconds a custom action times out
    #[arg(long, env = "BLUESTAGE_LOCAL_ACTION_TIMEOUT_SECONDS", default_value = "86400", value_parser = seconds)]
    action_timeout_seconds: Duration,
    /// Refuse an acknowledgement that the owner of a job repeats
    #[arg(long, env = "BLUESTAGE_LOCAL_REFUSE_ACKNOWLEDGE_AGAIN")]
    refuse_acknowledge_again: bool,
    /// How many seconds the credentials of a job are good for; 0: jobs get this process's own, which do not end
    #[arg(long, env = "BLUESTAGE_LOCAL_CREDENTIALS_SECONDS", default_value_t = 900)]
    credentials_seconds: u64,
    /// Let a rollback go on into the next pipeline stages
    #[arg(long, env = "BLUESTAGE_LOCAL_CONTINUE_AFTER_ROLLBACK")]
    continue_after_rollback: bool,
    /// How many executions of each pipeline are kept
    #[arg(long, env = "BLUESTAGE_LOCAL_HISTORY", default_value_t = 1000)]
    history: usize,
    /// Keep everything in this directory, so that it outlives this process
    #[arg(long, env = "BLUESTAGE_LOCAL_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The token by which third parties' workers show whose jobs they work on
    #[arg(long, env = "BLUESTAGE_LOCAL_CLIENT_TOKEN", default_value = "local")]
    client_token: String,
    /// What events name as their source
    #[arg(long, env = "BLUESTAGE_LOCAL_EVENT_SOURCE", default_value = "aws.codepipeline")]
    event_source: String,
    /// Do not start a pipeline when CreatePipeline creates it
    #[arg(long, env = "BLUESTAGE_LOCAL_NO_START_ON_CREATE")]
    no_start_on_create: bool,
    /// The account id in ARNs and jobs
    #[arg(long, env = "BLUESTAGE_LOCAL_ACCOUNT_ID", default_value = "000000000000", value_parser = account_id)]
    account_id: String,
    /// Where stage documents are kept, for the console to show them
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    state: Option<StateLocation>,
    /// Use an S3 that is not on this machine
    #[arg(long, env = "BLUESTAGE_LOCAL_ALLOW_REMOTE_S3")]
    allow_remote_s3: bool,
}

/// Runs until SIGTERM or Ctrl-C.
pub(super) async fn run(flags: LocalFlags) -> Result<(), Trouble> {
    let configuration = aws::configuration().await;
    stay_local(&flags, &configuration)?;
    let settings = settings(&flags, &configuration).await?;
    let local = match &flags.data {
        None => Local::new(settings, outside(&configuration)),
        Some(directory) => Local::open(directory, settings, outside(&configuration))
            .map_err(|error| format!("the state in {} cannot be used: {error}", directory.display()))?,
    };
    let loaded = local.load(&flags.pipelines, &flags.parameter)?;
    tracing::info!(action_types = ?loaded.action_types, pipelines = ?loaded.pipelines, skipped = ?loaded.skipped, "loaded");
    let ended = stopped()?;
    let listener = TcpListener::bind(flags.listen).await?;
    announce(listener.local_addr()?)?;
    let (local, stop) = (Arc::new(local), CancellationToken::new());
    let console = Console {
        local: Arc::clone(&local),
        stages: flags.state.map(|state| stages(&configuration, state)),
        clock: Arc::new(SystemClock::start()),
        stop: stop.clone(),
    };
    let ended = async move {
        ended.await;
        stop.cancel();
    };
    tokio::select! {
        served = local::serve(listener, Arc::clone(&local), console::router(console), ended) => served?,
        () = local.follow(loaded, &flags.pipelines, &flags.parameter), if !flags.pipelines.is_empty() => {}
    }
    Ok(())
}

fn stages(configuration: &aws::Configuration, state: StateLocation) -> StageSource {
    let aws = Aws::new(configuration, state);
    StageSource { stages: aws.stages, runs: aws.run_records }
}

fn outside(configuration: &aws::Configuration) -> Outside {
    Outside {
        objects: Arc::new(S3Objects::new(configuration)),
        cloud: cloud(configuration),
        clock: Arc::new(SystemClock::start()),
        dice: Dice::fresh(),
    }
}

/// The emulated AWS, unless a part of it is not on this machine: a pipeline that somebody tries must never change what
/// is real.
fn cloud(configuration: &aws::Configuration) -> Arc<dyn Cloud> {
    let is_remote = |service: &&&str| {
        let endpoint = aws::endpoint(configuration, service);
        !endpoint.as_deref().is_some_and(is_loopback)
    };
    match SERVICES.iter().find(is_remote) {
        None => Arc::new(Emulated::new(configuration)),
        Some(service) => {
            tracing::warn!("the endpoint of {service} is not on this machine, so that none of AWS is used but S3");
            Arc::new(NoCloud)
        }
    }
}

/// Says that it is ready, and where: one line of JSON, for whoever started it.
fn announce(address: SocketAddr) -> std::io::Result<()> {
    let line = serde_json::json!({"listening": format!("http://{address}")});
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Ends at the first signal. The handlers are there from the call on, so no signal is missed while starting.
fn stopped() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

/// Refuses an S3 that is not on this machine: a local world must not be mistaken for the real one.
fn stay_local(flags: &LocalFlags, configuration: &aws::Configuration) -> Result<(), Trouble> {
    let endpoint = aws::s3_endpoint(configuration);
    if flags.allow_remote_s3 || endpoint.as_deref().is_some_and(is_loopback) {
        return Ok(());
    }
    let place = endpoint.as_deref().unwrap_or("AWS itself");
    let message = format!(
        "the S3 endpoint is {place}, which is not on this machine; set AWS_ENDPOINT_URL to a local S3, or give \
         --allow-remote-s3 if that is meant"
    );
    Err(message.into())
}

fn is_loopback(endpoint: &str) -> bool {
    let Ok(uri) = endpoint.parse::<axum::http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn settings(flags: &LocalFlags, configuration: &aws::Configuration) -> Result<Settings, Trouble> {
    let credentials = aws::credentials(configuration).await?;
    let job_credentials = JobCredentials {
        access_key_id: credentials.access_key_id.expose_secret().to_owned(),
        secret_access_key: credentials.secret_access_key,
        session_token: credentials.session_token,
    };
    let mut settings = Settings::with_credentials(job_credentials);
    settings.redelivery = flags.redelivery_seconds;
    settings.continuation = flags.continuation_seconds;
    settings.batch_maximum = flags.batch_max;
    settings.source_poll = flags.source_poll_seconds;
    settings.action_timeout = flags.action_timeout_seconds;
    settings.credentials_lifetime = Duration::from_secs(flags.credentials_seconds);
    settings.continue_after_rollback = flags.continue_after_rollback;
    settings.history = flags.history;
    settings.client_token.clone_from(&flags.client_token);
    settings.event_source.clone_from(&flags.event_source);
    settings.start_on_create = !flags.no_start_on_create;
    settings.account_id.clone_from(&flags.account_id);
    if flags.refuse_acknowledge_again {
        settings.acknowledge_again = AcknowledgeAgain::Refused;
    }
    if let Some(region) = configuration.region() {
        settings.region = region.to_string();
    }
    Ok(settings)
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn account_id(text: &str) -> Result<String, String> {
    let valid = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    valid.then(|| text.to_owned()).ok_or_else(|| "an account id has 12 digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for local in ["http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:9000"] {
            assert!(is_loopback(local), "{local}");
        }
        for remote in ["https://s3.us-east-1.amazonaws.com", "http://127.0.0.1.example.com", "http://10.0.0.1"] {
            assert!(!is_loopback(remote), "{remote}");
        }
    }
}
