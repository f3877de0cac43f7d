//! Worlds in which `MiniStack` evaluates IAM, and workers have the rights that the templates give and no others.
//!
//! `BLUESTAGE_TEST_AUTH=true` asks for them; `make granted` runs the tests of the whole in such worlds.

use std::process::Command;

use serde_json::Value;

use super::{STATE_BUCKET, root};

/// A worker's credentials, and what goes with them.
pub(super) struct Granted {
    key: String,
    secret: String,
    /// The role that its tests may play.
    pub(super) test_role: String,
}

/// Whether a stack of this name holds what gives rights, and is none that a worker has made.
pub fn gives_rights(stack: &str) -> bool {
    stack.starts_with("bluestage-")
}

/// Whether the tests are to run with rights.
pub(super) fn is_asked() -> bool {
    std::env::var("BLUESTAGE_TEST_AUTH").is_ok_and(|asked| asked == "true")
}

impl Granted {
    /// Deploys the templates there, and makes somebody who has what they give a worker.
    pub(super) fn at(aws_url: &str) -> Self {
        let mut command = Command::new(root().join("target/venv-check/bin/python"));
        command
            .args(["-W", "ignore", "tests/templates/grant.py", aws_url, STATE_BUCKET])
            .current_dir(root())
            .env_clear();
        let output = command.output().expect("make granted has installed the tools");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let key: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        Self { key: text("AccessKeyId"), secret: text("SecretAccessKey"), test_role: text("TestRoleArn") }
    }

    /// Puts them into the environment of a process.
    pub(super) fn put(granted: Option<&Self>, environment: &mut Vec<(String, String)>) {
        if let Some(Self { key, secret, .. }) = granted {
            environment.push(("AWS_ACCESS_KEY_ID".to_owned(), key.clone()));
            environment.push(("AWS_SECRET_ACCESS_KEY".to_owned(), secret.clone()));
        }
    }
}
