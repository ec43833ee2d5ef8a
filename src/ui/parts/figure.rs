//! The string on the stage, and its two plainer forms: level bars for less motion, and words.

use leptos::html::Canvas;
use leptos::prelude::*;

use crate::engine::string::Scene;
use crate::ui::use_room::page::{draw_string, every, reduced_motion};

/// With reduced motion the bars change four times a second.
const BARS_PERIOD_MS: u32 = 250;
/// Steps of a bar.
const STEPS: u8 = 10;

/// Draws what `scene` says, and says the same in `words`. `scene` is asked once a frame, outside of any tracking.
#[component]
pub fn StringFigure<S>(scene: S, #[prop(into)] words: Signal<String>) -> impl IntoView
where
    S: Fn() -> Scene + Copy + Send + Sync + 'static,
{
    let canvas = NodeRef::<Canvas>::new();
    let bars = RwSignal::new((0, 0));
    Effect::new(move |_| {
        if canvas.get().is_none() {
            return;
        }
        if reduced_motion() {
            every(BARS_PERIOD_MS, move || {
                let Scene { interviewer, candidate, muted, .. } = scene();
                bars.set((lit(interviewer), if muted { 0 } else { lit(candidate) }));
            });
        } else {
            draw_string(canvas, scene);
        }
    });
    let bar = move |class: &'static str, level: Signal<u8>| {
        view! {
            <span class=class>
                {(0..STEPS).map(|it| view! { <i data-on=move || (level.get() > it).to_string()></i> }).collect_view()}
            </span>
        }
    };
    view! {
        <div class="figure" role="img" aria-label=move || words.get()>
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            <div class="bars" aria-hidden="true">
                {bar("bar-left", Signal::derive(move || bars.get().0))}
                {bar("bar-right", Signal::derive(move || bars.get().1))}
            </div>
        </div>
    }
    .into_any()
}

fn lit(level: f32) -> u8 {
    (level.clamp(0.0, 1.0) * f32::from(STEPS)).round() as u8
}
