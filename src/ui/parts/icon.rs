//! Our own icons: 24 grid, 1.75 stroke, round caps, the colour of the text beside them.

use leptos::prelude::*;
use leptos::tachys::html::InertElement;

use crate::engine::html::Html;

/// What an icon shows. Each is used with a word or an accessible name beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Microphone,
    MicrophoneOff,
    Speaker,
    Repeat,
    Leave,
    Check,
    Cross,
    Circle,
    Turning,
    Caution,
    Sun,
    Moon,
    Screen,
    Copy,
    Download,
    Arrow,
    ArrowDown,
    Person,
    Clock,
    Page,
    Signal,
}

impl Sign {
    const fn path(self) -> &'static str {
        match self {
            Self::Microphone => {
                "M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"
            }
            Self::MicrophoneOff => {
                "M9 9.2v2.3a3 3 0 0 0 4.6 2.5M15 11V6.5a3 3 0 0 0-5.7-1.3M5.5 11.5a6.5 6.5 0 0 0 10.3 5.3M18.5 11.5c0 1-.2 1.9-.6 2.7M12 18v3M4 4l16 16"
            }
            Self::Speaker => "M4 9.5v5h3.5l4.5 4v-13l-4.5 4ZM15.5 9a4.2 4.2 0 0 1 0 6M18.2 6.5a8 8 0 0 1 0 11",
            Self::Repeat => "M4 12a8 8 0 1 1 2.5 5.8M4 19v-4.5h4.5",
            Self::Leave => {
                "M14 4H6.5A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20H14M10.5 12H20M16.5 8.5 20 12l-3.5 3.5"
            }
            Self::Check => "m5 12.5 4.5 4.5L19 7.5",
            Self::Cross => "m6.5 6.5 11 11M17.5 6.5l-11 11",
            Self::Circle => "M12 4.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15Z",
            Self::Turning => "M12 4.5a7.5 7.5 0 1 1-7.5 7.5",
            Self::Caution => "M12 4 3.5 19h17ZM12 10v4M12 16.6v.1",
            Self::Sun => {
                "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"
            }
            Self::Moon => "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
            Self::Screen => {
                "M4.5 5h15A1.5 1.5 0 0 1 21 6.5v8a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 14.5v-8A1.5 1.5 0 0 1 4.5 5ZM9 20h6M12 16v4"
            }
            Self::Copy => {
                "M9.5 8h9A1.5 1.5 0 0 1 20 9.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 8 18.5v-9A1.5 1.5 0 0 1 9.5 8ZM4.5 15.5A1.5 1.5 0 0 1 4 14.3v-8.8A1.5 1.5 0 0 1 5.5 4h8.8a1.5 1.5 0 0 1 1.2.5"
            }
            Self::Download => "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
            Self::Arrow => "M4.5 12h15M13.5 6l6 6-6 6",
            Self::ArrowDown => "M12 5v14M6 13l6 6 6-6",
            Self::Person => "M12 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM5 20a7 7 0 0 1 14 0",
            Self::Clock => "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM12 8v4.3l3 1.7",
            Self::Page => {
                "M7 3.5h7l4 4v11.5a1.5 1.5 0 0 1-1.5 1.5h-9.5A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5ZM9 12h6M9 16h6M13.5 3.8V8H18"
            }
            Self::Signal => "M5 19v-4M10 19v-7M15 19V9M20 19V5",
        }
    }
}

/// Writes an icon where no view is needed.
pub fn draw(html: &mut Html, sign: Sign) {
    html.add(
        r#"<svg class="icon" data-sign="{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>"#,
        &[&format!("{sign:?}"), sign.path()],
    );
}

/// One icon.
#[component]
pub fn Icon(sign: Sign) -> impl IntoView {
    let mut html = Html::default();
    draw(&mut html, sign);
    InertElement::new(html.finish()).into_any()
}
