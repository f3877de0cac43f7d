//! Action types: what a kind of action is called, configured with, and given.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::builtin;
use super::tags::Tags;
use crate::local::error::{Answer, ErrorKind};

/// At most this many custom action types exist in a region (AWS quotas page).
const MOST_CUSTOM_TYPES: usize = 50;

/// Names an action type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ActionTypeId {
    pub(crate) category: String,
    pub(crate) owner: String,
    pub(crate) provider: String,
    pub(crate) version: String,
}

/// An action type, as ListActionTypes shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionType {
    pub(crate) id: ActionTypeId,
    #[serde(default)]
    pub(crate) settings: TypeSettings,
    #[serde(default)]
    pub(crate) action_configuration_properties: Vec<Property>,
    pub(crate) input_artifact_details: ArtifactCount,
    pub(crate) output_artifact_details: ArtifactCount,
}

/// The links of an action type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) third_party_configuration_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entity_url_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_url_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision_url_template: Option<String>,
}

/// One property that an action of this type is configured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) key: bool,
    pub(crate) secret: bool,
    #[serde(default)]
    pub(crate) queryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
}

/// How many artifacts an action takes or makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArtifactCount {
    pub(crate) minimum_count: usize,
    pub(crate) maximum_count: usize,
}

/// All action types: those that are built in, the custom ones, and the third parties'.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RegisteredTypes {
    #[serde(skip, default = "builtin::action_types")]
    built_in: Vec<ActionType>,
    custom: Vec<Registered>,
    third_party: Vec<ThirdPartyType>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Registered {
    action_type: ActionType,
    /// A deleted type is only marked: its version can come back, but only with the same definition.
    deleted: bool,
    tags: Tags,
}

/// An action type that UpdateActionType declared.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ThirdPartyType {
    /// As GetActionType returns it.
    pub(crate) declaration: Value,
    pub(crate) action_type: ActionType,
    /// After how many seconds one job fails; AWS has it for this kind of action type only.
    pub(crate) job_timeout: Option<u64>,
}

impl RegisteredTypes {
    /// Only what is built in.
    pub(crate) fn new() -> Self {
        Self { built_in: builtin::action_types(), custom: Vec::new(), third_party: Vec::new() }
    }

    /// The action type of this id, unless it is unknown or deleted.
    pub(crate) fn find(&self, id: &ActionTypeId) -> Option<&ActionType> {
        self.all().find(|known| known.id == *id)
    }

    /// All action types that can be used.
    pub(crate) fn all(&self) -> impl Iterator<Item = &ActionType> {
        let custom = self.custom.iter().filter(|known| !known.deleted).map(|known| &known.action_type);
        self.built_in.iter().chain(custom).chain(self.third_party.iter().map(|known| &known.action_type))
    }

    /// Adds a custom action type.
    pub(crate) fn register(&mut self, new: ActionType, tags: Tags) -> Answer<()> {
        new.check()?;
        if let Some(known) = self.custom.iter_mut().find(|known| known.action_type.id == new.id) {
            if known.deleted && known.action_type == new {
                known.deleted = false;
                known.tags = tags;
                return Ok(());
            }
            let how =
                if known.deleted { "was deleted with another definition; use a new version" } else { "already exists" };
            return Err(ErrorKind::Validation.because(format!("{} {how}", new.id)));
        }
        if self.custom.iter().filter(|known| !known.deleted).count() >= MOST_CUSTOM_TYPES {
            let message =
                format!("There are {MOST_CUSTOM_TYPES} custom action types already; delete one that is not used");
            return Err(ErrorKind::LimitExceeded.because(message));
        }
        self.custom.push(Registered { action_type: new, deleted: false, tags });
        Ok(())
    }

    /// Marks a custom action type deleted. Deleting what does not exist is no error, as on AWS.
    pub(crate) fn delete(&mut self, id: &ActionTypeId) {
        for known in self.custom.iter_mut().filter(|known| known.action_type.id == *id) {
            known.deleted = true;
        }
    }

    /// The tags of a custom action type.
    pub(crate) fn tags_mut(&mut self, id: &ActionTypeId) -> Option<&mut Tags> {
        let mut usable = self.custom.iter_mut().filter(|known| !known.deleted);
        usable.find(|known| known.action_type.id == *id).map(|known| &mut known.tags)
    }

