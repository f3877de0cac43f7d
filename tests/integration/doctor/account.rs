//! A healthy account, and what doctor tells of it.

use std::process::{Command, Output};

use aws_sdk_codepipeline::types::{ActionCategory, ArtifactDetails};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use serde_json::{Value, json};

use crate::bluestage;
use crate::world::{Endpoints, Options, STATE_BUCKET, World, sdk};

/// The user in the place of the workers' role: `MiniStack` asks about users by name alone.
pub(super) const WORKER: &str = "arn:aws:iam::000000000000:user/fleet";

/// What doctor told, as JSON.
pub(super) struct Told {
    pub(super) code: i32,
    pub(super) json: Value,
}

impl Told {
    pub(super) fn of(output: &Output) -> Self {
        let json = serde_json::from_slice(&output.stdout);
        let json = json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        Self { code: output.status.code().unwrap(), json }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.json["checks"].as_array().unwrap().iter().map(|line| line["check"].as_str().unwrap()).collect()
    }

    pub(super) fn line(&self, check: &str) -> &Value {
        let lines = self.json["checks"].as_array().unwrap();
        lines.iter().find(|line| line["check"] == check).unwrap_or_else(|| panic!("no {check} in {}", self.json))
    }

    /// Asserts on the outcome of a check and on words anywhere in its line.
    pub(super) fn says(&self, check: &str, outcome: &str, words: &[&str]) {
        let line = self.line(check);
        assert_eq!(line["outcome"], outcome, "{line}");
        let cure = line["cure"].as_str().unwrap_or_default();
        let pasted: Vec<String> = line["paste"].as_array().into_iter().flatten().map(ToString::to_string).collect();
        let text = format!("{}\n{cure}\n{}", line["found"].as_str().unwrap(), pasted.join("\n"));
        for words in words {
            assert!(text.contains(words), "{words} is not in: {text}");
        }
        let has_cure = line.get("cure").is_some();
        assert_eq!(has_cure, outcome == "warn" || outcome == "fail", "{line}");
    }
}

pub(super) fn doctor(world: &World, arguments: &[&str]) -> Output {
    doctor_at(world, &world.endpoints(), arguments)
}

pub(super) fn doctor_at(world: &World, endpoints: &Endpoints, arguments: &[&str]) -> Output {
    world.bluestage_at(endpoints, &[&["doctor", "--output", "json"], arguments].concat())
}

/// With other variables in its environment.
pub(super) fn doctor_with(world: &World, other: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut environment = world.environment();
    environment.extend(other.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    run(&environment, arguments)
}

pub(super) fn run(environment: &[(String, String)], arguments: &[&str]) -> Output {
    let output: &[&str] = if arguments.contains(&"--output") { &[] } else { &["--output", "json"] };
    let mut command = Command::new(bluestage());
    command.arg("doctor").args(output).args(arguments).env_clear().envs(environment.iter().cloned()).output().unwrap()
}

/// A world with everything that doctor looks for: action types, the bucket's settings, and a worker's rights.
pub(super) async fn healthy_world(options: Options) -> World {
    let world = World::start(&bluestage(), options).await;
    assert!(world.bluestage(&["actions", "register"]).status.success());
    settle(&world.s3()).await;
    let iam = aws_sdk_iam::Client::new(&sdk(&world.aws_url));
    iam.create_user().user_name("fleet").send().await.unwrap();
    let told = Told::of(&doctor(&world, &["--worker-role", WORKER, "--stage", "test"]));
    for check in ["rights-worker", "rights-some-pipelines", "rights-stage"] {
        paste(&iam, check, told.line(check)["paste"].as_array().unwrap()).await;
    }
    world
}

/// Gives the worker a policy with these statements.
pub(super) async fn paste(iam: &aws_sdk_iam::Client, name: &str, statements: &[Value]) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let put = iam.put_user_policy().user_name("fleet").policy_name(name).policy_document(policy);
    put.send().await.unwrap();
}

/// The settings of `pipeline-templates/state.yaml`, as far as doctor looks at them; versioning is on in every world.
async fn settle(s3: &aws_sdk_s3::Client) {
    let by_default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256);
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default.build().unwrap());
    let encryption = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().unwrap();
    let request = s3.put_bucket_encryption().bucket(STATE_BUCKET);
    request.server_side_encryption_configuration(encryption).send().await.unwrap();
    let blocked = PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
    let blocked = blocked.block_public_policy(true).restrict_public_buckets(true).build();
    let request = s3.put_public_access_block().bucket(STATE_BUCKET);
    request.public_access_block_configuration(blocked).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::bluestage-state/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]});
    s3.put_bucket_policy().bucket(STATE_BUCKET).policy(policy.to_string()).send().await.unwrap();
    let days = NoncurrentVersionExpiration::builder().noncurrent_days(1).build();
    let uploads = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    let rule = LifecycleRule::builder().id("all").status(ExpirationStatus::Enabled).noncurrent_version_expiration(days);
    let everywhere = LifecycleRuleFilter::builder().prefix("").build();
    let rule = rule.abort_incomplete_multipart_upload(uploads).filter(everywhere).build().unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let request = s3.put_bucket_lifecycle_configuration().bucket(STATE_BUCKET);
    request.lifecycle_configuration(rules).send().await.unwrap();
}

/// An action type of that name and version, and of no shape of ours.
pub(super) async fn register(world: &World, provider: &str, version: &str) {
    let none = ArtifactDetails::builder().minimum_count(0).maximum_count(0).build();
    let request = world.codepipeline().create_custom_action_type().category(ActionCategory::Deploy).provider(provider);
    let request = request.version(version).input_artifact_details(none.clone()).output_artifact_details(none);
    request.send().await.unwrap();
}
