//! A value that knows whether it was changed since it was last kept.

use std::ops::{Deref, DerefMut};

/// Any mutable access counts as a change, so none can be forgotten; a look does not.
pub(crate) struct Tracked<T> {
    value: T,
    changed: bool,
}

impl<T> Tracked<T> {
    /// A value that is new, and so yet to be kept.
    pub(crate) fn new(value: T) -> Self {
        Self { value, changed: true }
    }

    /// A value that comes from where it is kept.
    pub(crate) fn kept(value: T) -> Self {
        Self { value, changed: false }
    }

    /// The value, if it was changed since the last time; from now on it counts as kept.
    pub(crate) fn take_changed(&mut self) -> Option<&T> {
        std::mem::take(&mut self.changed).then_some(&self.value)
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_a_look_is_none() {
        let mut tracked = Tracked::kept(1);
        assert_eq!(*tracked, 1);
        assert!(tracked.take_changed().is_none());
        *tracked += 1;
        assert_eq!(tracked.take_changed(), Some(&2));
        assert!(tracked.take_changed().is_none());
    }
}
