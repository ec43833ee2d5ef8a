//! The string: a line across the stage that the two voices set in motion.
//!
//! The interviewer's voice enters at the left end and travels to the right, the candidate's enters at the right end and
//! travels to the left; where they meet they add up, as waves do. Everything here is arithmetic on levels and elapsed
//! time, so the picture of a moment can be tested without a canvas.

use std::fmt::Write as _;

/// Points of the string, both ends included.
pub const NODES: usize = 97;
/// A wave needs this long from one end to the other.
const CROSSING_S: f32 = 1.3;
/// Waves on the string at a time.
const WAVES: f32 = 4.5;
/// What is left of a wave at the far end.
const FAR_END: f32 = 0.4;
/// Levels rise in this time, and fall in the other.
const ATTACK_S: f32 = 0.04;
const RELEASE_S: f32 = 0.22;
/// One breath while the interviewer thinks.
const BREATH_S: f32 = 4.0;
const BREATH_HEIGHT: f32 = 0.16;
/// A new step of connecting is drawn in this time.
const DRAW_S: f32 = 0.5;
/// A tab that was hidden does not catch up.
const LONGEST_FRAME_S: f32 = 0.1;

/// What the string shows at this moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scene {
    /// 0 to 1.
    pub interviewer: f32,
    /// 0 to 1.
    pub candidate: f32,
    pub thinking: bool,
    /// The candidate's half is dotted.
    pub muted: bool,
    /// How much of the line is there, 0 to 1: connecting draws it in, step by step.
    pub drawn: f32,
}

impl Default for Scene {
    fn default() -> Self {
        Self { interviewer: 0.0, candidate: 0.0, thinking: false, muted: false, drawn: 1.0 }
    }
}

/// One voice on its way along the string: its level at each distance from the end where it enters.
#[derive(Clone, Debug)]
struct Voice {
    level: f32,
    trail: [f32; NODES],
}

impl Voice {
    const SILENT: Self = Self { level: 0.0, trail: [0.0; NODES] };

    /// Follows the level, quickly up and slowly down.
    fn follow(&mut self, target: f32, dt_s: f32) {
        // The ear counts in ratios: a quiet voice moves the string, too.
        let target = target.clamp(0.0, 1.0).sqrt();
        let time_s = if target > self.level { ATTACK_S } else { RELEASE_S };
        self.level += (target - self.level) * share(dt_s, time_s);
    }

    /// Moves the wave on by whole nodes.
    fn travel(&mut self, nodes: usize) {
        let nodes = nodes.min(NODES);
        self.trail.rotate_right(nodes);
        self.trail[..nodes].fill(self.level);
    }

    /// The height of the wave's envelope, `distance` nodes from where it entered.
    fn strength(&self, distance: usize) -> f32 {
        self.trail[distance] * (1.0 - (1.0 - FAR_END) * distance as f32 / (NODES - 1) as f32)
    }
}

/// The string in motion.
#[derive(Clone, Debug)]
pub struct Shape {
    interviewer: Voice,
    candidate: Voice,
    /// 0 to 1.
    breath: f32,
    drawn: f32,
    time_s: f32,
    /// Nodes that the waves still have to travel, less than one.
    rest: f32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { interviewer: Voice::SILENT, candidate: Voice::SILENT, breath: 0.0, drawn: 0.0, time_s: 0.0, rest: 0.0 }
    }
}

impl Shape {
    /// Both voices at once, as on the first page and on the social image.
    #[must_use]
    pub fn portrait() -> Self {
        let mut shape = Self { drawn: 1.0, time_s: 0.35, ..Self::default() };
        for node in 0..NODES {
            let x = node as f32 / (NODES - 1) as f32;
            let hill = |at: f32, width: f32| (-((x - at) / width).powi(2)).exp();
            shape.interviewer.trail[node] = (1.1 * hill(0.16, 0.1) + 1.2 * hill(0.37, 0.09)).min(1.4);
            shape.candidate.trail[node] = (0.7 * hill(0.1, 0.05) + 1.3 * hill(0.28, 0.1)).min(1.4);
        }
        shape
    }

