//! The service model as data: which members an input has, and what values they may take.
//!
//! Real CodePipeline checks every request against its model before it looks at the meaning, and words all violations
//! in one message. Doing it from a table gives the same messages for every operation, and lets templates be brought
//! into the API's form by the same table. The limits are those of the public service model (2015-07-09).

mod check;
mod declarations;
mod other_requests;
mod requests;

pub(crate) use check::violations;
pub(crate) use declarations::{CUSTOM_ACTION_TYPE, PIPELINE};
pub(crate) use requests::of_operation;

/// What a value may look like.
pub(crate) enum Shape {
    /// A string.
    Text(Text),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// An integer between two bounds, inclusive.
    Whole(i64, i64),
    /// `true` or `false`.
    Flag,
    /// A number: epoch seconds.
    Time,
    /// A list of `of`, at least `min` and at most `max` long.
    List { of: &'static Self, min: usize, max: usize },
    /// A map of free keys. Its keys are the user's own, so they are never re-cased.
    Map { key: &'static Text, value: &'static Self, max: usize },
    /// An object with these members.
    Object(&'static [Member]),
}

/// What a string may look like.
pub(crate) struct Text {
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// The model's pattern, word for word: the message quotes it.
    pub(crate) pattern: Option<&'static str>,
    /// Whether a string matches the pattern: one function per pattern instead of an engine for all.
    pub(crate) fits: fn(&str) -> bool,
    /// A value that no message may quote, because it may be a secret.
    pub(crate) hidden: bool,
}

/// One member of an object.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: &'static Shape,
}

/// No upper limit in the model.
const UNLIMITED: usize = usize::MAX;

const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

const fn may(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

const fn text(min: usize, max: usize) -> Text {
    Text { min, max, pattern: None, fits: any, hidden: false }
}

const fn matching(max: usize, pattern: &'static str, fits: fn(&str) -> bool) -> Text {
    Text { min: 1, max, pattern: Some(pattern), fits, hidden: false }
}

const fn list(of: &'static Shape, min: usize, max: usize) -> Shape {
    Shape::List { of, min, max }
}

fn any(_: &str) -> bool {
    true
}

fn word(text: &str) -> bool {
    text.chars().all(|c| letter(c, "_-"))
}

/// A letter, a digit, or one of `others`.
fn letter(c: char, others: &str) -> bool {
    c.is_ascii_alphanumeric() || others.contains(c)
}
