//! Asks AWS what `bluestage doctor` wants to know. Everything here reads: nothing in the account is changed.
//!
//! - `witness` sees every answer go by, and so which services can be reached, and what time it is there;
//! - `bucket` looks at the state bucket;
//! - `rights` asks IAM what the worker may do, or tries what only reads.
//!
//! All questions are asked at once but for those about rights, which need to know whose credentials these are. Each has the
//! same time, so the whole takes at most four times that: to find credentials, to ask, to ask IAM, to try what IAM does not
//! tell.

mod bucket;
mod rights;
mod witness;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use secrecy::SecretString;

use self::witness::Witness;
use super::action_types::{ActionTypeDefinition, ActionTypes, Property};
use super::clients;
use super::fault::{self, fault};
use super::location::StateLocation;
use crate::doctor::{
    ActionTypeFound, Asked, Bucket, Caller, Facts, Place, Probed, Service, Statement, Unknown, statements,
};
use crate::ports::{ActionKind, Clock, Credentials, Fault};

/// Names nothing that can exist: a build in a project that nobody has.
const NO_BUILD: &str = "bluestage-doctor:00000000-0000-0000-0000-000000000000";

/// What is to be looked at.
pub struct Examination<'a> {
    /// How AWS is reached.
    pub sdk: &'a SdkConfig,
    /// Where workers keep their state.
    pub state: &'a StateLocation,
    /// The action types that this program serves.
    pub action_types: &'a [ActionTypeDefinition],
    /// Whose rights, if not those of these credentials.
    pub worker_role: Option<&'a str>,
    /// The stage whose stacks workers make, if one is to be looked at.
    pub stage: Option<&'a str>,
    /// The role by which they make them in another account.
    pub stacks_role: Option<&'a str>,
    /// The names of pipelines, as a pattern.
    pub pipelines: &'a str,
    /// The time of one check.
    pub limit: Duration,
    /// Measures it.
    pub clock: Arc<dyn Clock>,
}

/// What came of it.
pub struct Examined {
    /// What was found.
    pub facts: Facts,
    /// The statements that the rights in it are about.
    pub statements: Vec<Statement>,
    /// What must not be printed, should a service have echoed it.
    pub secrets: Vec<SecretString>,
}

/// Asks everything.
///
/// # Errors
/// When the templates that are built into the program cannot be read: a mistake in this program.
pub async fn examine(examination: &Examination<'_>) -> Result<Examined, String> {
    let region = examination.sdk.region().map(ToString::to_string);
    let credentials = examination.within(clients::credentials(examination.sdk)).await;
    let (probed, statements) = match (&region, &credentials) {
        (Some(name), Ok(_)) => {
            let (probed, statements) = examination.probe(name).await?;
            (Some(probed), statements)
        }
        _ => (None, Vec::new()),
    };
    let secrets = credentials.as_ref().map_or_else(|_| Vec::new(), secrets);
    let facts = Facts { region, credentials: credentials.map(drop), probed };
    Ok(Examined { facts, statements, secrets })
}

fn secrets(credentials: &Credentials) -> Vec<SecretString> {
    let Credentials { secret_access_key, session_token, .. } = credentials;
    [Some(secret_access_key), session_token.as_ref()].into_iter().flatten().cloned().collect()
}

/// What a first round of questions brought.
struct Round {
    caller: Asked<Caller>,
    bucket: Bucket,
    action_types: Asked<Vec<ActionTypeFound>>,
    stacks: Asked<()>,
    builds: Asked<()>,
}

