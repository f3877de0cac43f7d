//! Builds of CodeBuild: the tests of a run, in a project of the pipeline author's account.
//!
//! What a build counts comes from the reports that its buildspec declares (`reports:`), because CodeBuild keeps these
//! and nothing else of its files.

use async_trait::async_trait;
use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::error::BuildError;
use aws_sdk_codebuild::primitives::DateTime;
use aws_sdk_codebuild::types::{
    self, BuildPhase, EnvironmentVariable, EnvironmentVariableType, SourceType, StatusType, TestCaseFilter,
};

use super::fault::{self, fault};
use crate::ports::{
    Build, BuildEnd, BuildOrder, BuildVariable, BuildVariableKind, Builds, FailedTest, Fault, Text, Totals,
};
use crate::release::Moment;

/// The run's record is one small object, and nobody reads more names than these.
const MOST_FAILED_TESTS: usize = 50;

/// A message stands in a line beside others.
const MOST_MESSAGE: usize = 300;

/// CodeBuild's words for tests that failed or broke.
const FAILED: [&str; 2] = ["FAILED", "ERROR"];

/// CodeBuild as the worker reaches it.
pub(super) struct CodeBuilds(pub(super) Client);

#[async_trait]
impl Builds for CodeBuilds {
    async fn start(&self, order: &BuildOrder) -> Result<Build, Fault> {
        let doing = format!("start a build of the project {}", order.project);
        let variables = order.environment.iter().map(variable).collect::<Result<Vec<_>, _>>();
        let variables = variables.map_err(|bad| fault::rejected(doing.clone(), bad.to_string()))?;
        let request = self
            .0
            .start_build()
            .project_name(&order.project)
            .source_type_override(SourceType::S3)
            .source_location_override(format!("{}/{}", order.source.bucket, order.source.key))
            .set_environment_variables_override(Some(variables))
            .idempotency_token(order.run.as_str());
        let answer = request.send().await.map_err(|error| fault(doing.clone(), &error))?;
        let started = answer.build_value.ok_or_else(|| fault::rejected(doing.clone(), "the answer is empty".into()))?;
        told(&started).ok_or_else(|| fault::rejected(doing, "the build has no id".to_owned()))
    }

    async fn read(&self, id: &str) -> Result<Build, Fault> {
        let doing = format!("look at the build {id}");
        let answer = self.0.batch_get_builds().ids(id).send().await;
        let answer = answer.map_err(|error| fault(doing.clone(), &error))?;
        let Some(found) = answer.builds().first() else {
            return Err(fault::rejected(doing, "CodeBuild does not know it any more".to_owned()));
        };
        let mut build = told(found).ok_or_else(|| fault::rejected(doing, "it has no id".to_owned()))?;
        if build.ended.is_some() {
            self.add_reports(&mut build, found.report_arns()).await?;
        }
        Ok(build)
    }

    async fn stop(&self, id: &str) -> Result<(), Fault> {
        let stopped = self.0.stop_build().id(id).send().await;
        stopped.map(drop).map_err(|error| fault(format!("stop the build {id}"), &error))
    }
}

impl CodeBuilds {
    async fn add_reports(&self, build: &mut Build, arns: &[String]) -> Result<(), Fault> {
        if arns.is_empty() {
            return Ok(());
        }
        let request = self.0.batch_get_reports().set_report_arns(Some(arns.to_vec()));
        let answer = request.send().await;
        let answer = answer.map_err(|error| fault(format!("read the reports of the build {}", build.id), &error))?;
        let mut totals: Option<Totals> = None;
        for report in answer.reports() {
            // Reports of code coverage count no tests.
            let Some(summary) = report.test_summary() else {
                continue;
            };
            let totals = totals.get_or_insert_default();
            let count = |status: &str| summary.status_counts().get(status).map_or(0, |count| count_of(*count));
            totals.tests += count_of(summary.total());
            totals.failed += FAILED.into_iter().map(count).sum::<u64>();
            totals.skipped += count("SKIPPED");
            if let Some(arn) = report.arn().filter(|_| FAILED.into_iter().map(count).sum::<u64>() > 0) {
                self.add_failed_tests(build, arn).await?;
            }
        }
        build.totals = totals;
        Ok(())
    }

    async fn add_failed_tests(&self, build: &mut Build, report: &str) -> Result<(), Fault> {
        for status in FAILED {
            let filter = TestCaseFilter::builder().status(status).build();
            let answer = self.0.describe_test_cases().report_arn(report).filter(filter).send().await;
            let answer = answer.map_err(|error| fault(format!("read the failed tests of {report}"), &error))?;
            let room = MOST_FAILED_TESTS.saturating_sub(build.failed_tests.len());
            build.failed_tests.extend(answer.test_cases().iter().take(room).map(failed_test));
        }
        Ok(())
    }
}

fn variable(given: &BuildVariable) -> Result<EnvironmentVariable, BuildError> {
    let kind = match given.kind {
        BuildVariableKind::Plain => EnvironmentVariableType::Plaintext,
        BuildVariableKind::Parameter => EnvironmentVariableType::ParameterStore,
        BuildVariableKind::Secret => EnvironmentVariableType::SecretsManager,
    };
    EnvironmentVariable::builder().name(&given.name).value(&given.value).r#type(kind).build()
}

fn failed_test(case: &types::TestCase) -> FailedTest {
    let prefix = case.prefix().filter(|prefix| !prefix.is_empty()).map(|prefix| format!("{prefix}::"));
    let name = format!("{}{}", prefix.unwrap_or_default(), case.name().unwrap_or("a test without a name"));
    let mut lines = case.message().unwrap_or_default().lines().map(str::trim);
    let message = lines.find(|line| !line.is_empty()).unwrap_or("it failed without a message");
    FailedTest {
        name: Text::<MOST_MESSAGE>::cut(name).to_string(),
        message: Text::<MOST_MESSAGE>::cut(message).to_string(),
    }
}

fn told(build: &types::Build) -> Option<Build> {
    let id = build.id()?.to_owned();
    let status = build.build_status().unwrap_or(&StatusType::InProgress);
    let ended = (*status != StatusType::InProgress).then(|| BuildEnd {
        build: id.clone(),
        status: status.as_str().to_owned(),
        phases: build.phases().iter().map(phase).collect(),
        log: build.logs().and_then(|logs| logs.deep_link()).map(str::to_owned),
    });
    Some(Build {
        phase: build.current_phase().unwrap_or("SUBMITTED").to_owned(),
        ended,
        totals: None,
        failed_tests: Vec::new(),
        started_at: build.start_time().map(moment).unwrap_or_default(),
        ended_at: build.end_time().map(moment),
        id,
    })
}

/// `BUILD failed after 12 s: COMMAND_EXECUTION_ERROR: …`
fn phase(phase: &BuildPhase) -> String {
    let name = phase.phase_type().map_or("a phase", |kind| kind.as_str());
    let status = phase.phase_status().map_or("goes on", |status| status.as_str()).to_lowercase().replace('_', " ");
    let mut line = format!("{name} {status}");
    if let Some(seconds) = phase.duration_in_seconds() {
        line.push_str(&format!(" after {seconds} s"));
    }
    let contexts = phase.contexts().iter().filter(|context| context.message().is_some_and(|text| !text.is_empty()));
    for context in contexts {
        let parts = [context.status_code(), context.message()];
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        line.push_str(&format!(": {}", parts.join(": ")));
    }
    line
}

fn count_of(count: i32) -> u64 {
    count.try_into().unwrap_or_default()
}

fn moment(time: &DateTime) -> Moment {
    time.secs().try_into().unwrap_or_default()
}
