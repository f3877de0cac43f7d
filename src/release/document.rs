//! The stage document: the stage as stored bytes, and the rule for documents of another form.
//!
//! JSON, UTF-8. Two versions of the worker run side by side during an update, so an older one must neither misread
//! nor overwrite what a newer one wrote: a newer `schema` is refused as a whole, and so is an unknown member, which
//! reading and writing again would silently drop.

use serde::Deserialize;

use super::names::StageName;
use super::stage::Stage;

/// The form that this program reads and writes. Raise it when an older program could misread the new form.
pub const SCHEMA: u32 = 1;

/// Why a stored document could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A newer program wrote it.
    #[error(
        "its schema is {found}, and this worker reads up to {SCHEMA}: a newer bluestage wrote it; update this worker"
    )]
    Newer {
        /// The schema it has.
        found: u32,
    },
    /// It is JSON of another form, under a schema that this program should know: a newer program may have changed the form
    /// and kept the number.
    #[error(
        "its form is not one that this worker knows: {0}; if a newer bluestage wrote it, update this worker, and else \
         restore an earlier one, which the bucket's versioning keeps"
    )]
    Unknown(#[source] serde_json::Error),
    /// It is not a stage document at all.
    #[error("it is not a stage document: {0}; an earlier one is kept by the bucket's versioning")]
    Malformed(#[from] serde_json::Error),
    /// It belongs to another stage.
    #[error("it says that it is the document of stage {found}")]
    OtherStage {
        /// The stage it names.
        found: StageName,
    },
}

/// Reads the document of the stage `name`.
///
/// # Errors
/// When the bytes are not a document that this program may read and write.
pub fn parse(name: &StageName, bytes: &[u8]) -> Result<Stage, DocumentError> {
    // As text, so that its form is checked once for all of it, and not again for each string in it.
    let read = match str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str::<Stage>(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    match read {
        Ok(stage) if stage.schema > SCHEMA => Err(DocumentError::Newer { found: stage.schema }),
        Ok(stage) if stage.name == *name => Ok(stage),
        Ok(stage) => Err(DocumentError::OtherStage { found: stage.name }),
        Err(bad) => Err(unreadable(bytes, bad)),
    }
}

/// Why the bytes could not be read: a newer program may have written them. That is looked at only now, because it takes
/// reading all of a document that mostly is fine once more.
fn unreadable(bytes: &[u8], bad: serde_json::Error) -> DocumentError {
    #[derive(Deserialize)]
    struct Form {
        schema: u32,
    }
    match serde_json::from_slice(bytes) {
        Ok(Form { schema: found }) if found > SCHEMA => DocumentError::Newer { found },
        Ok(Form { .. }) if bad.is_data() => DocumentError::Unknown(bad),
        Ok(Form { .. }) => DocumentError::Malformed(bad),
        Err(malformed) => DocumentError::Malformed(malformed),
    }
}

/// The bytes to store for `stage`.
///
/// # Panics
/// Never: every member of a stage has a JSON form.
#[must_use]
pub fn render(stage: &Stage) -> Vec<u8> {
    serde_json::to_vec(stage).expect("a stage is made of strings, numbers and maps with string keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_stage() -> StageName {
        "test".parse().unwrap()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let stage = Stage::empty(test_stage());
        assert_eq!(parse(&test_stage(), &render(&stage)).unwrap(), stage);
    }

    #[test]
    fn a_newer_schema_is_refused_whatever_else_is_in_it() {
        let readable = Stage { schema: 2, ..Stage::empty(test_stage()) };
        for newer in [br#"{"schema": 2, "whatever": "comes"}"#.to_vec(), render(&readable)] {
            let refused = parse(&test_stage(), &newer).unwrap_err();
            assert!(matches!(refused, DocumentError::Newer { found: 2 }), "{refused}");
        }
        let refused = parse(&test_stage(), &render(&readable)).unwrap_err();
        assert!(refused.to_string().contains("update this worker"));
    }

    #[test]
    fn an_unknown_member_is_refused_not_dropped() {
        let mut json: serde_json::Value = serde_json::from_slice(&render(&Stage::empty(test_stage()))).unwrap();
        json["surprise"] = true.into();
        let bytes = serde_json::to_vec(&json).unwrap();
        assert!(matches!(parse(&test_stage(), &bytes), Err(DocumentError::Unknown(_))));
    }

    #[test]
    fn another_stages_document_is_refused() {
        let other = render(&Stage::empty("production".parse().unwrap()));
        assert!(matches!(parse(&test_stage(), &other), Err(DocumentError::OtherStage { .. })));
    }

    #[test]
    fn rubbish_is_refused_with_where_it_goes_wrong() {
        let refused = parse(&test_stage(), b"<html>").unwrap_err().to_string();
        assert!(refused.contains("line 1"), "{refused}");
    }
}