impl Examination<'_> {
    async fn probe(&self, region: &str) -> Result<(Probed, Vec<Statement>), String> {
        let witness = |_| Witness::new(Arc::clone(&self.clock));
        let witnesses = Service::ALL.map(witness);
        let round = self.ask(region, &witnesses).await;
        let statements = self.statements(&round, region)?;
        let rights = rights::look(self, &round.caller, &statements).await;
        let reached = Service::ALL.into_iter().zip(&witnesses).map(|(service, witness)| {
            let silent = || self.silence(service, &round);
            (service, witness.reached(silent))
        });
        let services = reached.collect();
        let Round { caller, bucket, action_types, .. } = round;
        Ok((Probed { caller, services, bucket, action_types, rights }, statements))
    }

    async fn ask(&self, region: &str, witnesses: &[Witness; 5]) -> Round {
        let [codepipeline, cloudformation, s3, sts, codebuild] = witnesses;
        let s3 = aws_sdk_s3::Client::from_conf(clients::s3_config(self.sdk).interceptor(s3.clone()).build());
        let (caller, bucket, action_types, stacks, builds) = tokio::join!(
            self.within(self.caller(sts)),
            bucket::look(self, &s3, region),
            self.within(self.found_action_types(codepipeline)),
            self.within(self.greet_cloudformation(cloudformation)),
            self.within(self.greet_codebuild(codebuild)),
        );
        Round { caller, bucket, action_types, stacks, builds }
    }

    /// The answer, or that there was none within the time of a check.
    async fn within<T>(&self, asked: impl Future<Output = Result<T, Fault>>) -> Asked<T> {
        tokio::select! {
            answered = asked => answered.map_err(Unknown::Fault),
            () = self.clock.sleep(self.limit) => Err(Unknown::Late(self.limit)),
        }
    }

    async fn caller(&self, witness: &Witness) -> Result<Caller, Fault> {
        let config = aws_sdk_sts::config::Builder::from(self.sdk).interceptor(witness.clone()).build();
        let answer = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
        let answer = answer.map_err(|error| fault("ask whose these credentials are", &error))?;
        let told = answer.account.zip(answer.arn).map(|(account, arn)| Caller { account, arn });
        told.ok_or_else(|| {
            fault::rejected("ask whose these credentials are".to_owned(), "the answer names nobody".to_owned())
        })
    }

    async fn found_action_types(&self, witness: &Witness) -> Result<Vec<ActionTypeFound>, Fault> {
        let config = aws_sdk_codepipeline::config::Builder::from(self.sdk).interceptor(witness.clone()).build();
        let shown = ActionTypes::new(aws_sdk_codepipeline::Client::from_conf(config)).show().await?;
        let found = ActionKind::ALL.into_iter().filter_map(|action| {
            let wanted = self.action_types.iter().find(|wanted| wanted.provider == action.provider())?;
            Some(compared(action, wanted, &shown))
        });
        Ok(found.collect())
    }

    /// Any answer will do: whether it may be called is looked at elsewhere.
    async fn greet_cloudformation(&self, witness: &Witness) -> Result<(), Fault> {
        let config = aws_sdk_cloudformation::config::Builder::from(self.sdk).interceptor(witness.clone()).build();
        let answer = aws_sdk_cloudformation::Client::from_conf(config).describe_account_limits().send().await;
        answer.map(drop).map_err(|error| fault("reach CloudFormation", &error))
    }

    /// As above.
    async fn greet_codebuild(&self, witness: &Witness) -> Result<(), Fault> {
        let config = aws_sdk_codebuild::config::Builder::from(self.sdk).interceptor(witness.clone()).build();
        let answer = aws_sdk_codebuild::Client::from_conf(config).batch_get_builds().ids(NO_BUILD).send().await;
        answer.map(drop).map_err(|error| fault("reach CodeBuild", &error))
    }

    /// Why nothing was heard of a service.
    fn silence(&self, service: Service, round: &Round) -> Unknown {
        let why = match service {
            Service::CodePipeline => round.action_types.as_ref().err(),
            Service::CloudFormation => round.stacks.as_ref().err(),
            Service::S3 => round.bucket.home.as_ref().err(),
            Service::Sts => round.caller.as_ref().err(),
            Service::CodeBuild => round.builds.as_ref().err(),
        };
        why.cloned().unwrap_or(Unknown::Late(self.limit))
    }

    /// What the worker needs to be allowed, in the account of its role; nothing if nobody knows in which.
    fn statements(&self, round: &Round, region: &str) -> Result<Vec<Statement>, String> {
        let Ok(caller) = &round.caller else {
            return Ok(Vec::new());
        };
        let parts: Vec<&str> = self.worker_role.unwrap_or(&caller.arn).split(':').collect();
        let part = |place: usize| parts.get(place).map_or(String::new(), |part| (*part).to_owned());
        let (partition, account) = (part(1), part(4));
        let encryption = round.bucket.encryption.as_ref().ok().and_then(Option::as_ref);
        let key = encryption.and_then(|with| with.key.as_deref());
        // An alias says nothing of the key's ARN, which is what policies name.
        let key = key.filter(|key| !key.contains("alias/")).map(|key| {
            let id = format!("arn:{partition}:kms:{region}:{account}:key/{key}");
            if key.starts_with("arn:") { key.to_owned() } else { id }
        });
        let place = Place {
            region: region.to_owned(),
            bucket: self.state.bucket().to_owned(),
            prefix: self.state.key("").trim_end_matches('/').to_owned(),
            key,
            stage: self.stage.map(str::to_owned),
            stacks_role: self.stacks_role.map(str::to_owned),
            pipelines: self.pipelines.to_owned(),
            partition,
            account,
        };
        statements(&place)
    }
}

fn compared(action: ActionKind, wanted: &ActionTypeDefinition, shown: &[ActionTypeDefinition]) -> ActionTypeFound {
    let ours = shown.iter().filter(|shown| shown.provider == wanted.provider);
    let same = ours.clone().find(|shown| shown.version == wanted.version);
    ActionTypeFound {
        action,
        wanted: wanted.version.clone(),
        registered: ours.map(|shown| shown.version.clone()).collect(),
        differences: same.map_or_else(Vec::new, |shown| differences(wanted, shown)),
    }
}

/// What a pipeline or a worker would notice. Links and descriptions are for the console.
fn differences(wanted: &ActionTypeDefinition, shown: &ActionTypeDefinition) -> Vec<String> {
    let shape = |property: &Property| {
        let Property { required, key, secret, queryable, ref kind, .. } = *property;
        (required, key, secret, queryable, kind.clone())
    };
    let named = |all: &[Property], name: &str| all.iter().find(|property| property.name == name).map(shape);
    let mut found: Vec<String> = Vec::new();
    if shown.category != wanted.category {
        found.push(format!("its category is {}", shown.category));
    }
    for Property { name, .. } in &wanted.properties {
        match named(&shown.properties, name) {
            None => found.push(format!("it has no {name}")),
            there if there != named(&wanted.properties, name) => found.push(format!("its {name} is of another kind")),
            Some(_) => {}
        }
    }
    let more = shown.properties.iter().filter(|property| named(&wanted.properties, &property.name).is_none());
    found.extend(more.map(|property| format!("it has {} besides", property.name)));
    if (shown.inputs, shown.outputs) != (wanted.inputs, wanted.outputs) {
        found.push("it takes or gives other numbers of artifacts".to_owned());
    }
    found
}
