//! What the outside answers when it breaks.

/// Why a call to the outside did not do what was asked. `doing` fits behind "could not": `read the stage document`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// We are not allowed to.
    #[error("could not {doing}: access denied: {detail}")]
    Denied {
        /// What was asked for.
        doing: String,
        /// What the service said.
        detail: String,
    },
    /// The service did not answer, was overloaded, or broke: worth asking again.
    #[error("could not {doing}: {detail}")]
    Unavailable {
        /// What was asked for.
        doing: String,
        /// What the service said, or why it could not be reached.
        detail: String,
    },
    /// A newer bluestage wrote what was found; a worker of that version can go on.
    #[error("could not {doing}: {detail}")]
    Outdated {
        /// What was asked for.
        doing: String,
        /// Which form was found, and which ones this program reads.
        detail: String,
    },
    /// The service understood and said no: asking again gets the same answer.
    #[error("could not {doing}: {detail}")]
    Rejected {
        /// What was asked for.
        doing: String,
        /// What the service said.
        detail: String,
    },
}
