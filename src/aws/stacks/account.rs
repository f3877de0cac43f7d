//! What only a look at the whole account tells: which stacks are ready, which carry certain tags, and how many there may be.
//!
//! A listing (`ListStacks`) tells in pages of a hundred stacks. It tells no tags, so these are asked for by the one
//! `DescribeStacks` without a name, in pages of up to 1 MB, some hundred stacks each (API reference): 2,000 stacks take
//! about twenty of the calls of which CloudFormation answers five a second to the whole account.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{AccountLimit, Stack, StackStatus, StackSummary};

use super::status::{Standing, standing};
use super::{id_of, last_changed};
use crate::aws::fault::fault;
use crate::ports::{Fault, ReadyStacks, StacksAtWork, TaggedStack};
use crate::release::StackRef;

/// The limit's name (API reference, `AccountLimit`).
const STACK_LIMIT: &str = "StackLimit";

/// Every stack that is ready, with when it was last changed.
pub(super) async fn ready(client: &Client) -> Result<ReadyStacks, Fault> {
    let listed = listed(client, &[Standing::Usable]).await?.into_iter();
    Ok(listed
        .filter_map(|stack| Some((stack.stack_id?, last_changed(stack.last_updated_time, stack.creation_time))))
        .collect())
}

/// Every stack at which CloudFormation is at work, with what it does.
pub(super) async fn at_work(client: &Client) -> Result<StacksAtWork, Fault> {
    let listed = listed(client, &[Standing::Moving, Standing::Leaving]).await?.into_iter();
    Ok(listed.filter_map(|stack| Some((stack.stack_id?, stack.stack_status?.as_str().to_owned()))).collect())
}

/// Every stack that stands so. Only such are asked for: CloudFormation tells of deleted stacks for 90 days, and there are many
/// more of those.
async fn listed(client: &Client, standings: &[Standing]) -> Result<Vec<StackSummary>, Fault> {
    let stands_so = |status: &StackStatus| standings.contains(&standing(status));
    let all = StackStatus::values().iter().map(|status| StackStatus::from(*status));
    let mut pages =
        client.list_stacks().set_stack_status_filter(Some(all.filter(stands_so).collect())).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault("list the stacks of the account", &error))?;
        found.extend(page.stack_summaries.unwrap_or_default());
    }
    found.retain(|stack| stack.stack_status().is_some_and(stands_so));
    Ok(found)
}

/// Every stack with such a tag.
pub(super) async fn tagged(client: &Client, prefix: &str) -> Result<Vec<TaggedStack>, Fault> {
    let mut pages = client.describe_stacks().into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault("look at all stacks of the account", &error))?;
        found.extend(page.stacks().iter().filter_map(|stack| with_tags(stack, prefix)));
    }
    Ok(found)
}

/// A stack inside of another one has that one's tags, and goes with it.
fn with_tags(stack: &Stack, prefix: &str) -> Option<TaggedStack> {
    let pairs = stack.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    let tags: BTreeMap<String, String> = pairs.filter(|(name, _)| name.starts_with(prefix)).collect();
    if tags.is_empty() || stack.parent_id().is_some() || stack.root_id().is_some() {
        return None;
    }
    let status = stack.stack_status()?;
    let made_at = stack.creation_time().and_then(|at| u64::try_from(at.secs()).ok());
    Some(TaggedStack {
        stack: StackRef { name: stack.stack_name()?.to_owned(), id: Some(id_of(stack)), changed_at: None },
        tags,
        made_at,
        doing: is_at_work(status)?.then(|| status.as_str().to_owned()),
    })
}

/// Whether CloudFormation is at work on a stack of this status; nothing for one that is gone.
fn is_at_work(status: &StackStatus) -> Option<bool> {
    match standing(status) {
        Standing::Moving | Standing::Leaving => Some(true),
        // Nothing will happen by itself to one that waits for its change set to be executed.
        Standing::Waiting | Standing::Usable | Standing::Broken => Some(false),
        Standing::Gone => None,
    }
}

/// How many stacks this account may have in this region, if it is told.
pub(super) async fn limit(client: &Client) -> Result<Option<usize>, Fault> {
    let mut pages = client.describe_account_limits().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault("ask how many stacks this account may have", &error))?;
        if let Some(most) = stack_limit(page.account_limits()) {
            return Ok(Some(most));
        }
    }
    Ok(None)
}

fn stack_limit(limits: &[AccountLimit]) -> Option<usize> {
    let limit = limits.iter().find(|limit| limit.name() == Some(STACK_LIMIT))?;
    usize::try_from(limit.value()?).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::primitives::DateTime;
    use aws_sdk_cloudformation::types::Tag;

    use super::*;

    fn stack(status: StackStatus) -> aws_sdk_cloudformation::types::builders::StackBuilder {
        let tag = |key: &str| Tag::builder().key(key).value("test").build();
        Stack::builder()
            .stack_name("test-orders-v1")
            .stack_id("arn:1")
            .stack_status(status)
            .creation_time(DateTime::from_secs(1_000))
            .tags(tag("bluestage:stage"))
            .tags(tag("team"))
    }

    #[test]
    fn a_stack_tells_its_tags_of_ours_its_age_and_whether_anything_is_done_to_it() {
        for (status, doing) in [
            (StackStatus::CreateComplete, None),
            (StackStatus::RollbackComplete, None),
            (StackStatus::CreateFailed, None),
            (StackStatus::DeleteFailed, None),
            (StackStatus::ReviewInProgress, None),
            (StackStatus::CreateInProgress, Some("CREATE_IN_PROGRESS")),
            (StackStatus::DeleteInProgress, Some("DELETE_IN_PROGRESS")),
        ] {
            let found = with_tags(&stack(status).build(), "bluestage:").unwrap();
            assert_eq!(found.tags, BTreeMap::from([("bluestage:stage".to_owned(), "test".to_owned())]));
            assert_eq!((found.made_at, found.doing.as_deref()), (Some(1_000), doing));
            assert_eq!((found.stack.name.as_str(), found.stack.id.as_deref()), ("test-orders-v1", Some("arn:1")));
        }
    }

    #[test]
    fn of_the_accounts_limits_the_one_on_stacks_is_read() {
        let limit = |name: &str, value| AccountLimit::builder().name(name).value(value).build();
        assert_eq!(stack_limit(&[limit("StackOutputsLimit", 200), limit("StackLimit", 2_000)]), Some(2_000));
        assert_eq!(stack_limit(&[limit("StackOutputsLimit", 200)]), None);
    }

    #[test]
    fn a_stack_that_is_inside_another_gone_or_without_such_tags_is_none_of_ours() {
        let ready = || stack(StackStatus::CreateComplete);
        assert_eq!(with_tags(&ready().parent_id("arn:0").build(), "bluestage:"), None);
        assert_eq!(with_tags(&ready().root_id("arn:0").build(), "bluestage:"), None);
        assert_eq!(with_tags(&stack(StackStatus::DeleteComplete).build(), "bluestage:"), None);
        assert_eq!(with_tags(&ready().build(), "other:"), None);
    }
}
