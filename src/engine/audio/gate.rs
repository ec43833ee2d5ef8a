//! When somebody speaks: the voice-activity policy of `server_vad`.

use super::{HOP_SAMPLES, ms_to_samples, samples_to_ms};

/// How eager the gate is. The first three are the session's `turn_detection` (Realtime API reference, `server_vad`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateConfig {
    /// Speech probability from which a hop counts, 0 to 1.
    pub threshold: f32,
    /// Sound kept from before the speech: `audio_start_ms` is earlier by this much.
    pub prefix_padding_ms: u32,
    /// Silence after which the speech is over.
    pub silence_duration_ms: u32,
    /// Hops of speech that make a start.
    pub attack_hops: u32,
    /// The same while we sound ourselves: an echo or a cough must not interrupt us.
    pub sounding_attack_hops: u32,
    /// Whatever is quieter is not speech, in dBFS.
    pub floor_dbfs: f32,
}

impl Default for GateConfig {
    /// The Realtime API's own defaults, 48 ms of attack (128 ms against our own sound) and a floor of -55 dBFS.
    fn default() -> Self {
        Self {
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 500,
            attack_hops: 3,
            sounding_attack_hops: 8,
            floor_dbfs: -55.0,
        }
    }
}

/// What the gate is told, in the order of the sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GateInput {
    /// 16 ms that arrived.
    Hop {
        /// The detector's score, 0 to 1.
        probability: f32,
        /// Level in dBFS.
        level_dbfs: f32,
        /// Whether we make sound ourselves.
        sounding: bool,
    },
    /// Sound that never arrived. It is neither speech nor silence: time passes, and nothing is concluded.
    Lost {
        /// How much, in samples.
        samples: u32,
    },
}

/// What was heard. Times are milliseconds from the first sample of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Speech began. `start_ms` includes the prefix padding, as `input_audio_buffer.speech_started` has it.
    Started { start_ms: u64 },
    /// Speech is over. `end_ms` includes the silence that proved it, as `input_audio_buffer.speech_stopped` has it.
    Stopped { end_ms: u64 },
}

/// Decides hop by hop whether somebody speaks.
///
/// A start needs a run of speech hops (a lapse costs two of them, so that a stop consonant does not undo a word while
/// scattered noise never adds up). An end needs the whole silence; a lone noisy hop does not start it anew.
#[derive(Clone, Debug)]
pub struct SpeechGate {
    config: GateConfig,
    /// Samples seen or known to be lost since the session began.
    position: u64,
    noise: Noise,
    state: State,
    /// Where the last speech was over, or was cut. The next may not claim sound from before it.
    closed_at: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// `run` counts speech hops since `since`, lapses taken off.
    Quiet { run: u32, since: u64 },
    /// `silent` counts samples without speech, `resumed` speech hops since the last lapse.
    Speaking { silent: u64, resumed: u32 },
}

const QUIET: State = State::Quiet { run: 0, since: 0 };
/// What a hop without speech takes off the run that is to become a start.
const LAPSE: u32 = 2;
/// Speech hops in a row that prove the speech goes on.
const RESUME_HOPS: u32 = 2;
/// A speaker who has begun is given this much more benefit of the doubt.
const HYSTERESIS: f32 = 0.15;

impl SpeechGate {
    /// A gate at position 0, with nobody speaking.
    #[must_use]
    pub fn new(config: GateConfig) -> Self {
        Self { config, position: 0, noise: Noise::default(), state: QUIET, closed_at: 0 }
    }

    /// Changes the settings. Position, noise floor and a speech under way stay.
    pub fn reconfigure(&mut self, config: GateConfig) {
        self.config = config;
    }

    /// What came so far is taken out of our hands. A speech under way is over without a word of it; if it goes on, the rest
    /// is heard as another, which begins here. Silence that was about to end it is no speech.
    pub const fn cut(&mut self) {
        self.closed_at = self.position;
        if self.is_speaking() {
            self.state = QUIET;
        }
    }

    /// Milliseconds of sound since the session began, lost sound included.
    #[must_use]
    pub const fn position_ms(&self) -> u64 {
        samples_to_ms(self.position)
    }

