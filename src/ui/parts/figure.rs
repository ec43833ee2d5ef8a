//! The string on the stage, and its two plainer forms: level bars for less motion, and words.

use std::sync::Arc;

use leptos::prelude::*;

use crate::engine::string::Scene;
use crate::ui::derived::{Derived, effect};
use crate::ui::use_room::Watch;
use crate::ui::use_room::page::{draw_string, every, reduced_motion};

/// With reduced motion the bars change four times a second.
const BARS_PERIOD_MS: u32 = 250;
/// Steps of a bar.
const STEPS: u8 = 10;

/// Draws what `scene` says, and says the same in `words`. `scene` is asked once a frame, outside of any tracking.
#[component]
pub fn StringFigure(scene: Arc<dyn Fn() -> Scene + Send + Sync>, words: Derived<String>) -> impl IntoView {
    let bars = Watch::new((0, 0));
    effect(move || {
        let scene = Arc::clone(&scene);
        if reduced_motion() {
            every(BARS_PERIOD_MS, move || {
                let Scene { interviewer, candidate, muted, .. } = scene();
                bars.show((lit(interviewer), if muted { 0 } else { lit(candidate) }));
            });
        } else {
            draw_string(move || scene());
        }
    });
    let bar = move |class: &'static str, side: fn(&(u8, u8)) -> u8| {
        view! {
            <span class=class>
                {(0..STEPS).map(|it| view! { <i data-on=move || (bars.with(side) > it).to_string()></i> }.into_any()).collect_view()}
            </span>
        }.into_any()
    };
    view! {
        <div class="figure" role="img" aria-label=move || words.get()>
            <canvas aria-hidden="true"></canvas>
            <div class="bars" aria-hidden="true">
                {bar("bar-left", |it| it.0)}
                {bar("bar-right", |it| it.1)}
            </div>
        </div>
    }
    .into_any()
}

fn lit(level: f32) -> u8 {
    (level.clamp(0.0, 1.0) * f32::from(STEPS)).round() as u8
}
