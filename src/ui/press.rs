//! Handlers of events, as one type for each kind of event: each closure of its own would bring a kilobyte of machinery.

use leptos::ev::{Event, MouseEvent};

/// What happens when something is pressed.
pub fn press(mut act: impl FnMut() + 'static) -> Box<dyn FnMut(MouseEvent)> {
    Box::new(move |_| act())
}

/// What happens when something was changed.
pub fn change(act: impl FnMut(Event) + 'static) -> Box<dyn FnMut(Event)> {
    Box::new(act)
}
