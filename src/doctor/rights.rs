//! What the worker may do, and the statements that are missing.

use serde_json::json;

use super::{About, Decision, Found, Line, Means, Need, NoMeans, Rights, Statement, Unknown, said};
use crate::ports::Fault;

const WORKER: &str = "rights-worker";
const SOME: &str = "rights-some-pipelines";
const STAGE: &str = "rights-stage";

/// The names of the lines, in their order.
pub(super) const NAMES: [&str; 3] = [WORKER, SOME, STAGE];

/// Every worker's rights, those of workers of some pipelines, and those on a stage's stacks.
pub(super) fn lines(rights: &Rights, about: &About<'_>) -> Vec<Line> {
    let of = |need, name: &'static str| Group { name, need, rights, about };
    let groups = [of(Need::Worker, WORKER), of(Need::Some, SOME)];
    let mut lines: Vec<Line> = groups.iter().map(Group::line).collect();
    lines.push(match (about.stage, about.stacks_role) {
        (None, _) => Line::not_checked(STAGE, "no --stage was given"),
        (Some(stage), Some(role)) => {
            let elsewhere = format!("the stacks of {stage} are made by {role} in another account");
            Line::not_checked(STAGE, &elsewhere)
        }
        (Some(_), None) => of(Need::Stage, STAGE).line(),
    });
    lines
}

/// The rights of one line.
struct Group<'a> {
    name: &'static str,
    need: Need,
    rights: &'a Rights,
    about: &'a About<'a>,
}

impl Group<'_> {
    fn line(&self) -> Line {
        match &self.rights.by {
            Means::Simulated(whose) => self.simulated(whose),
            Means::Tried(why) => self.tried(why),
            Means::Neither(NoMeans::UnknownCaller) => {
                Line::not_checked(self.name, "nobody can tell whose these credentials are")
            }
            Means::Neither(NoMeans::Root) if self.need == Need::Worker => {
                Line::warn(self.name, "not checked: these are the root user's credentials, whom no policy limits").cure(
                    "Name the role of the workers with --worker-role, so that IAM is asked about it. Workers should never be root.",
                )
            }
            Means::Neither(NoMeans::AboutAnother(role, why)) if self.need == Need::Worker => {
                about_another(self.name, role, why)
            }
            Means::Neither(NoMeans::Root | NoMeans::AboutAnother(..)) => {
                Line::not_checked(self.name, &format!("IAM was not asked: see {WORKER}"))
            }
        }
    }

    fn simulated(&self, whose: &str) -> Line {
        let denied = self.actions(|decision| matches!(decision, Decision::Denied | Decision::Forbidden));
        let untold = self.actions(|decision| matches!(decision, Decision::HangsOn(_)));
        let all = self.actions(|_| true).len();
        if denied.is_empty() {
            let allowed = all - untold.len();
            if untold.is_empty() {
                return Line::pass(self.name, format!("{whose} may do all {allowed} operations"));
            }
            let (untold, reasons) = (untold.join(", "), self.hung_on());
            let found =
                format!("{whose} may do {allowed} operations; IAM cannot tell of {untold}, which hang on {reasons}");
            return Line::pass(self.name, found);
        }
        let found = format!("{whose} may not: {}", denied.join(", "));
        self.missing(if self.need == Need::Some { Line::warn(self.name, found) } else { Line::fail(self.name, found) })
    }

    fn tried(&self, why: &Unknown) -> Line {
        let denied = self.actions(|decision| matches!(decision, Decision::Denied | Decision::Forbidden));
        if !denied.is_empty() {
            return self.missing(Line::fail(self.name, format!("these credentials may not: {}", denied.join(", "))));
        }
        let allowed = self.actions(|decision| *decision == Decision::Allowed);
        let unasked = self.actions(|decision| *decision != Decision::Allowed);
        if allowed.is_empty() {
            return Line::not_checked(self.name, &format!("only IAM can tell: see {WORKER}"));
        }
        let found = format!(
            "tried: {} are allowed; not checked: {}, because only IAM can tell, and: {}",
            allowed.join(", "),
            unasked.join(", "),
            said(why)
        );
        Line::warn(self.name, found)
            .cure("Run doctor with an administrator's credentials and --worker-role. A worker has no need to ask IAM.")
            .paste("bluestage doctor --worker-role ARN")
    }

    /// The line with the statements that would allow what is denied.
    fn missing(&self, line: Line) -> Line {
        let statements: Vec<&Statement> = self.denied_statements();
        let sids: Vec<&str> = statements.iter().map(|statement| statement.sid.as_str()).collect();
        let mut cure: Vec<String> = Vec::new();
        // Those of one line are all of one template.
        if let Some(Statement { template, .. }) = statements.first() {
            let which = if sids.len() == 1 { "its statement" } else { "its statements" };
            let sids = sids.join(", ");
            cure.push(format!(
                "Deploy {template} again, which gives {which} {sids}; or add what follows to the role's policy."
            ));
        }
        let forbidden = self.actions(|decision| *decision == Decision::Forbidden);
        if !forbidden.is_empty() {
            let forbidden = forbidden.join(", ");
            cure.push(format!(
                "A statement with the effect Deny, a permissions boundary or the organization forbids {forbidden}: take that \
                 away, for no other statement can allow it."
            ));
        }
        match self.need {
            Need::Some => {
                cure.push("It is needed for Rebind=start of Promote and for Runner=codebuild only.".to_owned())
            }
            Need::Worker if sids.contains(&"ReadExecutions") => {
                cure.push("Where PipelineNames limits the pipelines, give --pipeline-names the same.".to_owned());
            }
            Need::Worker | Need::Stage => {}
        }
        let line = line.cure(cure.join(" "));
        statements.into_iter().fold(line, |line, statement| line.paste(statement.policy.clone()))
    }

    /// The operations of this group whose answers are such, each once, in the templates' order.
    fn actions(&self, such: impl Fn(&Decision) -> bool) -> Vec<&str> {
        let mut actions: Vec<&str> = Vec::new();
        for found in self.found().filter(|found| such(&found.decision)) {
            if !actions.contains(&found.action.as_str()) {
                actions.push(&found.action);
            }
        }
        actions
    }

    fn denied_statements(&self) -> Vec<&Statement> {
        let denied: Vec<usize> =
            self.found().filter(|found| found.decision == Decision::Denied).map(|found| found.statement).collect();
        let all = self.about.statements.iter().enumerate();
        all.filter(|(place, _)| denied.contains(place)).map(|(_, statement)| statement).collect()
    }

    fn hung_on(&self) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        for found in self.found() {
            if let Decision::HangsOn(reason) = &found.decision
                && !reasons.contains(&reason.as_str())
            {
                reasons.push(reason);
            }
        }
        reasons.join(", ")
    }

    fn found(&self) -> impl Iterator<Item = &Found> {
        let statements = self.about.statements;
        let is_ours = move |found: &&Found| statements.get(found.statement).is_some_and(|one| one.need == self.need);
        self.rights.found.iter().filter(is_ours)
    }
}

/// IAM did not tell about the role of `--worker-role`: there is none, or one may not ask.
fn about_another(name: &str, role: &str, why: &Unknown) -> Line {
    if let Unknown::Fault(Fault::Rejected { .. }) = why {
        return Line::fail(name, said(why))
            .cure("Mend --worker-role: worker-role.yaml gives it as its output WorkerRoleArn.");
    }
    Line::warn(name, format!("not checked: {}", said(why)))
        .cure("Run doctor with credentials that may ask IAM about the role.")
        .paste(json!({"Effect": "Allow", "Action": "iam:SimulatePrincipalPolicy", "Resource": role}))
}
