//! The files of pipelines are read again and again: what is changed in them counts from then on.

use std::path::PathBuf;

use super::{Local, template};

impl Local {
    /// Follows these files, which were loaded before, until it is dropped: whenever something is declared in them that
    /// was not there at the last look, everything in them is declared anew. What is wrong in a file is logged, and what
    /// was declared before goes on to count. A pipeline that is in no file any more stays until it is deleted.
    pub async fn follow(&self, paths: &[PathBuf], parameters: &[(String, String)]) {
        let mut known = template::read(paths, parameters, self.settings()).ok();
        let mut told = String::new();
        loop {
            self.clock().sleep(self.settings().source_poll).await;
            let found = template::read(paths, parameters, self.settings());
            if known.is_some() && known.as_ref() == found.as_ref().ok() {
                told.clear();
                continue;
            }
            let declared = found.and_then(|found| {
                let loaded = self.change(|state, turn| template::declare(state, found.clone(), turn))?;
                known = Some(found);
                Ok(loaded)
            });
            match declared {
                Ok(loaded) => {
                    told.clear();
                    tracing::info!(pipelines = ?loaded.pipelines, "files have changed and were loaded again");
                }
                // Once is enough: it stays wrong until somebody mends it.
                Err(error) if error.to_string() != told => {
                    told = error.to_string();
                    tracing::warn!(%error, "files have changed and cannot be loaded; what was loaded before counts");
                }
                Err(_) => {}
            }
        }
    }
}
