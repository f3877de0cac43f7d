//! The files of pipelines are read again and again: what is changed in them counts from then on.

use std::path::PathBuf;

use super::template::{self, Findings};
use super::{Loaded, Local};

impl Local {
    /// Follows these files, of which this was loaded, until it is dropped: whenever something is declared in them that
    /// was not there at the last look, everything in them is declared anew. What is wrong in a file is logged, and what
    /// was declared before goes on to count. A pipeline that is in no file any more stays until it is deleted.
    pub async fn follow(&self, loaded: Loaded, paths: &[PathBuf], parameters: &[(String, String)]) {
        let mut known = loaded.found;
        let mut told = String::new();
        loop {
            self.clock().sleep(self.settings().source_poll).await;
            let found = template::read(paths, parameters, self.settings());
            if found.as_ref().is_ok_and(|found| *found == known) {
                told.clear();
                continue;
            }
            let declared = found.and_then(|found| self.change(|state, turn| template::declare(state, found, turn)));
            match declared {
                Ok(loaded) => {
                    told.clear();
                    tracing::info!(pipelines = ?loaded.pipelines, "files have changed and were loaded again");
                    known = loaded.found;
                }
                Err(error) => {
                    // A part may be declared already, so that whatever comes next is declared whole.
                    known = Findings::default();
                    // Once is enough: it stays wrong until somebody mends it.
                    if error.to_string() != told {
                        told = error.to_string();
                        tracing::warn!(%error, "files have changed and cannot be loaded; what was loaded before counts");
                    }
                }
            }
        }
    }
}
