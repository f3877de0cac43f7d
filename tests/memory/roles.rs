//! The roles of tests: every role but those that deny it can be played.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bluestage::ports::{Credentials, Fault, RoleCredentials, RoleSession, TestRoles};

use super::line::Line;

pub(crate) struct MemoryRoles {
    line: Arc<Line>,
    denying: Arc<Mutex<BTreeSet<String>>>,
    sessions: Arc<Mutex<Vec<RoleSession>>>,
}

impl MemoryRoles {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        Self { line, denying: Arc::default(), sessions: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self { line, denying: Arc::clone(&self.denying), sessions: Arc::clone(&self.sessions) }
    }

    /// The worker may not play this role.
    pub(crate) fn deny(&self, role_arn: &str) {
        self.denying.lock().unwrap().insert(role_arn.to_owned());
    }

    /// Every session that was handed out.
    pub(crate) fn sessions(&self) -> Vec<RoleSession> {
        self.sessions.lock().unwrap().clone()
    }

    fn hand_out(&self, session: &RoleSession) -> Result<RoleCredentials, Fault> {
        if self.denying.lock().unwrap().contains(&session.role_arn) {
            let detail = "AccessDenied: not authorized to perform sts:AssumeRole".to_owned();
            return Err(Fault::Denied { doing: "play a role".to_owned(), detail });
        }
        self.sessions.lock().unwrap().push(session.clone());
        let of = |what: &str| format!("{what} of {}", session.name).into();
        let credentials =
            Credentials { access_key_id: of("id"), secret_access_key: of("key"), session_token: Some(of("token")) };
        Ok(RoleCredentials { credentials, region: Some("eu-central-1".to_owned()) })
    }
}

#[async_trait]
impl TestRoles for MemoryRoles {
    async fn assume(&self, session: &RoleSession) -> Result<RoleCredentials, Fault> {
        self.line.call(format!("test_roles.assume {}", session.name), || self.hand_out(session)).await
    }
}
