//! Stacks: made once, by whoever comes first; told apart when they fail; gone when deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::ChangeSetType;
use bluestage::clock::{Clock, SystemClock};
use bluestage::ports::{
    Changing, Deleting, Deletion, Fault, ParameterChange, ReadyStack, StackSpec, StackState, Stacks,
};
use bluestage::release::StackRef;

use super::{BUCKET, adapters, s3};

const QUEUE: &str = r#"{
    "Parameters": {"Stem": {"Type": "String"}, "Green": {"Type": "String", "Default": ""}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "${Stem}-queue"}}}},
    "Outputs": {"QueueName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}}
}"#;

const BROKEN: &str = r#"{
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "abc"}}
    }
}"#;

/// Nothing that these templates make takes longer than a moment; a busy machine may.
const PATIENCE: Duration = Duration::from_secs(30);

fn named(name: &str) -> StackRef {
    StackRef { name: name.to_owned(), id: None, changed_at: None }
}

fn spec(name: &str, template: &str) -> StackSpec {
    let parameters = if template.contains("Stem") {
        BTreeMap::from([("Stem".to_owned(), name.to_owned())])
    } else {
        BTreeMap::new()
    };
    StackSpec {
        stack: named(name),
        stage: "test".parse().unwrap(),
        template: template.to_owned(),
        parameters,
        tags: BTreeMap::from([("bluestage:stage".to_owned(), "test".to_owned())]),
        capabilities: vec!["CAPABILITY_IAM".to_owned()],
        role_arn: None,
        request_token: format!("token-{name}"),
    }
}

/// Asks until nothing moves any more.
async fn settled(stacks: &dyn Stacks, spec: &StackSpec) -> StackState {
    let clock = SystemClock::start();
    loop {
        match stacks.ensure(spec).await.unwrap() {
            StackState::InProgress { .. } if clock.elapsed() < PATIENCE => {
                clock.sleep(Duration::from_millis(20)).await;
            }
            state => return state,
        }
    }
}

async fn ready(stacks: &dyn Stacks, spec: &StackSpec) -> ReadyStack {
    match settled(stacks, spec).await {
        StackState::Ready(ready) => ready,
        other => panic!("{other:?}"),
    }
}

async fn gone(stacks: &dyn Stacks, stack: &StackRef) {
    let clock = SystemClock::start();
    while stacks.read(stack).await.unwrap() != StackState::Absent {
        assert!(clock.elapsed() < PATIENCE, "{} is still there", stack.name);
        clock.sleep(Duration::from_millis(20)).await;
    }
}

async fn begin_to_delete(stacks: &dyn Stacks, stack: &StackRef) {
    assert_eq!(stacks.delete(stack, Deletion::Whole).await.unwrap(), Deleting::Begun);
}

fn with_id(spec: &StackSpec, id: &str) -> StackSpec {
    let mut spec = spec.clone();
    spec.stack.id = Some(id.to_owned());
    spec
}

pub(crate) async fn a_stack_is_made_by_a_change_set_and_gives_its_outputs(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let spec = spec("test-orders-v1", QUEUE);
    let made = ready(stacks.as_ref(), &spec).await;
    assert!(made.id.starts_with("arn:"), "{}", made.id);
    assert_eq!(made.outputs["QueueName"], "test-orders-v1-queue");
    let changed = made.changed_at.as_deref().unwrap();
    assert!(changed.ends_with('Z') && changed.contains('T'), "{changed}");

    assert_eq!(ready(stacks.as_ref(), &spec).await, made);
    let known = with_id(&spec, &made.id);
    assert_eq!(ready(stacks.as_ref(), &known).await, made);
    let read = stacks.read(&known.stack).await.unwrap();
    assert_eq!(read, StackState::Ready(made));

    let client = aws_sdk_cloudformation::Client::new(sdk);
    let told = client.describe_stacks().stack_name(&spec.stack.name).send();
    let told = told.await.unwrap().stacks.unwrap();
    let tags: Vec<_> = told[0].tags().iter().map(|tag| tag.key()).collect();
    assert!(tags.contains(&Some("bluestage:stage")), "{tags:?}");
}

/// As if a worker had died between its two requests.
pub(crate) async fn a_change_set_that_was_made_before_is_carried_out(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let spec = spec("test-orders-v2", QUEUE);
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let request = client.create_change_set().stack_name(&spec.stack.name);
    let stem = aws_sdk_cloudformation::types::Parameter::builder().parameter_key("Stem").parameter_value("earlier");
    let begun = request
        .change_set_name("create")
        .change_set_type(ChangeSetType::Create)
        .template_body(QUEUE)
        .parameters(stem.build())
        .send()
        .await
        .unwrap();
    let waiting = stacks.read(&spec.stack).await.unwrap();
    assert!(matches!(&waiting, StackState::InProgress { doing, .. } if doing == "REVIEW_IN_PROGRESS"), "{waiting:?}");
    let made = ready(stacks.as_ref(), &spec).await;
    assert_eq!(Some(made.id), begun.stack_id);
    assert_eq!(made.outputs["QueueName"], "earlier-queue");
}

