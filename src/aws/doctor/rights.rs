//! What the worker may do: IAM is asked, and does nothing (`SimulatePrincipalPolicy`). Where it may not be asked about these
//! credentials, what only reads is tried with them; whatever writes is never tried.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackStatus;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use futures::{StreamExt, TryStreamExt, stream};

use super::super::clients;
use super::super::fault::{self, Failed, fault};
use super::Examination;
use crate::doctor::{Asked, Caller, Decision, Found, Means, Need, NoMeans, Rights, Statement};
use crate::ports::Fault;

/// IAM is one service for the whole world and takes few calls a second.
const AT_ONCE: usize = 4;

/// Names no object that bluestage writes, and no job.
const NO_OBJECT: &str = "stages/bluestage-doctor";
const NO_JOB: &str = "00000000-0000-0000-0000-000000000000";

/// The smallest template there is.
const TEMPLATE: &str = r#"{"Resources":{"Nothing":{"Type":"AWS::CloudFormation::WaitConditionHandle"}}}"#;

pub(super) async fn look(examination: &Examination<'_>, caller: &Asked<Caller>, all: &[Statement]) -> Rights {
    let neither = |why| Rights { by: Means::Neither(why), found: Vec::new() };
    let Ok(caller) = caller else {
        return neither(NoMeans::UnknownCaller);
    };
    let iam = Iam { client: Client::new(examination.sdk), all };
    if let Some(role) = examination.worker_role {
        return match examination.within(iam.simulate(role)).await {
            Ok(found) => Rights { by: Means::Simulated(role.to_owned()), found },
            Err(why) => neither(NoMeans::AboutAnother(role.to_owned(), why)),
        };
    }
    if caller.arn.ends_with(":root") {
        return neither(NoMeans::Root);
    }
    match examination.within(iam.simulate_session(&caller.arn)).await {
        Ok((whose, found)) => Rights { by: Means::Simulated(whose), found },
        Err(why) => Rights { found: examination.tried(all).await, by: Means::Tried(why) },
    }
}

/// IAM, with the statements that it is asked about.
struct Iam<'a> {
    client: Client,
    all: &'a [Statement],
}

impl Iam<'_> {
    /// What whoever has these credentials may do, and who that is.
    async fn simulate_session(&self, arn: &str) -> Result<(String, Vec<Found>), Fault> {
        let whose = match role_of(arn) {
            Some(name) => self.role_arn(name).await?,
            None => arn.to_owned(),
        };
        let found = self.simulate(&whose).await?;
        Ok((whose, found))
    }

    /// A session names its role without the path that is part of the role's ARN.
    async fn role_arn(&self, name: &str) -> Result<String, Fault> {
        let answer = self.client.get_role().role_name(name).send().await;
        let answer = answer.map_err(|error| fault(format!("read the role {name}"), &error))?;
        let arn = answer.role.map(|role| role.arn);
        arn.ok_or_else(|| fault::rejected(format!("read the role {name}"), "the answer holds none".to_owned()))
    }

    async fn simulate(&self, whose: &str) -> Result<Vec<Found>, Fault> {
        let questions = self.all.iter().enumerate().flat_map(|(place, statement)| {
            statement.samples().into_iter().map(move |resource| (place, statement, resource))
        });
        let questions: Vec<_> = questions.collect();
        let answers = stream::iter(questions).map(|(place, statement, resource)| async move {
            if resource.contains("${") {
                return Ok(hanging(place, statement, &resource));
            }
            self.simulate_one((place, statement), &resource, whose).await
        });
        let found: Vec<Vec<Found>> = answers.buffered(AT_ONCE).try_collect().await?;
        Ok(found.concat())
    }

    async fn simulate_one(
        &self,
        (place, statement): (usize, &Statement),
        resource: &str,
        whose: &str,
    ) -> Result<Vec<Found>, Fault> {
        let request = self.client.simulate_principal_policy().policy_source_arn(whose).resource_arns(resource);
        let request =
            request.set_action_names(Some(statement.actions.clone())).set_context_entries(Some(self.context()));
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(format!("ask IAM what {whose} may do"), &error))?;
            found.extend(page.evaluation_results.unwrap_or_default().into_iter().map(|result| Found {
                statement: place,
                decision: self.decision(&result, statement),
                action: result.eval_action_name,
            }));
        }
        Ok(found)
    }

    /// All that a condition of ours asks for, in every question: a key that IAM misses is then one of somebody else's policy.
    fn context(&self) -> Vec<ContextEntry> {
        let known = self.all.iter().flat_map(Statement::context);
        let entry = |(key, values): (String, Vec<String>)| {
            let entry = ContextEntry::builder().context_key_name(key).context_key_type(ContextKeyTypeEnum::String);
            entry.set_context_key_values(Some(values.into_iter().take(1).collect())).build()
        };
        let mut seen = BTreeSet::new();
        known.filter(|(key, _)| seen.insert(key.clone())).map(entry).collect()
    }

    fn decision(&self, result: &EvaluationResult, statement: &Statement) -> Decision {
        let by_organization =
            result.organizations_decision_detail.as_ref().is_none_or(|by| by.allowed_by_organizations);
        let by_boundary =
            result.permissions_boundary_decision_detail.as_ref().is_none_or(|by| by.allowed_by_permissions_boundary);
        let by_policies = &result.eval_decision;
        if *by_policies == PolicyEvaluationDecisionType::Allowed && by_organization && by_boundary {
            return Decision::Allowed;
        }
        if *by_policies == PolicyEvaluationDecisionType::ExplicitDeny || !by_organization || !by_boundary {
            return Decision::Forbidden;
        }
        if result.eval_decision == PolicyEvaluationDecisionType::ImplicitDeny {
            // The condition that was not fulfilled compares with what only the template's stack knows.
            if let Some(unknown) = statement.unknown() {
                return Decision::HangsOn(unknown);
            }
            let ours: BTreeSet<String> = self.all.iter().flat_map(Statement::condition_keys).collect();
            let specific = result.resource_specific_results().iter().flat_map(|result| result.missing_context_values());
            let missing = result.missing_context_values().iter().chain(specific).find(|key| !ours.contains(*key));
            if let Some(key) = missing {
                return Decision::HangsOn(key.clone());
            }
        }
        Decision::Denied
    }
}

