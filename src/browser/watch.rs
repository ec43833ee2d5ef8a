//! One thing that the driver shows and parts of the page read.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

use leptos::prelude::{GetValue as _, Notify as _, StoredValue, Track as _};
use leptos::reactive::signal::ArcTrigger;

/// A signal whose machinery is compiled once for all types. One of Leptos' own brings 4 KB for each type, and a room has two
/// dozen of them. Copied like a signal, and gone with the reactive owner that made it; read after that, it is at its default.
pub struct Watch<T> {
    cell: StoredValue<Cell>,
    of: PhantomData<fn() -> T>,
}

#[derive(Clone)]
struct Cell {
    news: ArcTrigger,
    shown: Arc<RwLock<Shown>>,
}

/// A `T`. Replaced as a whole, so that whoever reads it holds no lock.
type Shown = Arc<dyn Any + Send + Sync>;

impl<T: Clone + Default + Send + Sync + 'static> Watch<T> {
    /// A watch that shows `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { cell: stored(Arc::new(value)), of: PhantomData }
    }

    /// What is shown. Whoever reads it reactively is told of news.
    #[must_use]
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// What is shown, for once.
    #[must_use]
    pub fn get_untracked(self) -> T {
        look(shown(self.cell, false).as_ref(), T::clone)
    }

    /// Reads what is shown without a copy. Whoever does so reactively is told of news.
    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        look(shown(self.cell, true).as_ref(), read)
    }

    /// Shows `value` if it is news. Nothing happens once the page is gone.
    pub fn show(self, value: T)
    where
        T: PartialEq,
    {
        if shown(self.cell, false).is_some_and(|it| it.downcast_ref() != Some(&value)) {
            replace(self.cell, Arc::new(value));
        }
    }
}

fn stored(value: Shown) -> StoredValue<Cell> {
    StoredValue::new(Cell { news: ArcTrigger::new(), shown: Arc::new(RwLock::new(value)) })
}

fn shown(cell: StoredValue<Cell>, track: bool) -> Option<Shown> {
    let cell = cell.try_get_value()?;
    if track {
        cell.news.track();
    }
    Some(Arc::clone(&cell.shown.read().unwrap_or_else(PoisonError::into_inner)))
}

fn replace(cell: StoredValue<Cell>, value: Shown) {
    if let Some(cell) = cell.try_get_value() {
        *cell.shown.write().unwrap_or_else(PoisonError::into_inner) = value;
        // Whoever is told reads at once.
        cell.news.notify();
    }
}

fn look<T: Default + 'static, R>(shown: Option<&Shown>, read: impl FnOnce(&T) -> R) -> R {
    match shown.and_then(|it| it.downcast_ref()) {
        Some(value) => read(value),
        None => read(&T::default()),
    }
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Watch<T> {}

impl<T: Clone + Default + Send + Sync + 'static> Default for Watch<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