    /// Moves on by `dt_s` seconds.
    pub fn advance(&mut self, scene: &Scene, dt_s: f32) {
        let dt_s = dt_s.clamp(0.0, LONGEST_FRAME_S);
        self.time_s += dt_s;
        self.interviewer.follow(scene.interviewer, dt_s);
        self.candidate.follow(if scene.muted { 0.0 } else { scene.candidate }, dt_s);
        self.breath += (f32::from(u8::from(scene.thinking)) - self.breath) * share(dt_s, 0.6);
        // Not `clamp`: its panic message would bring the formatting of all such numbers.
        let most = dt_s / DRAW_S;
        self.drawn += (scene.drawn.clamp(0.0, 1.0) - self.drawn).max(-most).min(most);
        let way = self.rest + dt_s * (NODES - 1) as f32 / CROSSING_S;
        self.rest = way.fract();
        // A frame is at most a tenth of a second: never more than a few nodes.
        let nodes = way as usize;
        self.interviewer.travel(nodes);
        self.candidate.travel(nodes);
    }

    /// How much of the line is there, 0 to 1.
    #[must_use]
    pub const fn drawn(&self) -> f32 {
        self.drawn
    }

    /// How strongly each voice moves `node`, 0 to 1: the interviewer's and the candidate's.
    #[must_use]
    pub fn strengths(&self, node: usize) -> (f32, f32) {
        let node = node.min(NODES - 1);
        let breath = 0.6 * self.breath;
        (self.interviewer.strength(node).max(breath), self.candidate.strength(NODES - 1 - node))
    }

    /// How far `node` is off the straight line, -1 to 1. The ends are held.
    #[must_use]
    pub fn offset(&self, node: usize) -> f32 {
        let node = node.min(NODES - 1);
        let x = node as f32 / (NODES - 1) as f32;
        let held = sine(0.5 * x).max(0.0).sqrt();
        let from_left = self.interviewer.strength(node) * ripple(x - self.time_s / CROSSING_S);
        let from_right = self.candidate.strength(NODES - 1 - node) * ripple(1.0 - x - self.time_s / CROSSING_S + 0.13);
        let breath = self.breath * BREATH_HEIGHT * sine(0.5 * x) * sine(self.time_s / BREATH_S);
        (held * (from_left + from_right) + breath).clamp(-1.0, 1.0)
    }

    /// Whether nothing moves, so that a frame can be skipped.
    #[must_use]
    pub fn at_rest(&self, scene: &Scene) -> bool {
        let quiet = |voice: &Voice| voice.level < 0.002 && voice.trail.iter().all(|it| *it < 0.002);
        let settled = (self.drawn - scene.drawn.clamp(0.0, 1.0)).abs() < 0.001 && self.breath < 0.01;
        settled
            && !scene.thinking
            && scene.interviewer < 0.002
            && (scene.muted || scene.candidate < 0.002)
            && quiet(&self.interviewer)
            && quiet(&self.candidate)
    }

    /// The string as the `d` of an SVG path in a box of `width` by `height`, its swing multiplied by `factor`.
    #[must_use]
    pub fn path(&self, width: f32, height: f32, factor: f32) -> String {
        let at = |node: usize| {
            let x = width * node as f32 / (NODES - 1) as f32;
            (x, height * (0.5 - 0.46 * factor * self.offset(node)))
        };
        let mut d = String::with_capacity(NODES * 24);
        let (x, y) = at(0);
        _ = write!(d, "M{x:.1} {y:.1}");
        for node in 0..NODES - 1 {
            let ((x, y), (next_x, next_y)) = (at(node), at(node + 1));
            _ = write!(d, "Q{x:.1} {y:.1} {:.1} {:.1}", f32::midpoint(x, next_x), f32::midpoint(y, next_y));
        }
        let (x, y) = at(NODES - 1);
        _ = write!(d, "L{x:.1} {y:.1}");
        d
    }
}

/// The wave itself: two partials, so that it does not look like a test signal.
fn ripple(turns: f32) -> f32 {
    let phase = WAVES * turns;
    0.72 * sine(phase) + 0.28 * sine(phase * 2.37)
}

/// The share of a difference that is made up in `dt_s`: near to `1 - exp(-dt/time)`, without the exponential function.
fn share(dt_s: f32, time_s: f32) -> f32 {
    dt_s / (dt_s + time_s)
}

/// The sine of `turns` full turns, to a thousandth. The exact one costs every candidate 4 KB of browser part.
fn sine(turns: f32) -> f32 {
    let turn = turns - turns.floor();
    let (half, sign) = if turn < 0.5 { (turn, 1.0) } else { (turn - 0.5, -1.0) };
    let rough = sign * 16.0 * half * (0.5 - half);
    rough * (0.775 + 0.225 * rough.abs())
}