    /// Declares a third party's action type, or replaces its declaration.
    pub(crate) fn declare(&mut self, new: ThirdPartyType) -> Answer<()> {
        new.action_type.check()?;
        self.third_party.retain(|known| known.action_type.id != new.action_type.id);
        self.third_party.push(new);
        Ok(())
    }

    /// The third party's action type of this id.
    pub(crate) fn third_party(&self, id: &ActionTypeId) -> Option<&ThirdPartyType> {
        self.third_party.iter().find(|known| known.action_type.id == *id)
    }
}

impl ActionType {
    /// The property that polls may filter by.
    pub(crate) fn queryable(&self) -> Option<&Property> {
        self.action_configuration_properties.iter().find(|p| p.queryable)
    }

    /// The property of this name.
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.action_configuration_properties.iter().find(|p| p.name == name)
    }

    fn check(&self) -> Answer<()> {
        let refuse = |message: String| Err(ErrorKind::Validation.because(message));
        let properties = &self.action_configuration_properties;
        for (index, property) in properties.iter().enumerate() {
            let name = &property.name;
            if properties[..index].iter().any(|other| other.name == *name) {
                return refuse(format!("The configuration property '{name}' is declared twice"));
            }
            if property.queryable && (!property.required || property.secret) {
                return refuse(format!("The queryable property '{name}' must be required and must not be secret"));
            }
        }
        if properties.iter().filter(|p| p.queryable).count() > 1 {
            return refuse("At most one configuration property may be queryable".to_owned());
        }
        for count in [self.input_artifact_details, self.output_artifact_details] {
            if count.minimum_count > count.maximum_count {
                return refuse("minimumCount of artifacts must not exceed maximumCount".to_owned());
            }
        }
        self.check_templates()
    }

    /// `{Config:Name}` may only name a property that is always there and may be shown.
    fn check_templates(&self) -> Answer<()> {
        let settings = &self.settings;
        let templates =
            [&settings.entity_url_template, &settings.execution_url_template, &settings.revision_url_template];
        for template in templates.into_iter().flatten() {
            for part in template.split("{Config:").skip(1) {
                let name = part.split('}').next().unwrap_or_default();
                if !self.property(name).is_some_and(|p| p.required && !p.secret) {
                    let message = format!(
                        "The URL template '{template}' names the configuration property '{name}', which is not a \
                         required, non-secret property of the action type"
                    );
                    return Err(ErrorKind::Validation.because(message));
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for ActionTypeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Users know this form from the service's own messages.
        let Self { category, owner, provider, version } = self;
        write!(f, "ActionType (Category: '{category}', Owner: '{owner}', Provider: '{provider}', Version: '{version}')")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_type() -> ActionType {
        let mut made = builtin::action_types().swap_remove(0);
        made.id.owner = "Custom".to_owned();
        made
    }

    #[test]
    fn a_deleted_type_comes_back_only_with_the_same_definition() {
        let mut types = RegisteredTypes::new();
        types.register(test_type(), Tags::default()).unwrap();
        assert!(types.register(test_type(), Tags::default()).unwrap_err().message.contains("already exists"));
        types.delete(&test_type().id);
        assert!(types.find(&test_type().id).is_none());
        let mut other = test_type();
        other.action_configuration_properties.pop();
        assert_eq!(types.register(other, Tags::default()).unwrap_err().kind, ErrorKind::Validation);
        types.register(test_type(), Tags::default()).unwrap();
        assert!(types.find(&test_type().id).is_some());
    }

    #[test]
    fn a_link_may_not_show_a_secret() {
        let mut made = test_type();
        made.action_configuration_properties[0].secret = true;
        made.settings.execution_url_template = Some("https://x/{Config:S3Bucket}".to_owned());
        let refused = RegisteredTypes::new().register(made, Tags::default()).unwrap_err();
        assert!(refused.message.contains("'S3Bucket'"), "{refused}");
    }

    #[test]
    fn only_one_required_open_property_can_be_asked_for() {
        let mut made = test_type();
        made.action_configuration_properties[2].queryable = true;
        assert!(RegisteredTypes::new().register(made, Tags::default()).is_err());
        let mut made = test_type();
        made.action_configuration_properties[0].queryable = true;
        made.action_configuration_properties[1].queryable = true;
        assert!(RegisteredTypes::new().register(made, Tags::default()).is_err());
    }
}
