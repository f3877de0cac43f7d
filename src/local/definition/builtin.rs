//! The action types that the local CodePipeline runs itself, and the kind of rule that it knows.

use super::{ActionType, ActionTypeId, ArtifactCount, Property, TypeSettings};

/// Who does the work of an action that no worker polls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// An object in S3.
    S3,
    /// A directory on this machine. Not of AWS: for development.
    LocalDirectory,
    /// A person.
    Approval,
    /// The emulator's CloudFormation.
    CloudFormation,
    /// The emulator's CodeBuild.
    CodeBuild,
    /// A function of the emulator's Lambda, which reports by itself.
    Lambda,
}

/// Every action type that is built in: owner, category, provider.
const BUILT_IN: [(&str, &str, &str, Provider); 7] = [
    ("AWS", "Source", "S3", Provider::S3),
    // The owner is not AWS, because AWS has no such source, and not Custom, because nobody has to create it.
    ("ThirdParty", "Source", "LocalDirectory", Provider::LocalDirectory),
    ("AWS", "Approval", "Manual", Provider::Approval),
    ("AWS", "Deploy", "CloudFormation", Provider::CloudFormation),
    ("AWS", "Build", "CodeBuild", Provider::CodeBuild),
    ("AWS", "Test", "CodeBuild", Provider::CodeBuild),
    ("AWS", "Invoke", "Lambda", Provider::Lambda),
];

impl Provider {
    /// The provider of this action type, if it is built in.
    pub(crate) fn of(id: &ActionTypeId) -> Option<Self> {
        let known = |&&(owner, category, provider, _): &&(&str, &str, &str, Self)| {
            id.owner == owner && id.category == category && id.provider == provider && id.version == "1"
        };
        BUILT_IN.iter().find(known).map(|(_, _, _, provider)| *provider)
    }

    /// Configuration properties: name, and whether it is required (the user guide's action reference).
    fn properties(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::S3 => &[
                ("S3Bucket", true),
                ("S3ObjectKey", true),
                ("PollForSourceChanges", false),
                ("AllowOverrideForS3ObjectKey", false),
            ],
            Self::LocalDirectory => &[("Directory", true), ("PollForSourceChanges", false)],
            Self::Approval => &[("NotificationArn", false), ("CustomData", false), ("ExternalEntityLink", false)],
            Self::CloudFormation => &[
                ("ActionMode", true),
                ("StackName", true),
                ("ChangeSetName", false),
                ("Capabilities", false),
                ("RoleArn", false),
                ("TemplatePath", false),
                ("TemplateConfiguration", false),
                ("ParameterOverrides", false),
                ("OutputFileName", false),
            ],
            Self::CodeBuild => &[
                ("ProjectName", true),
                ("PrimarySource", false),
                ("BatchEnabled", false),
                ("BuildspecOverride", false),
                ("CombineArtifacts", false),
                ("EnvironmentVariables", false),
            ],
            Self::Lambda => &[("FunctionName", true), ("UserParameters", false)],
        }
    }

    /// How many artifacts go in and come out, as minimum and maximum (quotas page, "artifact" table).
    fn artifacts(self) -> [(usize, usize); 2] {
        match self {
            Self::S3 | Self::LocalDirectory => [(0, 0), (1, 1)],
            Self::Approval => [(0, 0), (0, 0)],
            Self::CloudFormation => [(0, 10), (0, 1)],
            Self::CodeBuild => [(1, 5), (0, 5)],
            Self::Lambda => [(0, 5), (0, 5)],
        }
    }
}

/// All action types that are built in.
pub(super) fn action_types() -> Vec<ActionType> {
    BUILT_IN.iter().map(|(owner, category, name, provider)| action_type((owner, category, name), *provider)).collect()
}

fn action_type((owner, category, name): (&str, &str, &str), provider: Provider) -> ActionType {
    let properties = provider.properties().iter();
    let [input_artifact_details, output_artifact_details] = provider.artifacts().map(count);
    ActionType {
        id: ActionTypeId {
            category: category.to_owned(),
            owner: owner.to_owned(),
            provider: name.to_owned(),
            version: "1".to_owned(),
        },
        settings: TypeSettings::default(),
        action_configuration_properties: properties.map(|(name, required)| property(name, *required)).collect(),
        input_artifact_details,
        output_artifact_details,
    }
}

fn count((minimum_count, maximum_count): (usize, usize)) -> ArtifactCount {
    ArtifactCount { minimum_count, maximum_count }
}

fn property(name: &str, required: bool) -> Property {
    Property {
        name: name.to_owned(),
        required,
        key: required,
        secret: false,
        queryable: false,
        description: None,
        kind: None,
    }
}

/// The one kind of rule that the local CodePipeline runs.
pub(crate) const VARIABLE_CHECK: &str = "VariableCheck";

/// The configuration of a [`VARIABLE_CHECK`]; all of it is required (user guide, rule reference).
pub(crate) const VARIABLE_CHECK_PROPERTIES: [&str; 3] = ["Variable", "Value", "Operator"];

/// What a [`VARIABLE_CHECK`] can do with variable and value.
pub(crate) const OPERATORS: [&str; 4] = ["EQ", "NE", "CONTAINS", "MATCHES"];
