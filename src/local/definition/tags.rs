//! Tags of pipelines, custom action types and webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::local::error::{Answer, ErrorKind};

/// A resource has at most this many tags (AWS quotas page).
const MOST_TAGS: usize = 50;

/// Tags by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tags(BTreeMap<String, String>);

/// A tag in the API's form.
#[derive(Deserialize)]
pub(crate) struct Tag {
    key: String,
    value: String,
}

impl Tags {
    /// Adds tags; a key that is there already gets the new value.
    pub(crate) fn add(&mut self, new: Vec<Tag>) -> Answer<()> {
        if new.iter().any(|tag| tag.key.to_ascii_lowercase().starts_with("aws:")) {
            return Err(ErrorKind::InvalidTags.because("A tag's key must not begin with 'aws:', which is reserved"));
        }
        let mut all = self.0.clone();
        all.extend(new.into_iter().map(|tag| (tag.key, tag.value)));
        if all.len() > MOST_TAGS {
            return Err(ErrorKind::TooManyTags.because(format!("A resource has at most {MOST_TAGS} tags")));
        }
        self.0 = all;
        Ok(())
    }

    /// Takes tags away; those that are not there are no error.
    pub(crate) fn remove(&mut self, keys: &[String]) {
        self.0.retain(|key, _| !keys.contains(key));
    }

    /// Each tag with its key, in the API's form.
    pub(crate) fn listed(&self) -> Vec<(String, Value)> {
        self.0.iter().map(|(key, value)| (key.clone(), json!({"key": key, "value": value}))).collect()
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = crate::local::error::ApiError;

    fn try_from(new: Vec<Tag>) -> Answer<Self> {
        let mut tags = Self::default();
        tags.add(new)?;
        Ok(tags)
    }
}
