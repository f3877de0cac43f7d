//! Brings a stack with a fixed name to what was tested in another one.
//!
//! The change set is the fence: CloudFormation refuses one that was made before another update of the stack.

use super::change_set::{self, ChangeSet, Progress, Purpose};
use super::{CloudFormationStacks, failed, id_of, is_waiting, key, taken_away, template};
use crate::aws::fault::{fault, rejected};
use crate::ports::{Fault, MadeFrom, StackSpec, StackState};
use crate::release::StackRef;

/// What CloudFormation tells instead of the value of a parameter that is not to be shown (`NoEcho`).
const HIDDEN: &str = "****";

/// What CloudFormation says of a change set that would change nothing; the second form is that of templates with a
/// transform.
const NOTHING_TO_CHANGE: [&str; 2] = ["didn't contain changes", "no updates are to be performed"];

impl CloudFormationStacks {
    /// The template and the parameters that the stack was made from.
    pub(super) async fn ingredients(&self, stack: &StackRef) -> Result<MadeFrom, Fault> {
        let name = key(stack);
        let doing = || format!("read what stack {name} was made from");
        let found = self.describe(stack).await?;
        let found = found.ok_or_else(|| rejected(doing(), "the stack does not exist".to_owned()))?;
        let answer = self.client.get_template().stack_name(name).send().await;
        let answer = answer.map_err(|error| fault(doing(), &error))?;
        let parameters = found.parameters.unwrap_or_default().into_iter();
        Ok(MadeFrom {
            template: answer.template_body.unwrap_or_default(),
            parameters: parameters
                .filter_map(|told| Some((told.parameter_key?, told.parameter_value.filter(|value| value != HIDDEN))))
                .collect(),
        })
    }

    /// Does the next needful thing so that the stack comes to be as `spec` says.
    pub(super) async fn bring_to(&self, spec: &StackSpec, change_set: &str) -> Result<StackState, Fault> {
        let there = self.describe(&spec.stack).await?;
        let is_there = there.as_ref().is_some_and(|stack| !is_waiting(stack));
        let purpose = Purpose::apply(change_set, is_there);
        let id = there.as_ref().map_or_else(|| spec.stack.name.clone(), id_of);
        let known = ChangeSet::of(&id, &spec.stack.name, &purpose);
        let progress = match there {
            Some(_) => change_set::look(&self.client, &known).await?,
            None => Progress::Missing,
        };
        if progress != Progress::Missing {
            return self.carry_out_update(spec, &known, progress).await;
        }
        let template = template::ready(&self.state, &spec.template).await?;
        let made = change_set::create(&self.client, spec, (template, &purpose)).await?;
        let made = made.unwrap_or(known);
        let progress = change_set::look(&self.client, &made).await?;
        self.carry_out_update(spec, &made, progress).await
    }

    async fn carry_out_update(
        &self,
        spec: &StackSpec,
        set: &ChangeSet,
        progress: Progress,
    ) -> Result<StackState, Fault> {
        match progress {
            Progress::Refused(reason) if changes_nothing(&reason) => {}
            Progress::Refused(reason) => {
                return Ok(failed(&spec.stack.name, &set.stack_id, reason));
            }
            Progress::Missing | Progress::Pending => {
                return Ok(StackState::InProgress { id: set.stack_id.clone(), doing: "CHANGE_SET_PENDING".to_owned() });
            }
            Progress::Ready(arn) => change_set::execute(&self.client, &arn, &spec.request_token).await?,
            Progress::Executed => {}
        }
        match self.describe(&spec.stack).await? {
            Some(stack) => self.state(stack).await,
            None => Ok(taken_away(&spec.stack)),
        }
    }
}

fn changes_nothing(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    NOTHING_TO_CHANGE.iter().any(|phrase| reason.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_saying_that_nothing_changes_are_understood() {
        assert!(changes_nothing(
            "The submitted information didn't contain changes. Submit different information to create a change set."
        ));
        assert!(changes_nothing("No updates are to be performed."));
        assert!(!changes_nothing("Template error: resource Queue does not exist"));
    }
}
