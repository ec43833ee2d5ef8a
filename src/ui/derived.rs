//! What follows from other signals, and what happens when it changes.
//!
//! Leptos' own memos bring some kilobytes for each type, and its effects for each closure. Here the machinery is compiled
//! once for all, as in `Watch`.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use leptos::prelude::*;

/// A value computed from signals: whoever reads it is told only when it really changes. Read after its page is gone, it is
/// at its default.
pub struct Derived<T> {
    memo: Memo<Shared>,
    of: PhantomData<fn() -> T>,
}

#[derive(Clone)]
struct Shared {
    /// A `T`.
    value: Arc<dyn Any + Send + Sync>,
    same: fn(&dyn Any, &dyn Any) -> bool,
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        (self.same)(&*self.value, &*other.value)
    }
}

impl<T: Clone + Default + PartialEq + Send + Sync + 'static> Derived<T> {
    /// What `compute` says, whenever a signal that it reads changes.
    #[must_use]
    pub fn new(compute: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let compute = move || Shared { value: Arc::new(compute()), same: same::<T> };
        Self { memo: memo(Box::new(compute)), of: PhantomData }
    }

    /// The value. Whoever reads it reactively is told of news.
    #[must_use]
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// The value, for once.
    #[must_use]
    pub fn get_untracked(self) -> T {
        look(self.memo.try_get_untracked().as_ref(), T::clone)
    }

    /// Reads the value without a copy. Whoever does so reactively is told of news.
    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        look(self.memo.try_get().as_ref(), read)
    }
}

fn memo(compute: Box<dyn Fn() -> Shared + Send + Sync>) -> Memo<Shared> {
    Memo::new(move |_| compute())
}

fn same<T: PartialEq + 'static>(one: &dyn Any, other: &dyn Any) -> bool {
    one.downcast_ref::<T>() == other.downcast_ref::<T>()
}

fn look<T: Default + 'static, R>(shared: Option<&Shared>, read: impl FnOnce(&T) -> R) -> R {
    match shared.and_then(|it| it.value.downcast_ref::<T>()) {
        Some(value) => read(value),
        None => read(&T::default()),
    }
}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Derived<T> {}

impl<T> fmt::Debug for Derived<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").finish_non_exhaustive()
    }
}

/// Runs `act` in the browser once the page is drawn, and again whenever a signal that it reads changes.
pub fn effect(act: impl FnMut() + 'static) {
    run(Box::new(act));
}

// Not inside of `effect`: each closure there is of a type of its own, whatever it holds.
fn run(mut act: Box<dyn FnMut()>) {
    Effect::new(move |_: Option<()>| act());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn only_news_is_told() {
        let owner = Owner::new();
        owner.set();
        let (number, looks) = (RwSignal::new(1), Arc::new(AtomicU32::new(0)));
        let odd = Derived::new(move || number.get() % 2 == 1);
        let counted = Arc::clone(&looks);
        let words = Derived::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            if odd.get() { "odd".to_owned() } else { "even".to_owned() }
        });
        assert_eq!((words.get(), odd.get_untracked()), ("odd".to_owned(), true));
        number.set(3);
        assert_eq!((words.get(), looks.load(Ordering::Relaxed)), ("odd".to_owned(), 1));
        number.set(4);
        assert_eq!((words.with(String::len), looks.load(Ordering::Relaxed)), (4, 2));
        drop(owner);
    }
}
