//! How it went, in small pictures: who spoke when, and what was measured. A table stands behind each.

use leptos::prelude::*;

use crate::engine::chart::{self, Frame, Stretch};
use crate::engine::interview::Speaker;
use crate::engine::interview::report::{Report, clock};
use crate::engine::quality::Measured;
use crate::engine::wording;
use crate::ui::use_room::Room;

const FRAME: Frame = Frame { width: 320.0, height: 64.0 };

/// All charts.
#[component]
pub fn Charts(room: Room, report: StoredValue<Report>) -> impl IntoView {
    view! {
        <section class="charts" aria-labelledby="charts">
            <h2 id="charts">"How it went"</h2>
            <Course report />
            {move || room.measured.with(measured)}
        </section>
    }
    .into_any()
}

/// Who spoke when.
#[component]
fn Course(report: StoredValue<Report>) -> impl IntoView {
    let (lines, duration_ms, persona) =
        report.with_value(|it| (it.transcript.clone(), it.duration_ms, it.persona.clone()));
    let stretch = |it: Stretch| {
        let class = voice(it.speaker);
        view! { <rect class=class x=number(it.x) y="0" width=number(it.width) height="20" /> }
    };
    let label = format!("Who spoke when, over {}", clock(duration_ms));
    view! {
        <figure class="course">
            <figcaption>
                "Who spoke when"
                <span class="legend">
                    <span class="key left">{persona}</span>
                    <span class="key right">"You"</span>
                </span>
            </figcaption>
            <svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label=label>
                <rect class="ground" x="0" y="9.5" width="1000" height="1" />
                {chart::stretches(&lines, duration_ms, 1_000.0).into_iter().map(stretch).collect_view()}
            </svg>
            <p class="axis figures">
                <span>"0:00"</span>
                <span>{clock(duration_ms)}</span>
            </p>
        </figure>
    }
    .into_any()
}

fn measured(it: &Measured) -> impl IntoView + use<> {
    let setup = [("Negotiation", it.negotiation_ms), ("First sound", it.first_audio_ms)];
    let setup: Vec<(String, f64)> = setup.into_iter().filter_map(|(name, ms)| Some((name.to_owned(), ms?))).collect();
    let nth = |name: &str, values: &[f64]| {
        let row = |(i, value): (usize, &f64)| (format!("{name} {}", i + 1), *value);
        values.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    let ms = |value: f64| wording::duration(value);
    let pct = |value: f64| format!("{value:.1} %");
    view! {
        <div class="small-charts">
            <Chart title="Setting up" kind=Kind::Bars class="left" rows=setup unit=ms typical=false />
            <Chart
                title="Delay of each reply"
                kind=Kind::Bars
                class="left"
                rows=nth("Reply", &it.turn_delays_ms)
                unit=ms
                typical=true
            />
            <Chart
                title="Jitter"
                kind=Kind::Line
                class="right"
                rows=nth("Sample", &it.jitter_ms)
                unit=ms
                typical=true
            />
            <Chart
                title="Packets lost"
                kind=Kind::Line
                class="right"
                rows=nth("Sample", &it.loss_pct)
                unit=pct
                typical=true
            />
        </div>
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bars,
    Line,
}

#[component]
fn Chart(
    title: &'static str,
    kind: Kind,
    /// The voice whose colour it wears.
    class: &'static str,
    rows: Vec<(String, f64)>,
    /// Writes a value with its unit.
    unit: fn(f64) -> String,
    /// Whether the median says more than the values.
    typical: bool,
) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <figure class="chart">
                <figcaption>{title}</figcaption>
                <p class="soft">"Not measured this time."</p>
            </figure>
        }
        .into_any();
    }
    let values: Vec<f64> = rows.iter().map(|it| it.1).collect();
    let headline = if typical {
        chart::median(&values).map(|it| format!("typically {}", unit(it))).unwrap_or_default()
    } else {
        rows.iter().map(|(name, value)| format!("{name} {}", unit(*value))).collect::<Vec<_>>().join(", ")
    };
    let label = format!("{title}: {headline}");
    let picture = match kind {
        Kind::Bars => chart::bars(&values, FRAME)
            .into_iter()
            .map(|it| {
                view! {
                    <rect
                        class=class
                        x=number(it.x)
                        y=number(it.y)
                        width=number(it.width)
                        height=number(it.height)
                        rx="1.5"
                    />
                }
            })
            .collect_view()
            .into_any(),
        Kind::Line => view! { <polyline class=class points=chart::polyline(&values, FRAME) /> }.into_any(),
    };
    let top = unit(chart::ceiling(&values));
    view! {
        <figure class="chart">
            <figcaption>{title} <span class="soft figures">{headline}</span></figcaption>
            <div class="plot">
                <svg viewBox="-1 -2 322 67" preserveAspectRatio="none" role="img" aria-label=label>
                    <line class="ground" x1="0" y1="64" x2="320" y2="64" />
                    <line class="ground faint" x1="0" y1="0" x2="320" y2="0" />
                    {picture}
                </svg>
                <span class="top figures" aria-hidden="true">
                    {top}
                </span>
            </div>
            <details class="fold">
                <summary>
                    "Table" <span class="unseen">{format!(" of {title}")}</span>
                </summary>
                <table>
                    <tbody>
                        {rows
                            .into_iter()
                            .map(|(name, value)| {
                                view! {
                                    <tr>
                                        <th scope="row">{name}</th>
                                        <td class="figures">{unit(value)}</td>
                                    </tr>
                                }
                            })
                            .collect_view()}
                    </tbody>
                </table>
            </details>
        </figure>
    }
    .into_any()
}

const fn voice(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Interviewer => "left",
        Speaker::Candidate => "right",
    }
}

/// A length for an SVG attribute.
fn number(value: f64) -> String {
    format!("{value:.1}")
}