/// The name of the role that a session plays.
fn role_of(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}

fn hanging(place: usize, statement: &Statement, resource: &str) -> Vec<Found> {
    let decision = Decision::HangsOn(resource.to_owned());
    let found = |action: &String| Found { statement: place, action: action.clone(), decision: decision.clone() };
    statement.actions.iter().map(found).collect()
}

impl Examination<'_> {
    /// Every operation, those that only read tried.
    async fn tried(&self, all: &[Statement]) -> Vec<Found> {
        let (state, stage, job) =
            tokio::join!(self.within(self.try_state()), self.within(self.try_stacks(all)), self.within(self.try_job()));
        let tried: Vec<(&str, Decision)> = [state, stage, job].into_iter().filter_map(Result::ok).flatten().collect();
        let questions = all
            .iter()
            .enumerate()
            .flat_map(|(place, statement)| statement.actions.iter().map(move |action| (place, action.clone())));
        let found = questions.map(|(statement, action)| {
            let answer = tried.iter().find(|(tried, _)| *tried == action);
            let decision = answer.map_or(Decision::NotAsked, |(_, decision)| decision.clone());
            Found { statement, action, decision }
        });
        found.collect()
    }

    async fn try_state(&self) -> Result<Vec<(&'static str, Decision)>, Fault> {
        let s3 = aws_sdk_s3::Client::from_conf(clients::s3_config(self.sdk).build());
        let bucket = self.state.bucket();
        let listing = s3.list_objects_v2().bucket(bucket).prefix(self.state.key("stages/")).max_keys(1).send();
        let reading = s3.get_object().bucket(bucket).key(self.state.key(NO_OBJECT)).send();
        let (listed, read) = tokio::join!(listing, reading);
        Ok([("s3:ListBucket", allowed(listed)), ("s3:GetObject", allowed(read))].to_vec())
    }

    async fn try_stacks(&self, all: &[Statement]) -> Result<Vec<(&'static str, Decision)>, Fault> {
        if !all.iter().any(|statement| statement.need == Need::Stage) {
            return Ok(Vec::new());
        }
        let cloudformation = aws_sdk_cloudformation::Client::new(self.sdk);
        let (described, listed, valid, limits) = tokio::join!(
            cloudformation.describe_stacks().send(),
            cloudformation.list_stacks().stack_status_filter(StackStatus::CreateComplete).send(),
            cloudformation.validate_template().template_body(TEMPLATE).send(),
            cloudformation.describe_account_limits().send(),
        );
        Ok([
            ("cloudformation:DescribeStacks", allowed(described)),
            ("cloudformation:ListStacks", allowed(listed)),
            ("cloudformation:ValidateTemplate", allowed(valid)),
            ("cloudformation:DescribeAccountLimits", allowed(limits)),
        ]
        .to_vec())
    }

    async fn try_job(&self) -> Result<Vec<(&'static str, Decision)>, Fault> {
        let answer = aws_sdk_codepipeline::Client::new(self.sdk).get_job_details().job_id(NO_JOB).send().await;
        Ok([("codepipeline:GetJobDetails", allowed(answer))].to_vec())
    }
}

/// Whoever is told that something is not there was allowed to ask.
fn allowed<T, E>(answer: Result<T, Failed<E>>) -> Decision
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer.map_err(|error| fault("try it", &error)) {
        Ok(_) | Err(Fault::Rejected { .. }) => Decision::Allowed,
        Err(Fault::Denied { .. }) => Decision::Denied,
        Err(Fault::Unavailable { .. } | Fault::Outdated { .. }) => Decision::NotAsked,
    }
}
