//! AWS: the ports, implemented with the official SDK. No AWS type leaves this module but the configuration that goes in.
//!
//! - `clients` reads the configuration, says how patient we are and makes the clients; `attempts` counts what they ask;
//! - `fault` decides what a failed call means, for every service alike;
//! - `jobs` is CodePipeline, [`mod@action_types`] what a pipeline's author sees of us there;
//! - `stacks` is CloudFormation;
//! - `state_bucket`, at a [`StateLocation`], holds `stages`, `journal` and `run_records`;
//! - `test_roles` is STS, `builds` is CodeBuild;
//! - [`mod@doctor`] asks what `bluestage doctor` tells;
//! - [`objects`] are plain objects, and [`emulated`] the rest of AWS, for the local CodePipeline;
//! - `artifacts` are the pipelines' own objects, and `files` moves files for it and for `run_records`.
//!
//! Each adapter asks and answers; none sleeps, and none keeps anything in memory that matters. The SDK itself tries
//! three times in all where that may help.

pub mod action_types;
mod artifacts;
mod attempts;
mod builds;
mod clients;
pub mod doctor;
mod download;
pub mod emulated;
mod fault;
mod files;
mod jobs;
mod journal;
mod location;
pub mod objects;
mod run_records;
mod stacks;
mod stages;
mod state_bucket;
mod test_roles;
mod upload;

use std::sync::Arc;

use aws_config::SdkConfig;

pub use self::action_types::ActionTypes;
pub use self::clients::{configuration, credentials, endpoint, playing, s3_endpoint};
pub use self::location::{BadLocation, StateLocation};
use self::state_bucket::StateBucket;
use crate::ports::{Artifacts, Builds, Jobs, Journal, RunRecords, Stacks, Stages, TestRoles};
/// Region, endpoints and credentials as the SDK has read them; only handed on outside this module.
pub use aws_config::SdkConfig as Configuration;

/// The AWS-managed KMS key of S3. Leaving the key out means the same to S3, but not to every local one.
const S3_OWN_KEY: &str = "alias/aws/s3";

/// Every port that AWS implements.
#[derive(Clone)]
pub struct Aws {
    /// CodePipeline's jobs.
    pub jobs: Arc<dyn Jobs>,
    /// Which worker holds which job, on S3.
    pub journal: Arc<dyn Journal>,
    /// The stage documents, on S3.
    pub stages: Arc<dyn Stages>,
    /// CloudFormation's stacks.
    pub stacks: Arc<dyn Stacks>,
    /// The pipelines' artifacts, on S3.
    pub artifacts: Arc<dyn Artifacts>,
    /// The records of test runs, on S3.
    pub run_records: Arc<dyn RunRecords>,
    /// Test runs in CodeBuild.
    pub builds: Arc<dyn Builds>,
    /// The roles of the tests, by STS.
    pub test_roles: Arc<dyn TestRoles>,
}

impl Aws {
    /// The ports as `sdk` reaches AWS, with what must be remembered kept at `state`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, state: StateLocation) -> Self {
        Self::across(sdk, state, sdk)
    }

    /// The same, with the stacks where `stacks` reaches CloudFormation: in the account of a role, say.
    #[must_use]
    pub fn across(sdk: &SdkConfig, state: StateLocation, stacks: &SdkConfig) -> Self {
        let state = StateBucket { s3: aws_sdk_s3::Client::from_conf(clients::s3_config(sdk).build()), location: state };
        let jobs = jobs::CodePipelineJobs(clients::codepipeline(sdk));
        let jobs: Arc<dyn Jobs> = Arc::new(jobs);
        Self {
            journal: Arc::new(journal::JournalObjects(state.clone())),
            stages: Arc::new(stages::StageObjects(state.clone())),
            run_records: Arc::new(run_records::RunObjects(state.clone())),
            stacks: Arc::new(stacks::CloudFormationStacks { client: clients::cloudformation(stacks), state }),
            artifacts: Arc::new(artifacts::ArtifactObjects::new(sdk.clone(), Arc::clone(&jobs))),
            builds: Arc::new(builds::CodeBuilds(clients::codebuild(sdk))),
            test_roles: Arc::new(test_roles::StsTestRoles {
                client: clients::sts(sdk),
                region: sdk.region().map(ToString::to_string),
            }),
            jobs,
        }
    }
}

/// The custom action types as `sdk` reaches CodePipeline.
#[must_use]
pub fn action_types(sdk: &SdkConfig) -> ActionTypes {
    ActionTypes::new(clients::codepipeline(sdk))
}
