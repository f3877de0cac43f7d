//! A world to try things in by hand: every part runs until Ctrl-C.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::story::Teller;
use super::world::{SOURCE_BUCKET, Source, World};
use super::{Trouble, bluestage, samples};

/// How often the parts are looked after.
const LOOK: Duration = Duration::from_millis(500);

/// The sample services.
const SERVICES: [&str; 3] = ["billing", "inventory", "orders"];

/// The variables that any AWS tool and bluestage need to use the world.
const VARIABLES: [&str; 7] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CODEPIPELINE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "BLUESTAGE_STATE",
];

/// The file with the variables; it is there while the world is.
struct EnvironmentFile {
    path: PathBuf,
    /// Held for as long as this world uses the directory; the system lets go of it however the process ends.
    _lock: File,
}

/// Keeps a world until it is stopped.
pub(crate) async fn keep(directory: &Path, stopped: CancellationToken) -> Result<ExitCode, Trouble> {
    let teller = Teller::start();
    let lock = claim(directory)?;
    let bluestage = bluestage()?;
    teller.says("local", "starts a local AWS, a local CodePipeline and a worker");
    let starting = async {
        let world = World::with_worker(&bluestage, samples()).await;
        for service in SERVICES {
            world.push(service, &Source::sample(service)).await;
        }
        world
    };
    let mut world = tokio::select! {
        world = starting => world,
        () = stopped.cancelled() => return Ok(ExitCode::SUCCESS),
    };
    let file = EnvironmentFile::write(directory, lock, &world)?;
    teller.says("local", "is ready");
    teller.shows(&how_to_go_on(&file.path, &bluestage, &world));
    let ended = look_after(&mut world, &stopped).await;
    drop(file);
    teller.says("local", "ends everything that it started");
    match ended {
        None => Ok(ExitCode::SUCCESS),
        Some(part) => Err(format!("{part} has ended by itself:\n{}", world.logs()).into()),
    }
}

/// Waits until it is stopped, or a part has ended by itself, whose name it tells.
#[expect(clippy::disallowed_methods, reason = "real processes are looked after by the real clock")]
async fn look_after(world: &mut World, stopped: &CancellationToken) -> Option<&'static str> {
    loop {
        tokio::select! {
            () = stopped.cancelled() => return None,
            () = tokio::time::sleep(LOOK) => {}
        }
        if let Some(part) = world.ended_part() {
            return Some(part);
        }
    }
}

/// Makes the directory this world's own.
fn claim(directory: &Path) -> Result<File, Trouble> {
    std::fs::create_dir_all(directory)?;
    let lock = File::create(directory.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let directory = directory.display();
            Err(format!("another world uses {directory}; name another directory: make local LOCAL_DIR=target/local-2")
                .into())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

impl EnvironmentFile {
    /// Writes it at once, so that nobody ever reads half of it.
    fn write(directory: &Path, lock: File, world: &World) -> Result<Self, Trouble> {
        let environment = world.environment();
        let lines = VARIABLES.iter().filter_map(|wanted| {
            let (name, value) = environment.iter().find(|(name, _)| name == wanted)?;
            Some(format!("export {name}={value}\n"))
        });
        let path = directory.join("env");
        let draft = directory.join("env.new");
        std::fs::write(&draft, lines.collect::<String>())?;
        std::fs::rename(draft, &path)?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for EnvironmentFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn how_to_go_on(file: &Path, bluestage: &Path, world: &World) -> String {
    let (file, bluestage, logs) = (shown(file), shown(bluestage), world.home.path().display());
    let console = &world.codepipeline_url;
    format!(
        r#"
In a browser, the pipelines and the stage as they move: {console}

In another terminal, in this directory:

  . {file}                      # {} and so on
  aws codepipeline start-pipeline-execution --name billing    # then inventory, and orders, which calls both
  {bluestage} status
  aws codepipeline list-action-executions --pipeline-name billing

Without the AWS CLI:

  target/venv/bin/python -c 'import boto3; boto3.client("codepipeline").start_pipeline_execution(name="billing")'

To release a change, push it where its pipeline takes it from, and start the pipeline:

  target/venv/bin/python -c 'import shutil; shutil.make_archive("target/billing", "zip", "pipeline-templates/samples/billing")'
  aws s3 cp target/billing.zip s3://{SOURCE_BUCKET}/billing.zip

The logs of the parts are in {logs}. Ctrl-C ends everything.
"#,
        VARIABLES[0]
    )
}

/// The path as one would type it here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