pub(crate) async fn two_workers_make_one_stack(sdk: &SdkConfig) {
    let aws = adapters(sdk).await;
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let stacks = aws.stacks.clone();
            let spec = spec("test-orders-v3", QUEUE);
            tokio::spawn(async move { ready(stacks.as_ref(), &spec).await })
        })
        .collect();
    let mut made = Vec::new();
    for worker in workers {
        made.push(worker.await.unwrap());
    }
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let all = client.list_stacks().send().await.unwrap();
    assert_eq!(all.stack_summaries().len(), 1);
}

pub(crate) async fn the_resource_that_failed_is_named(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let spec = spec("test-orders-v4", BROKEN);
    let StackState::Failed { id, because } = settled(stacks.as_ref(), &spec).await else {
        panic!("it did not fail");
    };
    assert_eq!(because.resource, "Queue");
    assert_eq!(because.kind, "AWS::SQS::Queue");
    assert!(because.reason.contains("VisibilityTimeout"), "{because:?}");

    let failed = with_id(&spec, &id).stack;
    begin_to_delete(stacks.as_ref(), &failed).await;
    gone(stacks.as_ref(), &failed).await;
}

pub(crate) async fn an_invalid_template_is_refused(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let bad = stacks.declared("{\"Outputs\": {}}").await.unwrap_err();
    assert!(matches!(bad, Fault::Rejected { .. }), "{bad:?}");
    let told = bad.to_string();
    assert!(told.starts_with("could not validate the template: ValidationError"));
    let unknown = r#"{"Resources": {"It": {"Type": "AWS::No::Such"}}}"#;
    let refused = stacks.ensure(&spec("test-orders-v5", unknown)).await;
    match refused {
        Err(Fault::Rejected { detail, .. }) => assert!(detail.contains("AWS::No::Such")),
        Ok(StackState::Failed { because, .. }) => {
            assert!(because.reason.contains("AWS::No::Such"), "{because:?}");
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn what_a_template_declares_is_told(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let declared = stacks.declared(QUEUE).await.unwrap();
    let names: Vec<_> = declared.parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["Green", "Stem"]);
    // MiniStack tells an empty default where there is none, so only the other answer can be asked for.
    assert!(declared.parameters["Green"], "an empty default is one");
}

pub(crate) async fn a_large_template_goes_by_address(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let filler = format!("{{\"Metadata\": {{\"Why\": \"{}\"}},", "x".repeat(60_000));
    let large = QUEUE.replacen('{', &filler, 1);
    let declared = stacks.declared(&large).await.unwrap();
    assert_eq!(declared.parameters.len(), 2);
    let made = ready(stacks.as_ref(), &spec("test-orders-v6", &large)).await;
    assert_eq!(made.outputs["QueueName"], "test-orders-v6-queue");
    let stored = s3(sdk).list_objects_v2().bucket(BUCKET).send().await;
    let stored = stored.unwrap();
    assert_eq!(stored.contents().len(), 1, "both requests share one object");
    let key = stored.contents()[0].key().unwrap();
    assert!(key.starts_with("blue/templates/"), "{key}");
}

pub(crate) async fn a_stack_is_deleted_by_its_id(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let spec = spec("test-orders-v7", QUEUE);
    let made = ready(stacks.as_ref(), &spec).await;
    let known = with_id(&spec, &made.id).stack;
    begin_to_delete(stacks.as_ref(), &known).await;
    gone(stacks.as_ref(), &known).await;
    gone(stacks.as_ref(), &spec.stack).await;
    begin_to_delete(stacks.as_ref(), &known).await;
}

pub(crate) async fn a_protected_stack_is_not_deleted(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let spec = spec("test-orders-v8", QUEUE);
    let made = ready(stacks.as_ref(), &spec).await;
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let request = client.update_termination_protection();
    let protected = request.stack_name(&made.id).enable_termination_protection(true).send();
    protected.await.unwrap();
    let known = with_id(&spec, &made.id).stack;
    let refused = stacks.delete(&known, Deletion::Whole).await.unwrap();
    assert_eq!(refused, Deleting::Protected);
    assert!(matches!(stacks.read(&known).await.unwrap(), StackState::Ready(_)), "it is still there");
}

pub(crate) async fn an_unknown_stack_is_absent(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let unknown = named("nobody-made-this");
    assert_eq!(stacks.read(&unknown).await.unwrap(), StackState::Absent);
    begin_to_delete(stacks.as_ref(), &unknown).await;
}

pub(crate) async fn a_deleted_stack_is_not_made_again(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let spec = spec("test-orders-v9", QUEUE);
    let made = ready(stacks.as_ref(), &spec).await;
    let known = with_id(&spec, &made.id);
    begin_to_delete(stacks.as_ref(), &known.stack).await;
    gone(stacks.as_ref(), &known.stack).await;
    // CloudFormation forgets a deleted stack after 90 days.
    let forgotten = with_id(&spec, &made.id.replace(&spec.stack.name, "forgotten"));
    for spec in [known, forgotten] {
        let again = stacks.ensure(&spec).await.unwrap();
        assert!(matches!(again, StackState::Failed { .. }), "{again:?}");
    }
    assert_eq!(stacks.read(&spec.stack).await.unwrap(), StackState::Absent, "no stack came into being");
}

pub(crate) async fn stacks_with_our_tags_are_found_and_others_are_not(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let ours = spec("test-orders-v10", QUEUE);
    let made = ready(stacks.as_ref(), &ours).await;
    let mut theirs = spec("somebody-elses", QUEUE);
    theirs.tags = BTreeMap::from([("team".to_owned(), "another".to_owned())]);
    ready(stacks.as_ref(), &theirs).await;
    let deleted = spec("test-orders-v11", QUEUE);
    let known = with_id(&deleted, &ready(stacks.as_ref(), &deleted).await.id).stack;
    begin_to_delete(stacks.as_ref(), &known).await;
    gone(stacks.as_ref(), &known).await;

    let found = stacks.tagged("bluestage:").await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0].stack.name, found[0].stack.id.as_ref()), (&ours.stack.name, Some(&made.id)));
    assert_eq!(found[0].tags, ours.tags);
    assert_eq!(found[0].doing, None);
    let now = SystemClock::start().now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let age = now.abs_diff(found[0].made_at.expect("CloudFormation tells when"));
    assert!(age <= 2 * PATIENCE.as_secs(), "it was just made: {age} s");
}

