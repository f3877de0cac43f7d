//! `bluestage doctor` over TCP: a healthy account passes every check, and each way in which one is not well is named with
//! its cure. Nothing is ever changed.

mod account;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bluestage;
use crate::world::{Endpoints, Fault, Options, Proxy, STATE_BUCKET, Trouble, World, sdk};
use account::{Told, WORKER, doctor, doctor_at, doctor_with, healthy_world, paste, register, run};

/// The checks, in the order of their lines.
const CHECKS: [&str; 19] = [
    "region",
    "credentials",
    "account",
    "clock",
    "CodePipeline",
    "CloudFormation",
    "S3",
    "STS",
    "CodeBuild",
    "bucket",
    "bucket-versions",
    "bucket-encryption",
    "bucket-public-access",
    "bucket-tls",
    "bucket-lifecycle",
    "action-types",
    "rights-worker",
    "rights-some-pipelines",
    "rights-stage",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_account_passes_every_check() {
    let world = healthy_world(Options::default()).await;
    let told = Told::of(&doctor(&world, &["--worker-role", WORKER, "--stage", "test"]));
    assert_eq!(told.code, 0, "{}", told.json);
    assert_eq!(told.json["healthy"], true);
    assert_eq!(told.names(), CHECKS);
    for check in CHECKS {
        assert_eq!(told.line(check)["outcome"], "pass", "{}", told.line(check));
    }
    let table = world.bluestage(&["doctor", "--worker-role", WORKER, "--stage", "test"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.ends_with("\n19 passed.\n"), "{table}");
    assert!(!table.contains("What to do"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_worker_may_not_do_is_told_with_statements_that_heal_it_when_they_are_pasted() {
    let world = World::start(&bluestage(), Options::default()).await;
    let arguments = ["--worker-role", WORKER, "--stage", "test"];
    let iam = aws_sdk_iam::Client::new(&sdk(&world.aws_url));
    iam.create_user().user_name("fleet").send().await.unwrap();
    let ill = Told::of(&doctor(&world, &arguments));
    assert_eq!(ill.code, 4, "{}", ill.json);
    ill.says(
        "rights-worker",
        "fail",
        &["may not: codepipeline:PollForJobs", "s3:PutObject", "worker-role.yaml", "TakeJobs"],
    );
    ill.says("rights-some-pipelines", "warn", &["codebuild:StartBuild", "Runner=codebuild only"]);
    ill.says("rights-stage", "fail", &["cloudformation:DescribeStacks", "stage-roles.yaml"]);
    for check in ["rights-worker", "rights-some-pipelines", "rights-stage"] {
        paste(&iam, check, ill.line(check)["paste"].as_array().unwrap()).await;
    }
    let healed = Told::of(&doctor(&world, &arguments));
    for check in ["rights-worker", "rights-some-pipelines", "rights-stage"] {
        healed.says(check, "pass", &["may do"]);
    }
    healed.says(
        "rights-stage",
        "pass",
        &["IAM cannot tell of cloudformation:CreateChangeSet, iam:PassRole", "${DeployRole.Arn}"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_statement_that_is_missing_is_named_with_its_template() {
    let world = healthy_world(Options::default()).await;
    let iam = aws_sdk_iam::Client::new(&sdk(&world.aws_url));
    let nobody = Told::of(&doctor(&world, &["--worker-role", "arn:aws:iam::000000000000:user/nobody"]));
    let mut statements = nobody.line("rights-worker")["paste"].as_array().unwrap().clone();
    statements.retain(|statement| statement["Sid"] != "AnswerJobs");
    assert_eq!(statements.len(), 6);
    paste(&iam, "rights-worker", &statements).await;
    let told = Told::of(&doctor(&world, &["--worker-role", WORKER]));
    told.says("rights-worker", "fail", &["may not: codepipeline:AcknowledgeJob", "its statement AnswerJobs"]);
    let pasted = &told.line("rights-worker")["paste"];
    assert_eq!(pasted.as_array().map(Vec::len), Some(1), "{pasted}");
    assert_eq!(pasted[0]["Sid"], "AnswerJobs");
    told.says("rights-stage", "not-checked", &["no --stage was given"]);
    assert_eq!(told.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_forbids_is_not_cured_by_another_one() {
    let world = healthy_world(Options::default()).await;
    let iam = aws_sdk_iam::Client::new(&sdk(&world.aws_url));
    let deny = [json!({"Sid": "No", "Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"})];
    paste(&iam, "deny", &deny).await;
    let told = Told::of(&doctor(&world, &["--worker-role", WORKER]));
    told.says("rights-worker", "fail", &["may not: s3:PutObject", "the effect Deny", "forbids s3:PutObject"]);
    assert!(told.line("rights-worker").get("paste").is_none(), "{}", told.line("rights-worker"));
    assert_eq!(told.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workers_own_credentials_may_not_ask_iam_so_only_reading_is_tried() {
    let world = healthy_world(Options { asks_iam: true, ..Options::default() }).await;
    // The emulator speaks no TLS, which the policy asks for.
    world.s3().delete_bucket_policy().bucket(STATE_BUCKET).send().await.unwrap();
    let iam = aws_sdk_iam::Client::new(&sdk(&world.aws_url));
    let key = iam.create_access_key().user_name("fleet").send().await.unwrap().access_key.unwrap();
    let credentials = [("AWS_ACCESS_KEY_ID", key.access_key_id()), ("AWS_SECRET_ACCESS_KEY", key.secret_access_key())];
    let told = Told::of(&doctor_with(&world, &credentials, &["--stage", "test"]));
    assert_eq!(told.code, 0, "{}", told.json);
    told.says("account", "pass", &[WORKER]);
    told.says("rights-worker", "warn", &["s3:GetObject", "not checked: codepipeline:PollForJobs", "--worker-role"]);
    told.says("rights-stage", "warn", &["tried: cloudformation:DescribeStacks, cloudformation:ListStacks"]);
    told.says("bucket-versions", "warn", &["not checked", "access denied", "s3:GetBucketVersioning"]);
    told.says("bucket", "pass", &[STATE_BUCKET]);

    let deny = [json!({"Sid": "No", "Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"})];
    paste(&iam, "deny", &deny).await;
    let told = Told::of(&doctor_with(&world, &credentials, &[]));
    told.says("rights-worker", "fail", &["these credentials may not: s3:GetObject", "ReadAndWriteState"]);
    assert_eq!(told.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_looked_at_as_the_role_that_it_plays() {
    let world = healthy_world(Options::default()).await;
    let iam = aws_sdk_iam::Client::new(&sdk(&world.aws_url));
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    iam.create_role().role_name("worker").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let asks = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iam:GetRole", "iam:SimulatePrincipalPolicy"], "Resource": "*"}]});
    let put = iam.put_role_policy().role_name("worker").policy_name("asks").policy_document(asks.to_string());
    put.send().await.unwrap();
    let sts = aws_sdk_sts::Client::new(&sdk(&world.aws_url));
    let role = "arn:aws:iam::000000000000:role/worker";
    let played = sts.assume_role().role_arn(role).role_session_name("task").send().await.unwrap().credentials.unwrap();
    let credentials = [
        ("AWS_ACCESS_KEY_ID", played.access_key_id()),
        ("AWS_SECRET_ACCESS_KEY", played.secret_access_key()),
        ("AWS_SESSION_TOKEN", played.session_token()),
    ];
    let told = Told::of(&doctor_with(&world, &credentials, &[]));
    told.says("account", "pass", &["assumed-role/worker/task"]);
    told.says("rights-worker", "fail", &[&format!("{role} may not: codepipeline:PollForJobs")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_region_is_named_with_the_right_one() {
    let world = healthy_world(Options::default()).await;
    let told = Told::of(&doctor_with(&world, &[("AWS_REGION", "eu-west-1")], &["--worker-role", WORKER]));
    told.says("region", "pass", &["eu-west-1"]);
    told.says(
        "bucket",
        "fail",
        &["bluestage-state is in us-east-1, and these settings say eu-west-1", "AWS_REGION=us-east-1"],
    );
    for hangs_on_it in CHECKS.iter().filter(|check| check.starts_with("bucket-") || check.starts_with("rights-")) {
        told.says(hangs_on_it, "not-checked", &["not checked, because the bucket was not found"]);
    }
    assert_eq!(told.json["totals"]["fail"], 1, "{}", told.json);
    assert_eq!(told.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_named_with_the_template_that_makes_it() {
    let world = healthy_world(Options::default()).await;
    let told = Told::of(&doctor(&world, &["--state", "s3://no-such-bucket/state", "--worker-role", WORKER]));
    told.says("bucket", "fail", &["there is no bucket no-such-bucket", "state.yaml"]);
    for hangs_on_it in CHECKS.iter().filter(|check| check.starts_with("bucket-") || check.starts_with("rights-")) {
        told.says(hangs_on_it, "not-checked", &["not checked, because the bucket was not found"]);
    }
    assert_eq!(told.json["totals"]["fail"], 1, "{}", told.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_that_a_bucket_lacks_is_named_with_what_sets_it() {
    let world = healthy_world(Options::default()).await;
    world.s3().create_bucket().bucket("plain").send().await.unwrap();
    // Where the emulator evaluates IAM it blocks public access from the start, as S3 does.
    world.s3().delete_public_access_block().bucket("plain").send().await.unwrap();
    let told = Told::of(&doctor(&world, &["--state", "s3://plain/state", "--worker-role", WORKER]));
    told.says("bucket", "pass", &["plain"]);
    told.says(
        "bucket-versions",
        "fail",
        &["versioning is off", "put-bucket-versioning --bucket plain", "Status=Enabled"],
    );
    told.says("bucket-encryption", "pass", &["AES256"]); // as S3 does by itself
    told.says("bucket-public-access", "warn", &["BlockPublicPolicy", "put-public-access-block --bucket plain"]);
    told.says("bucket-tls", "warn", &["without TLS", "aws:SecureTransport", "arn:aws:s3:::plain/*"]);
    told.says(
        "bucket-lifecycle",
        "warn",
        &["no rule ends uploads", "no rule takes earlier versions away", "state.yaml"],
    );
    assert_eq!(told.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn action_types_that_are_absent_of_another_version_or_of_another_shape_are_named() {
    let world = World::start(&bluestage(), Options::default()).await;
    let told = Told::of(&doctor(&world, &[]));
    told.says(
        "action-types",
        "fail",
        &["DeployBlue is not registered; RunIsolatedTests is not", "bluestage actions register"],
    );
    assert_eq!(told.code, 4);

    register(&world, "DeployBlue", "7").await;
    let told = Told::of(&doctor(&world, &[]));
    told.says("action-types", "fail", &["DeployBlue is registered as version 7, and this program serves version 1"]);

    register(&world, "DeployBlue", "1").await;
    let told = Told::of(&doctor(&world, &[]));
    let other =
        ["DeployBlue version 1 is another one than this program's", "it has no Stage", "Another release of bluestage"];
    told.says("action-types", "fail", &other);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_denied_is_told_with_the_statement_that_allows_it() {
    let world = healthy_world(Options::default()).await;
    let (aws, codepipeline) = (Proxy::before(&world.aws_url).await, Proxy::before(&world.codepipeline_url).await);
    codepipeline.spoil("ListActionTypes", Fault::Refuse(Trouble::Denied));
    aws.spoil("SimulatePrincipalPolicy", Fault::Refuse(Trouble::Denied));
    let endpoints = Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() };
    let told = Told::of(&doctor_at(&world, &endpoints, &["--worker-role", WORKER]));
    told.says("action-types", "warn", &["access denied", "codepipeline:ListActionTypes"]);
    told.says("CodePipeline", "pass", &["answers"]);
    told.says("rights-worker", "warn", &["not checked", "access denied", "iam:SimulatePrincipalPolicy", WORKER]);
    told.says("rights-some-pipelines", "not-checked", &["see rights-worker"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_named_with_by_how_much() {
    let world = healthy_world(Options::default()).await;
    let arguments = ["--worker-role", WORKER];
    for (ahead, outcome, says) in [(600, "fail", "10 min behind"), (60, "warn", "s behind"), (0, "pass", "within 30 s")]
    {
        let codepipeline = Proxy::before(&world.codepipeline_url).await;
        codepipeline.set_ahead(Duration::from_secs(ahead));
        let endpoints = Endpoints { aws: world.aws_url.clone(), codepipeline: codepipeline.url.clone() };
        let told = Told::of(&doctor_at(&world, &endpoints, &arguments));
        told.says("clock", outcome, &[says, "CodePipeline"]);
        assert_eq!(told.code, if outcome == "fail" { 4 } else { 0 }, "{}", told.json);
        told.says("action-types", "pass", &["registered"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_cannot_be_reached_are_named_and_nobody_is_waited_for_longer_than_said() {
    let world = healthy_world(Options::default()).await;
    let aws = Proxy::before(&world.aws_url).await;
    aws.cut();
    // Listens, and never answers.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let codepipeline = format!("http://{}", silent.local_addr().unwrap());
    let endpoints = Endpoints { aws: aws.url.clone(), codepipeline };
    let began = Instant::now();
    let told = Told::of(&doctor_at(&world, &endpoints, &["--limit-seconds", "1.5"]));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    told.says("CodePipeline", "fail", &["there was no answer in 1.5 s", "VPC endpoint"]);
    for service in ["CloudFormation", "S3", "STS", "CodeBuild"] {
        told.says(service, "fail", &["no answer"]);
    }
    told.says("clock", "not-checked", &["no service told the date"]);
    told.says("account", "fail", &["See STS"]);
    told.says("bucket", "fail", &["See S3"]);
    told.says("action-types", "not-checked", &["CodePipeline did not tell"]);
    told.says("rights-worker", "not-checked", &["nobody can tell whose these credentials are"]);
    assert_eq!(told.names(), CHECKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_region_or_credentials_nothing_else_is_accused() {
    let world = World::start(&bluestage(), Options::default()).await;
    for (missing, check) in [("AWS_REGION", "region"), ("AWS_ACCESS_KEY_ID", "credentials")] {
        let mut environment = world.environment();
        environment.retain(|(name, _)| name != missing && name != "AWS_DEFAULT_REGION");
        let output = run(&environment, &[]);
        let told = Told::of(&output);
        assert_eq!(told.names(), CHECKS);
        let failed: Vec<&str> = CHECKS.into_iter().filter(|check| told.line(check)["outcome"] == "fail").collect();
        assert_eq!(failed, [check], "{}", told.json);
        told.says("rights-stage", "not-checked", &["not checked, because there"]);
        assert_eq!(told.code, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_nobody_knows_are_named_and_no_secret_is_printed() {
    let world = World::start(&bluestage(), Options { asks_iam: true, ..Options::default() }).await;
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let token = "FwoGZXIvYXdzEExampleSessionTokenOfSomebody";
    let credentials = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_SESSION_TOKEN", token),
    ];
    let output = doctor_with(&world, &credentials, &[]);
    let told = Told::of(&output);
    told.says("bucket", "fail", &[]);
    told.says("action-types", "fail", &["is not registered"]);
    let table =
        doctor_with(&world, &[&credentials[..], &[("BLUESTAGE_LOG", "debug")]].concat(), &["--output", "table"]);
    for printed in [output, table] {
        let all = [printed.stdout, printed.stderr].concat();
        let all = String::from_utf8_lossy(&all);
        assert!(!all.contains(secret) && !all.contains(token), "{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_that_changes_anything() {
    let world = healthy_world(Options::default()).await;
    let (aws, codepipeline) = (Proxy::before(&world.aws_url).await, Proxy::before(&world.codepipeline_url).await);
    let endpoints = Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() };
    let began = Instant::now();
    let told = Told::of(&doctor_at(&world, &endpoints, &["--worker-role", WORKER, "--stage", "test"]));
    assert_eq!(told.code, 0, "{}", told.json);
    let asked = [aws.counted(began..Instant::now()), codepipeline.counted(began..Instant::now())];
    let asked: Vec<String> = asked.iter().flat_map(|asked| asked.keys().cloned()).collect();
    assert!(asked.len() > 5, "{asked:?}");
    let reads = ["Get", "List", "Describe", "BatchGet", "Simulate", "LIST", "GET"];
    for call in &asked {
        let operation = call.split(' ').nth(1).unwrap_or_default();
        assert!(reads.iter().any(|read| operation.starts_with(read)), "{call} among {asked:?}");
    }
}
