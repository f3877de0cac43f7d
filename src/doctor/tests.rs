use super::*;
use crate::ports::{ActionKind, Fault};

fn denied(doing: &str) -> Unknown {
    Unknown::Fault(Fault::Denied { doing: doing.to_owned(), detail: "AccessDenied: no".to_owned() })
}

fn healthy() -> Facts {
    let reached = |ahead| Reached::Answered { address: "https://service.example".to_owned(), status: 200, ahead };
    let action_type = |action| ActionTypeFound {
        action,
        wanted: "1".to_owned(),
        registered: vec!["1".to_owned()],
        differences: Vec::new(),
    };
    let bucket = Bucket {
        home: Ok(Home::Here),
        versioned: Ok(true),
        encryption: Ok(Some(Encryption { algorithm: "AES256".to_owned(), key: None })),
        open_ways: Ok(Vec::new()),
        policy: Ok(Some(
            r#"{"Statement":{"Effect":"Deny","Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}}"#
                .to_owned(),
        )),
        lifecycle: Ok(Lifecycle { ends_uploads: true, expires_versions: true }),
    };
    let probed = Probed {
        caller: Ok(Caller { account: "111122223333".to_owned(), arn: "arn:aws:iam::111122223333:user/me".to_owned() }),
        services: Service::ALL.map(|service| (service, reached(Some(0)))).to_vec(),
        bucket,
        action_types: Ok(ActionKind::ALL.map(action_type).to_vec()),
        rights: Rights { by: Means::Simulated("arn:worker".to_owned()), found: Vec::new() },
    };
    Facts { region: Some("eu-central-1".to_owned()), credentials: Ok(()), probed: Some(probed) }
}

/// The facts, with something else in what AWS answered.
fn with(change: impl FnOnce(&mut Probed)) -> Facts {
    let mut facts = healthy();
    change(facts.probed.as_mut().expect("answers"));
    facts
}

fn told(facts: &Facts) -> Report {
    report(facts, &About { state: "s3://team/state", bucket: "team", stage: None, stacks_role: None, statements: &[] })
}

fn line(facts: &Facts, check: &str) -> Line {
    told(facts).checks.into_iter().find(|line| line.check == check).unwrap_or_else(|| panic!("no {check}"))
}

#[test]
fn the_lines_come_in_one_order_whatever_was_found() {
    let names = |facts: &Facts| told(facts).checks.into_iter().map(|line| line.check).collect::<Vec<_>>();
    let all = names(&healthy());
    assert_eq!(all.len(), 19);
    assert_eq!(names(&Facts { region: None, credentials: Ok(()), probed: None }), all);
    assert_eq!(names(&with(|probed| probed.bucket.home = Ok(Home::Missing))), all);
}

#[test]
fn what_fails_or_warns_has_a_cure_and_nothing_else_does() {
    let ills = [
        with(|probed| probed.bucket.versioned = Ok(false)),
        with(|probed| probed.bucket.home = Err(denied("find the bucket team"))),
        with(|probed| probed.caller = Err(Unknown::Late(std::time::Duration::from_secs(10)))),
        with(|probed| probed.rights.by = Means::Neither(NoMeans::Root)),
        with(|probed| probed.services[2].1 = Reached::Silent(Unknown::Late(std::time::Duration::from_secs(10)))),
        Facts { region: None, credentials: Err(denied("find AWS credentials")), probed: None },
    ];
    for facts in ills {
        let report = told(&facts);
        assert!(report.totals.fail + report.totals.warn > 0, "{report:?}");
        for line in report.checks {
            assert_eq!(line.cure.is_some(), matches!(line.outcome, Outcome::Warn | Outcome::Fail), "{line:?}");
        }
    }
}

#[test]
fn a_role_that_is_not_there_is_a_fault_and_one_that_may_not_be_asked_about_is_not() {
    let about =
        |why| with(|probed| probed.rights.by = Means::Neither(NoMeans::AboutAnother("arn:role".to_owned(), why)));
    let missing = Fault::Rejected { doing: "ask IAM".to_owned(), detail: "NoSuchEntity".to_owned() };
    assert_eq!(line(&about(Unknown::Fault(missing)), "rights-worker").outcome, Outcome::Fail);
    assert_eq!(line(&about(denied("ask IAM")), "rights-worker").outcome, Outcome::Warn);
}

#[test]
fn only_a_failure_makes_an_account_ill() {
    assert!(told(&healthy()).healthy);
    assert!(told(&with(|probed| probed.bucket.open_ways = Ok(vec!["BlockPublicAcls"]))).healthy);
    assert!(!told(&with(|probed| probed.bucket.versioned = Ok(false))).healthy);
}

