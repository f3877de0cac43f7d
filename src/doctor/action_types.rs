//! The three custom action types.

use super::{About, ActionTypeFound, Asked, Line, Unknown, said};
use crate::ports::Fault;

pub(super) const NAME: &str = "action-types";

/// What is wrong with one action type, worst last.
enum Wrong {
    Missing,
    OtherVersion,
    Different,
}

/// Whether pipelines find the actions that this program serves.
pub(super) fn line(found: &Asked<Vec<ActionTypeFound>>, about: &About<'_>) -> Line {
    let types = match found {
        Ok(types) => types,
        Err(unknown @ Unknown::Fault(Fault::Denied { .. })) => {
            return Line::warn(NAME, format!("not checked: {}", said(unknown)))
                .cure("Run doctor with an administrator's credentials, or allow them this.")
                .paste(
                    serde_json::json!({"Effect": "Allow", "Action": "codepipeline:ListActionTypes", "Resource": "*"}),
                );
        }
        Err(unknown) => return Line::not_checked(NAME, &format!("CodePipeline did not tell: {}", said(unknown))),
    };
    let wrong: Vec<(&ActionTypeFound, Wrong)> = types.iter().filter_map(|one| Some((one, wrong(one)?))).collect();
    if wrong.is_empty() {
        return Line::pass(NAME, format!("{} are registered as this program serves them", listed(types)));
    }
    let told: Vec<String> = wrong.iter().map(|(one, wrong)| sentence(one, wrong)).collect();
    let line = Line::fail(NAME, told.join("; "));
    if wrong.iter().any(|(_, wrong)| matches!(wrong, Wrong::Different)) {
        return line.cure(
            "Another release of bluestage has registered them. Run workers of that release, or update this program to it: a \
             version of an action type never changes, and a deregistered one comes back only as it was.",
        );
    }
    let cure = "Register them in this account and region, or deploy pipeline-templates/custom-actions.yaml; those of other \
                versions stay. Pipelines name the version in ActionTypeId.";
    line.cure(cure).paste(format!("bluestage actions register --state {}", about.state))
}

fn wrong(one: &ActionTypeFound) -> Option<Wrong> {
    match one {
        _ if !one.differences.is_empty() => Some(Wrong::Different),
        _ if one.registered.contains(&one.wanted) => None,
        _ if one.registered.is_empty() => Some(Wrong::Missing),
        _ => Some(Wrong::OtherVersion),
    }
}

fn sentence(one: &ActionTypeFound, wrong: &Wrong) -> String {
    let ActionTypeFound { action, wanted, registered, differences } = one;
    match wrong {
        Wrong::Missing => format!("{action} is not registered"),
        Wrong::OtherVersion => {
            format!(
                "{action} is registered as version {}, and this program serves version {wanted}",
                registered.join(", ")
            )
        }
        Wrong::Different => {
            format!("{action} version {wanted} is another one than this program's: {}", differences.join(", "))
        }
    }
}

fn listed(types: &[ActionTypeFound]) -> String {
    let names = types.iter().map(|one| format!("{} {}", one.action, one.wanted));
    names.collect::<Vec<_>>().join(", ")
}
