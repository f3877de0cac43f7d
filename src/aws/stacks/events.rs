//! Why a stack failed: the first resource of the last operation that really failed.
//!
//! The stack's own reason only counts them ("The following resource(s) failed to create: …"), and the newest failures
//! are those of resources that CloudFormation gave up because of the first one.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Stack, StackEvent, StackStatus};

use crate::aws::fault::fault;
use crate::ports::{FailedResource, Fault};

/// A stack has at most 500 resources with a handful of events each, and a page holds 100 events; beyond this the
/// stack's own reason has to do.
const MOST_PAGES: usize = 50;

/// The type under which a stack reports about itself.
const STACK: &str = "AWS::CloudFormation::Stack";

/// Who is to blame for the state of `stack`, which has failed.
pub(super) async fn blame(client: &Client, stack: &Stack, id: &str) -> Result<FailedResource, Fault> {
    let events = last_operation(client, id).await?;
    Ok(first_failure(&events).unwrap_or_else(|| FailedResource {
        resource: stack.stack_name().unwrap_or(id).to_owned(),
        kind: STACK.to_owned(),
        reason: stack_reason(stack),
    }))
}

fn stack_reason(stack: &Stack) -> String {
    let status = stack.stack_status().map_or("an unknown status", StackStatus::as_str);
    match stack.stack_status_reason() {
        Some(reason) if !reason.is_empty() => reason.to_owned(),
        _ => format!("the stack is in {status}, without a reason"),
    }
}

/// The events of the last operation on the stack, newest first.
async fn last_operation(client: &Client, id: &str) -> Result<Vec<StackEvent>, Fault> {
    let request = client.describe_stack_events().stack_name(id);
    let mut pages = request.into_paginator().send();
    let mut events = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else {
            break;
        };
        let page = page.map_err(|error| fault(format!("ask why stack {id} failed"), &error))?;
        for event in page.stack_events.unwrap_or_default() {
            let started = is_start(&event, id);
            events.push(event);
            if started {
                return Ok(events);
            }
        }
    }
    Ok(events)
}

fn is_start(event: &StackEvent, id: &str) -> bool {
    let status = event.resource_status().map(|status| status.as_str());
    event.physical_resource_id() == Some(id)
        && matches!(
            status,
            Some("CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS")
        )
}

/// The oldest failure of a resource, of events that stand newest first.
fn first_failure(events: &[StackEvent]) -> Option<FailedResource> {
    let failed = events.iter().rev().find(|event| is_own_failure(event))?;
    Some(FailedResource {
        resource: failed.logical_resource_id()?.to_owned(),
        kind: failed.resource_type().unwrap_or_default().to_owned(),
        reason: failed.resource_status_reason().unwrap_or("CloudFormation gave no reason").to_owned(),
    })
}

/// Whether a resource failed by itself. The stack's own events count failures, they are none; and a resource that was
/// cancelled "failed" only because another one did.
fn is_own_failure(event: &StackEvent) -> bool {
    let is_stack = event.physical_resource_id().is_some_and(|id| !id.is_empty())
        && event.physical_resource_id() == event.stack_id();
    let failed = event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"));
    let reason = event.resource_status_reason().unwrap_or_default();
    let cancelled =
        ["creation", "update", "deletion"].iter().any(|what| reason.starts_with(&format!("Resource {what} cancelled")));
    failed && !is_stack && !cancelled
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/test-orders-v7/1";

    fn event(resource: &str, status: &str, reason: &str) -> StackEvent {
        let physical = if resource == "test-orders-v7" { ID } else { resource };
        StackEvent::builder()
            .stack_id(ID)
            .logical_resource_id(resource)
            .physical_resource_id(physical)
            .resource_type("AWS::SQS::Queue")
            .resource_status(status.into())
            .resource_status_reason(reason)
            .build()
    }

    #[test]
    fn the_first_resource_that_failed_by_itself_is_to_blame() {
        let newest_first = [
            event("test-orders-v7", "ROLLBACK_COMPLETE", ""),
            event("Late", "CREATE_FAILED", "Another reason"),
            event("Other", "CREATE_FAILED", "Resource creation cancelled"),
            event("Queue", "CREATE_FAILED", "Invalid value"),
            event("Queue", "CREATE_IN_PROGRESS", ""),
            event("test-orders-v7", "CREATE_IN_PROGRESS", "User Initiated"),
        ];
        let blamed = first_failure(&newest_first).unwrap();
        assert_eq!((blamed.resource.as_str(), blamed.reason.as_str()), ("Queue", "Invalid value"));
        assert!(is_start(&newest_first[5], ID));
        assert!(!newest_first[..5].iter().any(|event| is_start(event, ID)));
    }

    #[test]
    fn a_stack_does_not_blame_itself() {
        let events = [event("test-orders-v7", "CREATE_FAILED", "it failed")];
        assert_eq!(first_failure(&events), None);
    }

    #[test]
    fn a_stack_without_a_failed_resource_tells_its_own_reason() {
        let stack = Stack::builder().stack_status(StackStatus::RollbackComplete);
        let silent = stack.clone().stack_status_reason("").build();
        assert!(stack_reason(&silent).contains("ROLLBACK_COMPLETE"));
        let told = stack.stack_status_reason("Limit reached").build();
        assert_eq!(stack_reason(&told), "Limit reached");
    }
}
