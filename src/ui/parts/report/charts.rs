//! How it went, in small pictures: who spoke when, and what was measured. A table stands behind each.

use crate::engine::chart::{self, Frame};
use crate::engine::html::Html;
use crate::engine::interview::Speaker;
use crate::engine::interview::report::{Report, clock};
use crate::engine::quality::Measured;
use crate::engine::wording;

const FRAME: Frame = Frame { width: 320.0, height: 64.0 };

/// All charts.
pub(super) fn write(report: &Report, measured: &Measured) -> String {
    let mut html = Html::default();
    html.add(r#"<h2 id="charts">How it went</h2>"#, &[]);
    course(&mut html, report);
    html.add(r#"<div class="small-charts">"#, &[]);
    let setup = [("Negotiation", measured.negotiation_ms), ("First sound", measured.first_audio_ms)];
    let setup: Vec<_> = setup.into_iter().filter_map(|(name, ms)| Some((name.to_owned(), ms?))).collect();
    let headline = setup.iter().map(|(name, ms)| format!("{name} {}", wording::duration(*ms))).collect::<Vec<_>>();
    let bars = Chart { title: "Setting up", kind: Kind::Bars, unit: wording::duration };
    bars.write(&mut html, &setup, &headline.join(", "));
    Chart { title: "Delay of each reply", ..bars }.typical(&mut html, "Reply", &measured.turn_delays_ms);
    let line = Chart { title: "Jitter", kind: Kind::Line, ..bars };
    line.typical(&mut html, "Sample", &measured.jitter_ms);
    let loss = Chart { title: "Packets lost", unit: |value| number(value) + " %", ..line };
    loss.typical(&mut html, "Sample", &measured.loss_pct);
    html.add("</div>", &[]);
    html.finish()
}

/// Who spoke when.
fn course(html: &mut Html, report: &Report) {
    let length = &clock(report.duration_ms);
    html.add(
        concat!(
            r#"<figure class="course"><figcaption>Who spoke when<span class="legend"><span class="key left">{}</span>"#,
            r#"<span class="key right">You</span></span></figcaption>"#,
            r#"<svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="Who spoke when, over {}">"#,
            r#"<rect class="ground" x="0" y="9.5" width="1000" height="1"/>"#,
        ),
        &[&report.persona, length],
    );
    for it in chart::stretches(&report.transcript, report.duration_ms, 1_000.0) {
        let class = match it.speaker {
            Speaker::Interviewer => "left",
            Speaker::Candidate => "right",
        };
        html.add(
            r#"<rect class="{}" x="{}" y="0" width="{}" height="20"/>"#,
            &[class, &number(it.x), &number(it.width)],
        );
    }
    html.add(r#"</svg><p class="axis figures"><span>0:00</span><span>{}</span></p></figure>"#, &[length]);
}

#[derive(Clone, Copy)]
enum Kind {
    Bars,
    Line,
}

#[derive(Clone, Copy)]
struct Chart {
    title: &'static str,
    kind: Kind,
    /// Writes a value with its unit.
    unit: fn(f64) -> String,
}

impl Chart {
    /// A chart of many values, of which the median says more than each.
    fn typical(self, html: &mut Html, name: &str, values: &[f64]) {
        let row = |(i, value): (usize, &f64)| (format!("{name} {}", i + 1), *value);
        let rows: Vec<_> = values.iter().enumerate().map(row).collect();
        let headline = chart::median(values).map(|it| "typically ".to_owned() + &(self.unit)(it));
        self.write(html, &rows, &headline.unwrap_or_default());
    }

    fn write(self, html: &mut Html, rows: &[(String, f64)], headline: &str) {
        let title = self.title;
        html.add(r#"<figure class="chart"><figcaption>{}"#, &[title]);
        if rows.is_empty() {
            return html.add(r#"</figcaption><p class="soft">Not measured this time.</p></figure>"#, &[]);
        }
        html.add(
            concat!(
                r#"<span class="soft figures">{}</span></figcaption><div class="plot">"#,
                r#"<svg viewBox="-1 -2 322 67" preserveAspectRatio="none" role="img" aria-label="{}: {}">"#,
                r#"<line class="ground" x1="0" y1="64" x2="320" y2="64"/>"#,
                r#"<line class="ground faint" x1="0" y1="0" x2="320" y2="0"/>"#,
            ),
            &[headline, title, headline],
        );
        let values: Vec<f64> = rows.iter().map(|it| it.1).collect();
        match self.kind {
            Kind::Bars => {
                for it in chart::bars(&values, FRAME) {
                    html.add(
                        r#"<rect class="left" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>"#,
                        &[&number(it.x), &number(it.y), &number(it.width), &number(it.height)],
                    );
                }
            }
            Kind::Line => {
                html.add(r#"<polyline class="right" points="{}"/>"#, &[&chart::polyline(&values, FRAME)]);
            }
        }
        html.add(
            concat!(
                r#"</svg><span class="top figures" aria-hidden="true">{}</span></div><details class="fold">"#,
                r#"<summary>Table<span class="unseen"> of {}</span></summary><table><tbody>"#,
            ),
            &[&(self.unit)(chart::ceiling(&values)), title],
        );
        for (name, value) in rows {
            html.add(r#"<tr><th scope="row">{}</th><td class="figures">{}</td></tr>"#, &[name, &(self.unit)(*value)]);
        }
        html.add("</tbody></table></details></figure>", &[]);
    }
}

/// One digit after the point: enough for a length in an SVG attribute, and for a percentage.
fn number(value: f64) -> String {
    format!("{value:.1}")
}
