//! What probing an account brought to light, in plain data: the lines are made of it, and nothing of AWS shows in it.

use std::time::Duration;

use crate::ports::{ActionKind, Fault};

/// Why something is not known.
#[derive(Clone, Debug)]
pub enum Unknown {
    /// It was asked for, and the answer was no answer.
    Fault(Fault),
    /// There was no answer within the check's time.
    Late(Duration),
}

/// What was asked for, or why it is not known.
pub type Asked<T> = Result<T, Unknown>;

/// The services that a worker talks to, in the order of their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Jobs.
    CodePipeline,
    /// Stacks.
    CloudFormation,
    /// State and artifacts.
    S3,
    /// The roles of tests, and who one is.
    Sts,
    /// Tests with `Runner=codebuild`.
    CodeBuild,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::CodePipeline, Self::CloudFormation, Self::S3, Self::Sts, Self::CodeBuild];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CodePipeline => "CodePipeline",
            Self::CloudFormation => "CloudFormation",
            Self::S3 => "S3",
            Self::Sts => "STS",
            Self::CodeBuild => "CodeBuild",
        }
    }
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The region that the settings name.
    pub region: Option<String>,
    /// Whether the credential chain finds credentials; what they are good for is in `probed`.
    pub credentials: Asked<()>,
    /// What AWS answered; none where there is nobody to ask, or nobody to ask as.
    pub probed: Option<Probed>,
}

/// What AWS answered.
#[derive(Clone, Debug)]
pub struct Probed {
    /// Whose the credentials are.
    pub caller: Asked<Caller>,
    /// How each service was reached.
    pub services: Vec<(Service, Reached)>,
    /// The state bucket.
    pub bucket: Bucket,
    /// How each of the three action types is registered.
    pub action_types: Asked<Vec<ActionTypeFound>>,
    /// What the worker may do.
    pub rights: Rights,
}

/// Whose credentials these are.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account, 12 digits.
    pub account: String,
    /// The user, or the session of a role.
    pub arn: String,
}

/// How a service was reached.
#[derive(Clone, Debug)]
pub enum Reached {
    /// It answered, whatever it said.
    Answered {
        /// Where.
        address: String,
        /// With which HTTP status.
        status: u16,
        /// By how many seconds its clock is ahead of ours; behind, if negative. None if it told no date.
        ahead: Option<i64>,
    },
    /// It did not.
    Silent(Unknown),
}

/// The state bucket, as far as one may see it.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Where it is.
    pub home: Asked<Home>,
    /// Whether earlier versions of objects are kept.
    pub versioned: Asked<bool>,
    /// How objects are encrypted; none if the bucket says nothing.
    pub encryption: Asked<Option<Encryption>>,
    /// Which of the four ways to make things public are open, by their names in the API.
    pub open_ways: Asked<Vec<&'static str>>,
    /// Its policy, if it has one.
    pub policy: Asked<Option<String>>,
    /// What its lifecycle rules do.
    pub lifecycle: Asked<Lifecycle>,
}

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the region that was asked.
    Here,
    /// In another one.
    Elsewhere(String),
    /// Nowhere.
    Missing,
}

/// How a bucket encrypts.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// `AES256` or `aws:kms`.
    pub algorithm: String,
    /// The key of one's own, if there is one.
    pub key: Option<String>,
}

/// What a bucket's lifecycle rules do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifecycle {
    /// Uploads that were never ended go.
    pub ends_uploads: bool,
    /// Earlier versions go after some time.
    pub expires_versions: bool,
}

/// How one action type is registered.
#[derive(Clone, Debug)]
pub struct ActionTypeFound {
    /// Which.
    pub action: ActionKind,
    /// The version that this program serves.
    pub wanted: String,
    /// The versions that are registered.
    pub registered: Vec<String>,
    /// In what the wanted version differs from this program's; empty if in nothing, or if it is not there.
    pub differences: Vec<String>,
}

/// What the worker may do.
#[derive(Clone, Debug)]
pub struct Rights {
    /// How it was found out.
    pub by: Means,
    /// What was found out, for each statement of the templates in their order; empty where nobody could be asked.
    pub found: Vec<Found>,
}

/// How rights were found out.
#[derive(Clone, Debug)]
pub enum Means {
    /// IAM was asked what this user or role may do; nothing was done.
    Simulated(String),
    /// IAM may not be asked, for this reason, so what only reads was tried with these credentials.
    Tried(Unknown),
    /// Neither.
    Neither(NoMeans),
}

/// Why nothing could be found out about rights.
#[derive(Clone, Debug)]
pub enum NoMeans {
    /// Nobody knows whose the credentials are.
    UnknownCaller,
    /// They are the root user's, whom no policy limits.
    Root,
    /// IAM may not be asked about the role that was named, and what these credentials may do says nothing about it.
    AboutAnother(String, Unknown),
}

/// Whether one operation is allowed on what a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The statement, by its place in the list.
    pub statement: usize,
    /// The operation, as IAM calls it.
    pub action: String,
    /// The answer.
    pub decision: Decision,
}

/// An answer about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Allowed,
    /// No statement allows it.
    Denied,
    /// A statement denies it, or a boundary or the organization does not let it through: no other statement can allow it.
    Forbidden,
    /// It hangs on something that only a real call has.
    HangsOn(String),
    /// Nobody was asked.
    NotAsked,
}
