//! The state bucket and its settings.

use serde_json::{Value, json};

use super::{About, Asked, Encryption, Home, Lifecycle, Line, Probed, Unknown, said};
use crate::ports::Fault;

const BUCKET: &str = "bucket";
const VERSIONS: &str = "bucket-versions";
const ENCRYPTION: &str = "bucket-encryption";
const PUBLIC: &str = "bucket-public-access";
const TLS: &str = "bucket-tls";
const LIFECYCLE: &str = "bucket-lifecycle";

/// The names of the lines, in their order.
pub(super) const NAMES: [&str; 6] = [BUCKET, VERSIONS, ENCRYPTION, PUBLIC, TLS, LIFECYCLE];

/// The template that makes the bucket as it should be.
const TEMPLATE: &str = "pipeline-templates/state.yaml";

/// The bucket, and its settings if it is there.
pub(super) fn lines(probed: &Probed, about: &About<'_>, region: &str) -> Vec<Line> {
    let (found, name) = (&probed.bucket, about.bucket);
    let home = home(&found.home, name, region);
    if !matches!(&found.home, Ok(Home::Here)) {
        let because = if found.home.is_ok() { "the bucket was not found" } else { "the bucket could not be seen" };
        let rest = NAMES.into_iter().skip(1).map(|check| Line::not_checked(check, because)).collect();
        return [vec![home], rest].concat();
    }
    let seen = |check, action| Setting { check, action, bucket: name };
    vec![
        home,
        seen(VERSIONS, "s3:GetBucketVersioning").line(&found.versioned, |versioned| versions(*versioned, name)),
        seen(ENCRYPTION, "s3:GetEncryptionConfiguration")
            .line(&found.encryption, |with| encryption(with.as_ref(), name)),
        seen(PUBLIC, "s3:GetBucketPublicAccessBlock").line(&found.open_ways, |open| public(open, name)),
        seen(TLS, "s3:GetBucketPolicy").line(&found.policy, |policy| tls(policy.as_deref(), name)),
        seen(LIFECYCLE, "s3:GetLifecycleConfiguration").line(&found.lifecycle, lifecycle),
    ]
}

fn home(found: &Asked<Home>, name: &str, region: &str) -> Line {
    match found {
        Ok(Home::Here) => Line::pass(BUCKET, format!("{name} is in {region}")),
        Ok(Home::Elsewhere(there)) => {
            Line::fail(BUCKET, format!("{name} is in {there}, and these settings say {region}")).cure(format!(
                "Jobs, stacks and state are in one region. If the pipelines are in {there}, set the region to it; if they are \
                 in {region}, give --state a bucket there."
            ))
            .paste(format!("export AWS_REGION={there}"))
        }
        Ok(Home::Missing) => Line::fail(BUCKET, format!("there is no bucket {name}"))
            .cure(format!("Make it with {TEMPLATE} and give its output StateLocation as --state; or mend --state."))
            .paste(format!("aws cloudformation deploy --stack-name bluestage-state --template-file {TEMPLATE}")),
        Err(unknown @ Unknown::Fault(Fault::Denied { .. })) => Line::fail(BUCKET, said(unknown))
            .cure("The bucket is somebody else's, or its policy or these credentials do not allow it. Mend --state, or allow this.")
            .paste(json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": format!("arn:aws:s3:::{name}")})),
        Err(unknown) => Line::fail(BUCKET, said(unknown)).cure("See S3 above."),
    }
}

/// A setting, with the right that one needs to see it.
struct Setting<'a> {
    check: &'static str,
    action: &'static str,
    bucket: &'a str,
}

impl Setting<'_> {
    /// The line about it, or that it could not be seen.
    fn line<T>(&self, asked: &Asked<T>, line: impl FnOnce(&T) -> Line) -> Line {
        match asked {
            Ok(setting) => line(setting),
            Err(unknown @ Unknown::Fault(Fault::Denied { .. })) => {
                let allow = json!({"Effect": "Allow", "Action": self.action, "Resource": format!("arn:aws:s3:::{}", self.bucket)});
                Line::warn(self.check, format!("not checked: {}", said(unknown)))
                    .cure("A worker has no need to see this. Run doctor with an administrator's credentials, or allow them this.")
                    .paste(allow)
            }
            Err(unknown) => Line::not_checked(self.check, &format!("S3 did not tell: {}", said(unknown))),
        }
    }
}

fn versions(versioned: bool, bucket: &str) -> Line {
    if versioned {
        return Line::pass(VERSIONS, "each write keeps the one before");
    }
    Line::fail(VERSIONS, "versioning is off: a stage document that is spoilt or deleted is lost")
        .cure(format!("Switch it on. {TEMPLATE} does."))
        .paste(format!("aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"))
}

fn encryption(with: Option<&Encryption>, bucket: &str) -> Line {
    match with {
        Some(Encryption { algorithm, key: None }) => Line::pass(ENCRYPTION, algorithm),
        Some(Encryption { algorithm, key: Some(key) }) => Line::pass(ENCRYPTION, format!("{algorithm}, {key}")),
        None => Line::warn(ENCRYPTION, "the bucket says nothing about encryption")
            .cure(format!("Switch it on. {TEMPLATE} does."))
            .paste(encrypt(bucket)),
    }
}

fn encrypt(bucket: &str) -> String {
    let rule = json!({"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]});
    format!("aws s3api put-bucket-encryption --bucket {bucket} --server-side-encryption-configuration '{rule}'")
}

fn lifecycle(rules: &Lifecycle) -> Line {
    let missing = [
        (!rules.ends_uploads).then_some("no rule ends uploads that broke off"),
        (!rules.expires_versions).then_some("no rule takes earlier versions away"),
    ];
    let missing: Vec<&str> = missing.into_iter().flatten().collect();
    if missing.is_empty() {
        return Line::pass(LIFECYCLE, "earlier versions and broken uploads go after some time");
    }
    Line::warn(LIFECYCLE, format!("{}: the bucket only grows", missing.join(", and "))).cure(format!(
        "Add rules as in {TEMPLATE}: journal and runs gather versions quickly, stage documents are small."
    ))
}

fn public(open: &[&str], bucket: &str) -> Line {
    if open.is_empty() {
        return Line::pass(PUBLIC, "blocked");
    }
    let all = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true";
    Line::warn(PUBLIC, format!("not blocked by the bucket itself: {}", open.join(", ")))
        .cure(format!(
            "Outputs of stacks and logs of tests stand here. Block it, unless the whole account does. {TEMPLATE} does."
        ))
        .paste(format!("aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration {all}"))
}

fn tls(policy: Option<&str>, bucket: &str) -> Line {
    let policy: Value = policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    if statements.iter().any(denies_plain) {
        return Line::pass(TLS, "its policy refuses what does not come by TLS");
    }
    Line::warn(TLS, "its policy also takes requests without TLS")
        .cure(format!("Add this statement to the bucket's policy. {TEMPLATE} has it."))
        .paste(json!({
            "Sid": "OnlyByTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }))
}

/// Whether the statement denies everybody whatever comes without TLS.
fn denies_plain(statement: &Value) -> bool {
    let everybody = statement["Principal"] == "*" || statement["Principal"]["AWS"] == "*";
    let condition = &statement["Condition"]["Bool"]["aws:SecureTransport"];
    let plain = [json!("false"), json!(false), json!(["false"]), json!([false])].contains(condition);
    statement["Effect"] == "Deny" && everybody && plain
}