#[test]
fn a_clock_is_judged_by_how_far_it_is_off() {
    let outcome = |ahead| {
        line(
            &with(|probed| {
                probed.services[0].1 = Reached::Answered { address: String::new(), status: 200, ahead: Some(ahead) }
            }),
            "clock",
        )
    };
    for (ahead, expected) in [
        (0, Outcome::Pass),
        (-29, Outcome::Pass),
        (30, Outcome::Warn),
        (-299, Outcome::Warn),
        (300, Outcome::Fail),
        (-86_400, Outcome::Fail),
    ] {
        assert_eq!(outcome(ahead).outcome, expected, "{ahead}");
    }
    assert_eq!(outcome(-600).found, "this machine's clock is 10 min ahead of that of CodePipeline");
    assert_eq!(outcome(90).found, "this machine's clock is 90 s behind that of CodePipeline");
}

#[test]
fn a_policy_refuses_plain_requests_only_if_it_denies_them_to_everybody() {
    let outcome =
        |policy: &str| line(&with(|probed| probed.bucket.policy = Ok(Some(policy.to_owned()))), "bucket-tls").outcome;
    let condition = r#""Condition":{"Bool":{"aws:SecureTransport":"false"}}"#;
    let deny = format!(r#"{{"Statement":[{{"Effect":"Deny","Principal":{{"AWS":"*"}},{condition}}}]}}"#);
    assert_eq!(outcome(&deny), Outcome::Pass);
    assert_eq!(outcome(&deny.replace("Deny", "Allow")), Outcome::Warn);
    assert_eq!(outcome(&deny.replace("\"false\"", "\"true\"")), Outcome::Warn);
    assert_eq!(outcome(&deny.replace("\"*\"", "\"arn:aws:iam::1:root\"")), Outcome::Warn);
    assert_eq!(outcome("no policy"), Outcome::Warn);
}

#[test]
fn several_statements_are_printed_as_one_policy() {
    let mut report = told(&with(|probed| probed.bucket.policy = Ok(None)));
    let more = serde_json::json!({"Sid": "Second", "Action": ["a:B", "c:D"]});
    report.checks.iter_mut().find(|line| line.check == "bucket-tls").expect("the line").paste.push(more);
    let text = text(&report, 80);
    let (_, policy) = text.split_once("\n\n{").expect("a policy");
    let (policy, _) = policy.rsplit_once("\n\n").expect("its end");
    let policy: Value = serde_json::from_str(&format!("{{{policy}")).expect("JSON");
    let sids: Vec<&Value> = policy["Statement"].as_array().expect("statements").iter().map(|one| &one["Sid"]).collect();
    assert_eq!(sids, ["OnlyByTls", "Second"]);
}

#[test]
fn a_bucket_that_says_nothing_about_encryption_is_warned_of() {
    let line = line(&with(|probed| probed.bucket.encryption = Ok(None)), "bucket-encryption");
    assert_eq!(line.outcome, Outcome::Warn);
    assert!(
        line.paste[0].as_str().is_some_and(|text| text.contains("put-bucket-encryption --bucket team")),
        "{line:?}"
    );
}

#[test]
fn what_a_service_echoes_is_cut_and_hidden() {
    let detail =
        "SignatureDoesNotMatch: it does not match for s3cr3t.\nThe Canonical String was:\nx-amz-security-token:t0ken";
    let fault = Fault::Denied { doing: "ask".to_owned(), detail: detail.to_owned() };
    let report = told(&with(|probed| probed.caller = Err(Unknown::Fault(fault)))).without(&["s3cr3t", ""]);
    let text = report.checks.iter().map(|line| line.found.as_str()).collect::<Vec<_>>().join("\n");
    assert!(text.contains("it does not match for ****"), "{text}");
    assert!(!text.contains("Canonical") && !text.contains("t0ken") && !text.contains("s3cr3t"), "{text}");
}

#[test]
fn a_report_fits_the_terminal_and_what_is_pasted_is_left_whole() {
    let report = told(&with(|probed| {
        probed.bucket.versioned = Ok(false);
        probed.bucket.policy = Ok(None);
    }));
    for width in [60, 80, 120] {
        let text = text(&report, width);
        let (table, pasted) = text.split_once("\n\nWhat to do\n\n").expect("something to do");
        assert!(table.lines().all(|line| line.chars().count() <= usize::from(width)), "{table}");
        let command = "\naws s3api put-bucket-versioning --bucket team --versioning-configuration Status=Enabled\n";
        assert!(pasted.contains(command), "{pasted}");
        let policy = "\n \"Condition\": {\"Bool\":{\"aws:SecureTransport\":\"false\"}}}\n";
        assert!(pasted.contains(policy), "{pasted}");
        assert!(text.ends_with("\n\n16 passed, 1 warning, 1 failed, 1 not checked."), "{text}");
    }
}
