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
    /// A `RwLock<T>`.
    value: Arc<dyn Any + Send + Sync>,
}

impl<T: Clone + Default + Send + Sync + 'static> Watch<T> {
    /// A watch that shows `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { cell: stored(Arc::new(RwLock::new(value))), of: PhantomData }
    }

    /// What is shown. Whoever reads it reactively is told of news.
    #[must_use]
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// What is shown, for once.
    #[must_use]
    pub fn get_untracked(self) -> T {
        look(self.cell.try_get_value().as_ref(), T::clone)
    }

    /// Reads what is shown without a copy. Whoever does so reactively is told of news.
    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        look(tracked(self.cell).as_ref(), read)
    }

    /// Shows `value` if it is news. Nothing happens once the page is gone.
    pub fn show(self, value: T)
    where
        T: PartialEq,
    {
        let Some(cell) = self.cell.try_get_value() else { return };
        let Some(lock) = cell.value.downcast_ref::<RwLock<T>>() else { return };
        let mut shown = lock.write().unwrap_or_else(PoisonError::into_inner);
        if *shown != value {
            *shown = value;
            // Whoever is told reads at once.
            drop(shown);
            cell.news.notify();
        }
    }
}

fn stored(value: Arc<dyn Any + Send + Sync>) -> StoredValue<Cell> {
    StoredValue::new(Cell { news: ArcTrigger::new(), value })
}

fn tracked(cell: StoredValue<Cell>) -> Option<Cell> {
    let cell = cell.try_get_value()?;
    cell.news.track();
    Some(cell)
}

fn look<T: Default + 'static, R>(cell: Option<&Cell>, read: impl FnOnce(&T) -> R) -> R {
    match cell.and_then(|it| it.value.downcast_ref::<RwLock<T>>()) {
        Some(lock) => read(&lock.read().unwrap_or_else(PoisonError::into_inner)),
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
