//! Connecting, while it happens: five steps that each say how they stand.

use std::sync::Arc;

use leptos::prelude::*;

use super::figure::StringFigure;
use super::icon::{Icon, Sign};
use super::{arrival, notice};
use crate::engine::link::choice::Choice;
use crate::engine::link::steps::{Step, StepState, SubStep};
use crate::engine::link::{Fault, Phase, Route};
use crate::engine::string::Scene;
use crate::engine::wording;
use crate::ui::derived::Derived;
use crate::ui::press::press;
use crate::ui::use_room::Room;

/// The steps, and when it failed what happened and what to do.
#[component]
pub fn Connecting(room: Room) -> impl IntoView {
    arrival::focus_when_shown();
    let fault = Derived::new(move || match room.phase.get() {
        Phase::Failed(fault) => Some(fault),
        _ => None,
    });
    let begun = move || room.snapshot.with(Option::is_some);
    let title = move || match fault.get() {
        None => "Connecting you to the interviewer",
        Some(_) if begun() => "The line is down",
        Some(_) => "That did not work yet",
    };
    let scene = Arc::new(move || Scene { drawn: wording::connected(&room.steps.get_untracked()), ..Scene::default() });
    let words = Derived::new(move || match fault.get() {
        Some(_) => "Not connected".to_owned(),
        None => "Connecting".to_owned(),
    });
    view! {
        <div class="connecting">
            <StringFigure scene words />
            <h1 data-heading tabindex="-1">
                {move || title()}
            </h1>
            <p class="lead" role="status" data-testid="link-status">
                {move || {
                    if fault.get().is_some() {
                        "Nothing is lost by trying again."
                    } else if room.route.get() == Route::Socket && room.choice.get() == Choice::Automatic {
                        "WebRTC does not come through here, so the sound goes over a WebSocket. One more moment."
                    } else {
                        "This takes a few seconds. You hear the interviewer as soon as it is done."
                    }
                }}
            </p>
            <ol class="steps">
                {Step::ALL
                    .map(|step| view! { <StepRow room step fault /> }.into_any())
                    .collect_view()}
            </ol>
            {move || fault.get().map(|fault| view! { <Failed room fault begun=begun() /> }.into_any())}
            <details class="fold">
                <summary>"Details"</summary>
                <ol class="substeps">
                    {SubStep::ALL
                        .map(|sub| {
                            let reached = move || {
                                let at = room.steps.with(|it| it.reached_ms(sub));
                                at.map_or_else(|| "not yet".to_owned(), |ms| wording::duration(f64::from(ms)))
                            };
                            view! {
                                <li hidden=move || !sub.is_part_of(room.route.get())>
                                    <span>{sub.label()}</span>
                                    <span class="figures">{move || reached()}</span>
                                </li>
                            }.into_any()
                        })
                        .collect_view()}
                </ol>
            </details>
        </div>
    }
    .into_any()
}

#[component]
fn StepRow(room: Room, step: Step, fault: Derived<Option<Fault>>) -> impl IntoView {
    let state = move || room.steps.with(|it| it.state(step));
    let sign = move || match state() {
        StepState::Pending => Sign::Circle,
        StepState::Active => Sign::Turning,
        StepState::Done { .. } => Sign::Check,
        StepState::Failed => Sign::Cross,
    };
    let reason = move || fault.get().filter(|_| state() == StepState::Failed).map(Fault::what);
    view! {
        <li data-testid=format!("step-{}", step.name()) data-state=move || state().name()>
            <span class="sign">{move || view! { <Icon sign=sign() /> }.into_any()}</span>
            <span>{move || step.label(room.route.get())}</span>
            <span class="figures">{move || wording::step(state())}</span>
            {move || reason().map(|it| view! { <span class="why">{it}</span> }.into_any())}
        </li>
    }
    .into_any()
}

#[component]
fn Failed(room: Room, fault: Fault, begun: bool) -> impl IntoView {
    let other_way = fault.is_of_the_route() && room.choice.get_untracked() != Choice::WebSocket;
    let actions = view! {
        <button type="button" class="primary" on:click=press(move || room.retry.run(()))>
            <Icon sign=Sign::Repeat />
            "Try again"
        </button>
        {other_way
            .then(|| {
                view! {
                    <button
                        type="button"
                        on:click=press(move || {
                            room.choose_route.run(Choice::WebSocket);
                            room.retry.run(());
                        })
                    >
                        "Use WebSocket instead"
                    </button>
                }.into_any()
            })}
        {begun
            .then(|| {
                view! {
                    <button type="button" on:click=press(move || room.end.run(()))>
                        "End and read the report"
                    </button>
                }.into_any()
            })}
    };
    notice::fault(Sign::Caution, fault.what(), fault.cure(), actions.into_any())
}
