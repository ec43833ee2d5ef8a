//! Where one is, how much time is left, and how the line is, in words.

use leptos::prelude::*;

use crate::engine::interview::report::clock;
use crate::engine::link::choice::Choice;
use crate::engine::link::{Phase, Route};
use crate::engine::wording;
use crate::ui::derived::Derived;
use crate::ui::parts::choice::option;
use crate::ui::parts::icon::{Icon, Sign};
use crate::ui::press::change;
use crate::ui::use_room::Room;

/// The slim line on top.
#[component]
pub fn TopLine(room: Room, fallback: bool) -> impl IntoView {
    let number = Derived::new(move || room.question.with(|it| wording::question_number(it.as_ref())));
    let seconds = |ms: u64| clock(ms / 1_000 * 1_000);
    view! {
        <header class="topline">
            <p class="number" data-testid="question-number">
                {move || number.get()}
            </p>
            <p class="timer" role="timer" data-testid="timer" data-running=move || room.clock.get().running.to_string()>
                <Icon sign=Sign::Clock />
                <span class="figures">{move || seconds(room.clock.get().elapsed_ms)}</span>
                <span class="soft">
                    <span class="figures">{move || seconds(room.clock.get().left_ms)}</span>
                    {move || if room.clock.get().running { " left" } else { " left, waiting" }}
                </span>
            </p>
            <LinkBadge room fallback />
        </header>
    }
    .into_any()
}

/// How the line is: the transport in words, a verdict, the delay. The figures are not read aloud as they change.
#[component]
fn LinkBadge(room: Room, fallback: bool) -> impl IntoView {
    let recovering = Derived::new(move || room.phase.with(|it| matches!(it, Phase::Recovering)));
    let badge = move || room.route.get().badge();
    let verdict =
        Derived::new(move || if recovering.get() { "reconnecting" } else { room.quality.with(wording::quality) });
    let delay = move || room.quality.get().rtt_ms.map(|it| format!("{it:.0} ms"));
    let figure = |value: Option<f64>, unit: &str, digits: usize| {
        value.map_or_else(|| "not measured yet".to_owned(), |it| format!("{it:.digits$} {unit}"))
    };
    let way = move || match (room.route.get(), room.quality.get().relayed) {
        (Route::Direct, false) => "Direct to the voice service",
        (Route::Relay, false) => "Relayed by this server",
        (Route::Direct | Route::Relay, true) => "Relayed by a TURN server",
        (Route::Socket, _) => "Through this server",
    };
    let choices = move || {
        let chosen = room.choice.get();
        Choice::offered(fallback)
            .map(|it| option(it.name().to_owned(), it.label().to_owned(), it == chosen))
            .collect_view()
    };
    view! {
        <details class="badge" data-quality=move || verdict.get()>
            <summary>
                <span role="status" data-testid="link-status">
                    <Icon sign=Sign::Signal />
                    <span class="transport">{move || badge()}</span>
                    <span class="unseen">", "</span>
                    <span>{move || verdict.get()}</span>
                    <span class="figures delay" aria-live="off">
                        {move || delay()}
                    </span>
                </span>
                <span class="unseen">", details"</span>
            </summary>
            <div class="panel">
                <dl class="facts-list">
                    <div>
                        <dt>"Way"</dt>
                        <dd>{move || way()}</dd>
                    </div>
                    <div>
                        <dt>"Round trip"</dt>
                        <dd>{move || figure(room.quality.get().rtt_ms, "ms", 0)}</dd>
                    </div>
                    // Frames on a WebSocket come in order: they wait instead, and that is below.
                    <div hidden=move || room.route.get() == Route::Socket>
                        <dt>"Jitter"</dt>
                        <dd>{move || figure(room.quality.get().jitter_ms, "ms", 1)}</dd>
                    </div>
                    <div>
                        <dt>"Held back"</dt>
                        <dd>{move || figure(room.quality.get().held_ms, "ms", 0)}</dd>
                    </div>
                    <div>
                        <dt>"Loss"</dt>
                        <dd>{move || figure(room.quality.get().loss_pct, "%", 1)}</dd>
                    </div>
                </dl>
                <label class="picker" for="route">
                    <span>"Connection"</span>
                    <select
                        id="route"
                        data-testid="route"
                        on:change=change(move |event| {
                            if let Some(choice) = Choice::named(&event_target_value(&event)) {
                                room.choose_route.run(choice);
                            }
                        })
                    >
                        {move || choices()}
                    </select>
                    <small class="soft">"Changes in the next pause; nothing is lost."</small>
                </label>
            </div>
        </details>
    }
    .into_any()
}

#[cfg(all(test, feature = "hydrate"))]
mod tests {
    use leptos::mount::mount_to;
    use leptos::prelude::*;
    use leptos::task::tick;
    use wasm_bindgen::JsValue;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::TopLine;
    use crate::engine::link::choice::Choice::{self, Automatic, WebRtc, WebSocket};
    use crate::ui::use_room::Room;

    /// S000-26: the list shows the choice that is in force, also when that is one which the candidate has picked and left.
    #[wasm_bindgen_test]
    async fn s000_26_the_list_of_routes_shows_the_choice_in_force() -> Result<(), JsValue> {
        let owner = Owner::new();
        let room = owner.with(Room::idle);
        let body = document().body().ok_or("no body")?;
        let page = mount_to(body, move || view! { <TopLine room fallback=true /> });
        let list = document().query_selector("#route")?.ok_or("no list")?;
        let value = JsValue::from_str("value");
        let shown = || js_sys::Reflect::get(&list, &value).map(|it| it.as_string().unwrap_or_default());
        assert_eq!(shown()?, Automatic.name());
        let is = async |choice: Choice| {
            room.choice.show(choice);
            tick().await;
        };
        for picked in [WebSocket, Automatic, WebRtc] {
            js_sys::Reflect::set(&list, &value, &picked.name().into())?;
            is(picked).await;
            assert_eq!(shown()?, picked.name());
        }
        // That did not work out: the one before is in force again.
        is(Automatic).await;
        assert_eq!(shown()?, Automatic.name());
        drop(page);
        Ok(())
    }
}
