//! Small charts as numbers: where a bar or a point goes in its box. The page only writes them down as SVG.

use super::interview::Speaker;
use super::transcript::Line;

/// A box in the units of an SVG `viewBox`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub width: f64,
    pub height: f64,
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// The next round figure at or above the largest value: the top of a scale. Never zero.
#[must_use]
pub fn ceiling(values: &[f64]) -> f64 {
    let max = values.iter().copied().filter(|it| it.is_finite()).fold(0.0, f64::max);
    if max <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powi(max.log10().floor() as i32);
    let steps = [1.0, 2.0, 3.0, 5.0, 10.0];
    steps.into_iter().map(|it| it * power).find(|it| *it >= max * 0.999_999).unwrap_or(10.0 * power)
}

/// Upright bars side by side, at most a tenth of the box wide each.
#[must_use]
pub fn bars(values: &[f64], frame: Frame) -> Vec<Bar> {
    let top = ceiling(values);
    let slot = (frame.width / values.len().max(1) as f64).min(frame.width / 6.0);
    let place = |(i, value): (usize, &f64)| {
        // Something that was measured is always seen.
        let height = (frame.height * (value / top).clamp(0.0, 1.0)).max(1.0);
        Bar { x: slot * i as f64 + slot * 0.15, y: frame.height - height, width: slot * 0.7, height }
    };
    values.iter().enumerate().map(place).collect()
}

/// A line through the values as the `points` of an SVG polyline. A single value is a level line.
#[must_use]
pub fn polyline(values: &[f64], frame: Frame) -> String {
    let top = ceiling(values);
    let y = |value: f64| frame.height * (1.0 - (value / top).clamp(0.0, 1.0));
    if let [only] = values {
        return format!("0,{0:.1} {1:.1},{0:.1}", y(*only), frame.width);
    }
    let step = frame.width / (values.len().max(2) - 1) as f64;
    let points: Vec<String> =
        values.iter().enumerate().map(|(i, it)| format!("{:.1},{:.1}", step * i as f64, y(*it))).collect();
    points.join(" ")
}

/// Who spoke when: a stretch of the interview, as shares of the width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub speaker: Speaker,
    pub x: f64,
    pub width: f64,
}

/// The course of the talk. A line whose length nobody counted reaches to the next one.
#[must_use]
pub fn stretches(lines: &[Line], duration_ms: u64, width: f64) -> Vec<Stretch> {
    let end_ms = lines.iter().map(|it| it.at_ms + it.spoken_ms).max().unwrap_or(0).max(duration_ms).max(1);
    let scale = width / end_ms as f64;
    let place = |(i, line): (usize, &Line)| {
        let next_ms = lines.get(i + 1).map_or(end_ms, |it| it.at_ms);
        let length_ms = if line.spoken_ms > 0 { line.spoken_ms } else { next_ms.saturating_sub(line.at_ms) };
        Stretch {
            speaker: line.speaker,
            x: line.at_ms as f64 * scale,
            width: (length_ms as f64 * scale).max(1.0).min(width - line.at_ms as f64 * scale),
        }
    };
    lines.iter().enumerate().map(place).collect()
}

/// The middle value; none of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|it| it.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { width: 100.0, height: 40.0 };

    #[test]
    fn a_scale_ends_at_a_round_figure() {
        for (values, top) in [
            (vec![87.0, 12.0], 100.0),
            (vec![120.0], 200.0),
            (vec![0.4], 0.5),
            (vec![260.0], 300.0),
            (vec![200.0], 200.0),
        ] {
            assert!((ceiling(&values) - top).abs() < 1e-9, "{values:?}: {}", ceiling(&values));
        }
        assert!((ceiling(&[]) - 1.0).abs() < 1e-9);
        assert!((ceiling(&[0.0, f64::NAN]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn bars_stand_on_the_ground_and_stay_in_the_box() {
        let bars = bars(&[100.0, 50.0, 0.0], FRAME);
        for bar in &bars {
            assert!((bar.y + bar.height - FRAME.height).abs() < 1e-9, "{bar:?}");
            assert!(bar.x >= 0.0 && bar.x + bar.width <= FRAME.width, "{bar:?}");
        }
        assert!((bars[0].height - 2.0 * bars[1].height).abs() < 1e-9);
        assert!(bars[2].height > 0.0);
    }

    #[test]
    fn one_value_is_a_level_line_and_none_is_nothing() {
        assert_eq!(polyline(&[10.0], FRAME), "0,0.0 100.0,0.0");
        assert_eq!(polyline(&[], FRAME), "");
        assert_eq!(polyline(&[0.0, 10.0], FRAME), "0.0,40.0 100.0,0.0");
    }

    #[test]
    fn the_course_of_the_talk_fills_unknown_lengths_up_to_the_next_line() {
        let lines = [
            Line { at_ms: 0, ..Line::spoken("a", Speaker::Interviewer, "Hello") },
            Line { at_ms: 5_000, spoken_ms: 2_000, ..Line::spoken("b", Speaker::Candidate, "Hi") },
        ];
        let course = stretches(&lines, 10_000, 100.0);
        assert!((course[0].width - 50.0).abs() < 1e-9, "{course:?}");
        assert!((course[1].x - 50.0).abs() < 1e-9 && (course[1].width - 20.0).abs() < 1e-9, "{course:?}");
        assert!(stretches(&[], 0, 100.0).is_empty());
    }

    #[test]
    fn the_median_of_few_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }
}
