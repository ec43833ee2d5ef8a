//! A watch where there is no browser, and so nobody who waits for news.

use leptos::prelude::{GetValue as _, SetValue as _, StoredValue};

/// Something that is shown, read like the driver's.
#[derive(Debug)]
pub struct Watch<T: 'static>(StoredValue<T>);

impl<T: Clone + Default + Send + Sync + 'static> Watch<T> {
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(StoredValue::new(value))
    }

    #[must_use]
    pub fn get(self) -> T {
        self.0.try_get_value().unwrap_or_default()
    }

    #[must_use]
    pub fn get_untracked(self) -> T {
        self.get()
    }

    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.get())
    }

    /// Nobody who could be told: it shows `value` when it is read the next time.
    pub fn show(self, value: T) {
        self.0.set_value(value);
    }
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Watch<T> {}