/// `colour`, as the browser computed it, with an opacity: `oklch(0.5 0.1 200)` becomes `oklch(0.5 0.1 200 / 0.4)`.
#[must_use]
pub fn faded(colour: &str, alpha: f32) -> String {
    let alpha = f64::from(alpha.clamp(0.0, 1.0));
    match colour.trim().strip_suffix(')').and_then(|it| it.split_once('(')) {
        Some((_, inside)) if inside.contains('/') => colour.to_owned(),
        Some((function, inside)) if inside.contains(',') => {
            format!("{}a({inside}, {alpha:.2})", function.trim_end_matches('a'))
        }
        Some((function, inside)) => format!("{function}({inside} / {alpha:.2})"),
        None => colour.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    #[test]
    fn the_cheap_sine_is_a_sine() {
        for step in -200..200_i16 {
            let turns = f32::from(step) / 100.0;
            assert!((sine(turns) - (TAU * turns).sin()).abs() < 0.002, "{turns}");
        }
    }

    fn run(shape: &mut Shape, scene: &Scene, seconds: f32) {
        for _ in 0..(seconds * 60.0) as u32 {
            shape.advance(scene, 1.0 / 60.0);
        }
    }

    fn swing(shape: &Shape, nodes: std::ops::Range<usize>) -> f32 {
        nodes.map(|it| shape.offset(it).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn at_rest_it_is_a_straight_line() {
        let mut shape = Shape::default();
        run(&mut shape, &Scene::default(), 2.0);
        assert!(swing(&shape, 0..NODES) < 1e-6);
        assert!(shape.at_rest(&Scene::default()));
    }

    #[test]
    fn the_interviewer_moves_it_from_the_left_and_the_candidate_from_the_right() {
        let mut left = Shape::default();
        run(&mut left, &Scene { interviewer: 0.8, ..Scene::default() }, 0.4);
        assert!(swing(&left, 0..30) > 0.2, "{}", swing(&left, 0..30));
        assert!(swing(&left, 60..NODES) < 0.01, "it has not got there yet: {}", swing(&left, 60..NODES));

        let mut right = Shape::default();
        run(&mut right, &Scene { candidate: 0.8, ..Scene::default() }, 0.4);
        assert!(swing(&right, 67..NODES) > 0.2);
        assert!(swing(&right, 0..37) < 0.01);
    }

    #[test]
    fn both_voices_run_through_each_other_and_die_away() {
        let mut shape = Shape::default();
        run(&mut shape, &Scene { interviewer: 0.8, candidate: 0.8, ..Scene::default() }, 2.0);
        assert!(swing(&shape, 40..57) > 0.1);
        assert!((0..NODES).all(|it| shape.offset(it).abs() <= 1.0));
        run(&mut shape, &Scene::default(), 4.0);
        assert!(shape.at_rest(&Scene::default()));
    }

    #[test]
    fn a_muted_microphone_does_not_move_it() {
        let mut shape = Shape::default();
        run(&mut shape, &Scene { candidate: 0.9, muted: true, ..Scene::default() }, 1.0);
        assert!(swing(&shape, 0..NODES) < 1e-6);
    }

    #[test]
    fn thinking_breathes_slowly_and_low() {
        let mut shape = Shape::default();
        let scene = Scene { thinking: true, ..Scene::default() };
        run(&mut shape, &scene, 5.0);
        assert!(!shape.at_rest(&scene));
        let high = swing(&shape, 0..NODES);
        assert!(high > 0.05 && high <= BREATH_HEIGHT + 0.001, "{high}");
    }

    #[test]
    fn connecting_draws_it_in() {
        let mut shape = Shape::default();
        run(&mut shape, &Scene { drawn: 0.4, ..Scene::default() }, 1.0);
        assert!((shape.drawn() - 0.4).abs() < 0.01);
    }

    #[test]
    fn a_hidden_tab_does_not_catch_up() {
        let mut shape = Shape::default();
        shape.advance(&Scene::default(), 600.0);
        assert!(shape.time_s <= LONGEST_FRAME_S);
    }

    #[test]
    fn colours_fade_in_every_notation_that_browsers_answer_with() {
        assert_eq!(faded("oklch(0.52 0.09 200)", 0.4), "oklch(0.52 0.09 200 / 0.40)");
        assert_eq!(faded("rgb(1, 2, 3)", 0.5), "rgba(1, 2, 3, 0.50)");
        assert_eq!(faded("oklch(0.5 0 0 / 0.2)", 0.5), "oklch(0.5 0 0 / 0.2)");
        assert_eq!(faded("teal", 0.5), "teal");
    }

    #[test]
    fn the_portrait_fits_its_box() {
        let d = Shape::portrait().path(100.0, 20.0, 1.0);
        assert!(d.starts_with("M0.0 10.0Q") && d.ends_with("L100.0 10.0"), "{d}");
        assert_eq!(d.matches('Q').count(), NODES - 1);
    }
}