/// More than one page of a listing tells.
const MORE_THAN_A_PAGE: usize = 103;

pub(crate) async fn a_listing_tells_of_the_stacks_that_are_ready_what_each_tells_of_itself(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    let mut made = Vec::new();
    for number in 0..MORE_THAN_A_PAGE {
        made.push(ready(stacks.as_ref(), &spec(&format!("test-orders-v{number}"), QUEUE)).await);
    }
    let (deleted, updated) = (with_id(&spec("gone", QUEUE), &made[0].id), with_id(&spec("it", QUEUE), &made[1].id));
    begin_to_delete(stacks.as_ref(), &deleted.stack).await;
    gone(stacks.as_ref(), &deleted.stack).await;
    settled(stacks.as_ref(), &spec("test-mail-v1", BROKEN)).await;
    let change = ParameterChange { name: "Green".to_owned(), value: "true".to_owned(), request_token: "t".to_owned() };
    assert_eq!(stacks.set_parameter(&updated.stack, &change).await.unwrap(), Changing::Begun);
    let later = ready(stacks.as_ref(), &updated).await;
    assert!(later.changed_at > made[1].changed_at, "{later:?}");

    let listed = stacks.all_ready().await.unwrap();
    assert_eq!(listed.len(), MORE_THAN_A_PAGE - 1, "neither what is gone nor what is broken");
    for id in made[1..].iter().map(|stack| &stack.id) {
        let alone = StackRef { id: Some(id.clone()), ..named("it") };
        let StackState::Ready(alone) = stacks.read(&alone).await.unwrap() else {
            panic!("{id} is ready");
        };
        assert_eq!(listed[id], alone.changed_at);
    }
}

pub(crate) async fn a_listing_tells_of_the_stacks_at_which_cloudformation_is_at_work(sdk: &SdkConfig) {
    let stacks = adapters(sdk).await.stacks;
    ready(stacks.as_ref(), &spec("test-orders-v1", QUEUE)).await;
    // It waits for a signal that nobody gives.
    let waits = r#"{"Resources": {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {"Type": "AWS::CloudFormation::WaitCondition",
                 "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60", "Count": "1"}}}}"#;
    let spec = spec("test-orders-v2", waits);
    let clock = SystemClock::start();
    let (id, doing) = loop {
        match stacks.ensure(&spec).await.unwrap() {
            StackState::InProgress { id, doing } if doing != "REVIEW_IN_PROGRESS" => break (id, doing),
            StackState::InProgress { .. } if clock.elapsed() < PATIENCE => clock.sleep(Duration::from_millis(20)).await,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(stacks.all_at_work().await.unwrap(), BTreeMap::from([(id, doing)]));
}