    /// Whether somebody speaks.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. })
    }

    /// Takes the next piece of sound.
    pub fn push(&mut self, input: GateInput) -> Option<Heard> {
        match input {
            GateInput::Lost { samples } => {
                self.position += u64::from(samples);
                None
            }
            GateInput::Hop { probability, level_dbfs, sounding } => {
                let began_at = self.position;
                self.position += u64::from(HOP_SAMPLES);
                let heard = match self.state {
                    State::Quiet { run, since } => {
                        let speech = probability >= self.config.threshold && self.is_loud(level_dbfs, Noise::ATTACK_DB);
                        self.quiet(speech, run, if run == 0 { began_at } else { since }, sounding)
                    }
                    State::Speaking { silent, resumed } => {
                        let speech = probability >= self.config.threshold - HYSTERESIS
                            && self.is_loud(level_dbfs, Noise::RELEASE_DB);
                        self.speaking(speech, silent, resumed)
                    }
                };
                self.noise.learn(level_dbfs, probability < self.config.threshold);
                heard
            }
        }
    }

    fn is_loud(&self, level_dbfs: f32, margin_db: f32) -> bool {
        level_dbfs >= self.config.floor_dbfs && level_dbfs >= self.noise.level(level_dbfs) + margin_db
    }

    fn quiet(&mut self, speech: bool, run: u32, since: u64, sounding: bool) -> Option<Heard> {
        let run = if speech { run + 1 } else { run.saturating_sub(LAPSE) };
        let needed = if sounding { self.config.sounding_attack_hops } else { self.config.attack_hops };
        if !speech || run < needed {
            self.state = State::Quiet { run, since };
            return None;
        }
        self.state = State::Speaking { silent: 0, resumed: 0 };
        let padding = ms_to_samples(self.config.prefix_padding_ms.into());
        Some(Heard::Started { start_ms: samples_to_ms(since.saturating_sub(padding).max(self.closed_at)) })
    }

    fn speaking(&mut self, speech: bool, silent: u64, resumed: u32) -> Option<Heard> {
        let resumed = if speech { resumed + 1 } else { 0 };
        let silent = if resumed >= RESUME_HOPS { 0 } else { silent + u64::from(HOP_SAMPLES) };
        if silent < ms_to_samples(self.config.silence_duration_ms.into()) || speech {
            self.state = State::Speaking { silent, resumed };
            return None;
        }
        self.state = QUIET;
        self.closed_at = self.position;
        Some(Heard::Stopped { end_ms: self.position_ms() })
    }
}

/// The level of what is always there, in dBFS: follows a fall at once and a rise slowly.
#[derive(Clone, Copy, Debug, Default)]
struct Noise(Option<f32>);

impl Noise {
    /// Speech stands out this much when it begins, and this much while it lasts.
    const ATTACK_DB: f32 = 6.0;
    const RELEASE_DB: f32 = 3.0;
    const RISE_DB_A_HOP: f32 = 0.05;
    const FALL: f32 = 0.3;
    /// No room is taken for louder than this: a session may begin in the middle of a word.
    const MOST_DBFS: f32 = -30.0;

    /// The estimate; before the first hop, that hop itself.
    fn level(self, first_dbfs: f32) -> f32 {
        self.0.unwrap_or(first_dbfs).min(Self::MOST_DBFS)
    }

