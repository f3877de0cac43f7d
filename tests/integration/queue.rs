//! The smallest service there is, a queue: for tests that care about stacks and wiring and not about what runs in them.

use std::path::PathBuf;

use crate::bluestage;
use crate::world::{Options, PipelineOptions, Source, World};

/// Takes `Note`, to which a test can wire what it likes, and gives out `Address`.
const TEMPLATE: &str = r#"
Parameters:
  Note: {Type: String, Default: none}
Resources:
  Queue: {Type: AWS::SQS::Queue}
Outputs:
  Address: {Value: !Ref Queue}
"#;

/// The source of a service that is only a queue.
pub(crate) fn source() -> Source {
    Source::empty().with("template.yaml", TEMPLATE)
}

/// The pipeline of a service that is wired to the queue of another one.
pub(crate) fn wired_to(service: &str, dependency: &str) -> PipelineOptions {
    let wiring = format!(r#"{{"Note":{{"Fn::GetLive":["{dependency}","Address"]}}}}"#);
    PipelineOptions::service(service).deploy("ParameterOverrides", &wiring)
}

/// A world with the three action types and one worker. Creating a pipeline does not start it.
pub(crate) async fn world(local_flags: &[&str], worker_flags: &[&str]) -> World {
    let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
    let options = Options {
        local_flags: owned(&[&["--no-start-on-create"], local_flags].concat()),
        worker_flags: owned(worker_flags),
        ..Options::default()
    };
    let mut world = World::start(&bluestage(), options).await;
    let registered = world.bluestage(&["actions", "register"]);
    assert!(registered.status.success(), "{registered:?}");
    world.start_worker();
    world
}

/// Creates the pipeline of a service and releases the queue through it, until it is live.
pub(crate) async fn make_live(world: &World, service: &str, options: &PipelineOptions) {
    world.create_pipeline(service, options).await;
    let execution = world.release(service, &source()).await;
    world.await_execution(service, &execution).await.succeeded();
}

/// A file that somebody waits for: tests of a service, or a function in a stack.
pub(crate) struct Gate {
    directory: PathBuf,
}

impl Gate {
    /// A closed one.
    pub(crate) fn closed(world: &World) -> Self {
        let directory = world.home.path().join("gates");
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    /// The directory in which each file opens the gate for whom it is named after.
    pub(crate) fn directory(&self) -> String {
        self.directory.display().to_string()
    }

    /// A shell command that waits a minute at most until the gate is open for this name, in which the shell replaces
    /// variables.
    pub(crate) fn wait_for(&self, name: &str) -> String {
        let file = format!("{}/{name}", self.directory());
        format!("n=0; until test -e {file}; do n=$((n+1)); test $n -lt 600 || exit 99; sleep 0.1; done")
    }

    /// Opens it for this name.
    pub(crate) fn open(&self, name: &str) {
        std::fs::write(self.directory.join(name), "").unwrap();
    }

    /// Closes it for this name.
    pub(crate) fn close(&self, name: &str) {
        std::fs::remove_file(self.directory.join(name)).unwrap();
    }
}
