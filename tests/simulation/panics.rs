//! Panics while a seed is played: none may be lost. The worker survives a panic in a story or in the sweep, and so would
//! one in the world beneath them go unseen.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// The panics on this thread while it plays a seed.
    static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOKED: Once = Once::new();

/// What `playing` comes to, if it does, and every panic on the way.
pub(crate) fn watched<T>(playing: impl FnOnce() -> T) -> (Option<T>, Vec<String>) {
    HOOKED.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_watched =
                SEEN.with_borrow_mut(|seen| seen.as_mut().map(|seen| seen.push(panic.to_string())).is_some());
            if !is_watched {
                told(panic);
            }
        }));
    });
    SEEN.set(Some(Vec::new()));
    let played = catch_unwind(AssertUnwindSafe(playing));
    (played.ok(), SEEN.take().unwrap_or_default())
}