    fn learn(&mut self, level_dbfs: f32, may_rise: bool) {
        let now = self.level(level_dbfs);
        self.0 = Some(if level_dbfs < now {
            now + Self::FALL * (level_dbfs - now)
        } else if may_rise {
            (now + Self::RISE_DB_A_HOP).min(level_dbfs)
        } else {
            now
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: (f32, f32) = (0.9, -20.0);
    const HUSH: (f32, f32) = (0.1, -60.0);

    struct Sim(SpeechGate, Vec<Heard>);

    impl Sim {
        fn new(config: GateConfig) -> Self {
            Self(SpeechGate::new(config), Vec::new())
        }

        fn hops(mut self, count: u32, (probability, level_dbfs): (f32, f32), sounding: bool) -> Self {
            for _ in 0..count {
                self.1.extend(self.0.push(GateInput::Hop { probability, level_dbfs, sounding }));
            }
            self
        }

        fn hush(self, count: u32) -> Self {
            self.hops(count, HUSH, false)
        }

        fn speech(self, count: u32) -> Self {
            self.hops(count, SPEECH, false)
        }

        fn lost(mut self, samples: u32) -> Self {
            self.1.extend(self.0.push(GateInput::Lost { samples }));
            self
        }
    }

    fn config() -> GateConfig {
        GateConfig { silence_duration_ms: 400, ..GateConfig::default() }
    }

    #[test]
    fn speech_is_back_dated_and_ends_after_the_silence_asked_for() {
        let sim = Sim::new(config()).hush(50).speech(20).hush(30);
        // 50 hops are 800 ms, minus 300 ms of padding; the speech is over at 1120 ms, 25 hops of silence later 1520 ms.
        assert_eq!(sim.1, [Heard::Started { start_ms: 500 }, Heard::Stopped { end_ms: 1_520 }]);
    }

    #[test]
    fn padding_never_reaches_before_the_session_nor_into_the_speech_before() {
        let sim = Sim::new(config()).hush(5).speech(10).hush(28).speech(10);
        assert_eq!(sim.1[0], Heard::Started { start_ms: 0 });
        let Heard::Stopped { end_ms } = sim.1[1] else { panic!("{:?}", sim.1) };
        assert_eq!(sim.1[2], Heard::Started { start_ms: end_ms });
    }

    #[test]
    fn only_enough_speech_makes_a_start() {
        for (speech, sounding, starts) in [(2, false, 0), (3, false, 1), (7, true, 0), (8, true, 1)] {
            let sim = Sim::new(config()).hush(20).hops(speech, SPEECH, sounding).hops(10, HUSH, sounding);
            assert_eq!(sim.1.len(), starts, "{speech} hops, sounding {sounding}");
        }
    }

    #[test]
    fn scattered_hops_never_add_up_but_a_stop_consonant_is_forgiven() {
        let mut noise = Sim::new(config()).hush(20);
        for _ in 0..200 {
            noise = noise.hops(2, SPEECH, true).hops(1, HUSH, true);
        }
        assert_eq!(noise.1, [], "two in three hops, for ten seconds");
        let word = Sim::new(config()).hush(20).hops(6, SPEECH, true).hops(1, HUSH, true).hops(5, SPEECH, true);
        assert_eq!(word.1, [Heard::Started { start_ms: 20 }]);
    }

    #[test]
    fn lost_sound_is_neither_speech_nor_silence() {
        let silence = Sim::new(config()).hush(20).speech(10).hush(20).lost(16_000).hush(4);
        assert_eq!(silence.1.len(), 1, "a lost second is no silence");
        assert_eq!(silence.hush(1).1[1], Heard::Stopped { end_ms: (20 + 10 + 25) * 16 + 1_000 });

        let speech = Sim::new(config()).hush(20).speech(2).lost(3_200);
        assert_eq!(speech.1, [], "lost sound is no speech either");
        assert_eq!(speech.speech(1).1, [Heard::Started { start_ms: 20 }], "the run goes on where it was");
    }

    #[test]
    fn threshold_is_honoured() {
        for (threshold, starts) in [(0.5, 1), (0.7, 0)] {
            let sim = Sim::new(GateConfig { threshold, ..config() }).hush(20).hops(20, (0.6, -20.0), false);
            assert_eq!(sim.1.len(), starts, "threshold {threshold}");
        }
    }

    #[test]
    fn new_settings_keep_the_position_and_the_speech() {
        let mut sim = Sim::new(config()).hush(50).speech(10);
        sim.0.reconfigure(GateConfig { silence_duration_ms: 160, ..config() });
        assert!(sim.0.is_speaking());
        assert_eq!(sim.hush(10).1[1], Heard::Stopped { end_ms: (50 + 10 + 10) * 16 });
    }

    #[test]
    fn a_speech_that_is_cut_goes_on_as_another_without_a_gap() {
        let mut sim = Sim::new(config()).hush(50).speech(20);
        sim.0.cut();
        assert!(!sim.0.is_speaking());
        assert_eq!(
            sim.speech(20).hush(25).1[1..],
            [Heard::Started { start_ms: 70 * 16 }, Heard::Stopped { end_ms: (70 + 20 + 25) * 16 },]
        );
    }

    #[test]
    fn silence_after_a_cut_is_no_speech() {
        let mut sim = Sim::new(config()).hush(50).speech(20).hush(5);
        sim.0.cut();
        let mut sim = sim.hush(10).speech(2);
        assert_eq!(sim.1.len(), 1, "{:?}", sim.1);
        // A start that was about to be heard stays one, and claims nothing from before the cut.
        sim.0.cut();
        assert_eq!(sim.speech(1).1[1], Heard::Started { start_ms: (50 + 20 + 5 + 10 + 2) * 16 });
    }

    #[test]
    fn a_steady_loud_noise_is_not_speech_whatever_the_detector_thinks() {
        assert_eq!(Sim::new(config()).hops(4_000, (0.9, -40.0), false).1, []);
        assert_eq!(Sim::new(config()).hops(4_000, (0.9, -57.0), false).1, [], "below the floor");
        assert_eq!(Sim::new(config()).hops(20, (0.9, -22.0), false).1.len(), 1, "a session that begins in a word");
    }

    #[test]
    fn a_lone_click_does_not_prolong_the_speech() {
        let sim = Sim::new(config()).hush(20).speech(20).hush(12).speech(1).hush(12);
        assert_eq!(sim.1.last(), Some(&Heard::Stopped { end_ms: (20 + 20 + 25) * 16 }));
    }
}
