use std::{sync::LazyLock, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    engine::audio::{dbfs, rms},
    engine::quality::OpusRate,
    server::media::codec::{Decoder, FRAME_SAMPLES},
};

const TEXT: &str = "Hello, I am Mariam.  Tell me how you would scale a PostgreSQL database \u{2014} with CI/CD, p95 of \
                    200ms, and kubernetes. \n\nTake your time!";

static SPEAKER: LazyLock<Speaker> = LazyLock::new(speaker);

fn speaker() -> Speaker {
    Speaker::new().unwrap()
}

fn packets(mut utterance: Utterance) -> Vec<Packet> {
    std::iter::from_fn(|| utterance.next_packet()).collect()
}

fn sound(speaker: &Speaker, text: &str, persona: &Persona) -> (Vec<i16>, Vec<SpokenWord>) {
    let mut utterance = speaker.utterance(text, persona);
    let sounds: Vec<Sound> = std::iter::from_fn(|| utterance.next_pcm()).collect();
    (sounds.iter().flat_map(|it| it.pcm).collect(), sounds.into_iter().flat_map(|it| it.words).collect())
}

#[test]
fn speaker_serves_all_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn moved<T: Send + 'static>(_: &T) {}
    let speaker = speaker();
    shared(&speaker);
    moved(&speaker.utterance("hello", &Persona::mariam()));
}

#[test]
fn deltas_are_the_text_byte_for_byte() {
    let speaker = speaker();
    for persona in [Persona::mariam(), Persona::adam()] {
        for text in [
            TEXT,
            " leading and trailing \n",
            "one",
            "...",
            "\u{1f44b}",
            "Why? Because. And (so) on\u{2026}",
            "- a\n- b",
            "J. Smith, Ph.D., said 1,000.5% of $3.50 at 9:30am!!",
        ] {
            for round in ["made", "known"] {
                let packets = packets(speaker.utterance(text, &persona));
                let deltas: String = packets.iter().flat_map(|it| &it.words).map(|it| it.text.as_str()).collect();
                assert_eq!(deltas, text, "{round}");
            }
            let deltas: String = sound(&speaker, text, &persona).1.into_iter().map(|it| it.text).collect();
            assert_eq!(deltas, text, "samples");
        }
        assert_eq!(speaker.utterance("", &persona).next_packet(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a client wants said: nothing panics, and the deltas are the text.
    #[test]
    fn any_text_is_said_whole(text in "(\\PC{0,12}|[A-Za-z0-9.,:;!?'\"()/$%#@&_~<>= \\-]{0,40}|[0-9.,:/$-]{0,15})( |\n\n|\\. )?[A-Za-z]{0,9}") {
        let speaker = SPEAKER.clone();
        let mut deltas = String::new();
        let mut utterance = speaker.utterance(&text, &Persona::mariam());
        while let Some(sound) = utterance.next_pcm() {
            deltas.extend(sound.words.into_iter().map(|it| it.text));
        }
        prop_assert_eq!(deltas, text);
    }
}

/// Thousands of signs in one word neither overflow the stack nor keep the first packet waiting.
#[test]
fn endless_words_are_said_in_parts() {
    for word in ["x1", "a-", "1", "a/", "~", "a", "\u{e9}", "'", "$1,"] {
        let text = word.repeat(5_000);
        let mut utterance = SPEAKER.utterance(&text, &Persona::mariam());
        assert!(utterance.next_pcm().is_some(), "{word}");
        assert!(utterance.maker.as_ref().is_some_and(|it| it.end < 400 * 16_000), "{word} is made a little at a time");
    }
}

#[test]
fn words_sound_when_they_are_said_to() {
    let speaker = speaker();
    for persona in [Persona::mariam(), Persona::adam()] {
        let (pcm, words) = sound(&speaker, TEXT, &persona);
        let mut before = 0;
        for word in &words {
            assert!(word.start_ms >= before && word.end_ms > word.start_ms, "{word:?} after {before}");
            before = word.end_ms;
            let letters = word.text.chars().filter(|it| it.is_alphanumeric()).count() as u64;
            let length = word.end_ms - word.start_ms;
            assert!((40..=350 * letters.max(2)).contains(&length), "{word:?} lasts {length} ms");
            let span = &pcm[word.start_ms as usize * 16..word.end_ms as usize * 16];
            assert!(dbfs(rms(span)) > -35.0, "{word:?} at {} dBFS", dbfs(rms(span)));
        }
        let gap = words.windows(2).find(|it| it[0].text.contains("Mariam")).unwrap();
        let pause = &pcm[(gap[0].end_ms as usize + 80) * 16..(gap[1].start_ms as usize - 40) * 16];
        assert!(dbfs(rms(pause)) < -55.0 && pause.len() > 1_600, "between sentences {} dBFS", dbfs(rms(pause)));
        assert!(words[0].start_ms <= 30, "the first word waits for nothing");
    }
}

#[test]
fn known_text_costs_no_synthesis_and_sounds_the_same() {
    let speaker = speaker();
    let fresh = packets(speaker.utterance(TEXT, &Persona::mariam()));
    let mut again = speaker.clone().utterance(TEXT, &Persona::mariam());
    let known: Vec<Packet> = std::iter::from_fn(|| again.next_packet()).collect();
    assert_eq!(known, fresh);
    assert_eq!(again.sentences_made(), 0);
    assert_ne!(packets(speaker.utterance(TEXT, &Persona::adam())), fresh);

    let other = self::speaker();
    other.warm([TEXT], &Persona::mariam());
    let mut warmed = other.utterance(TEXT, &Persona::mariam());
    assert_eq!(std::iter::from_fn(|| warmed.next_packet()).collect::<Vec<_>>(), fresh);
    assert_eq!(warmed.sentences_made(), 0);
}

/// S000-32: on a bad line a known text is encoded anew, smaller, with the same words; the cache keeps it in full.
#[test]
fn a_lower_rate_says_the_same_and_is_not_kept() {
    let speaker = speaker();
    let full = packets(speaker.utterance(TEXT, &Persona::mariam()));
    let mut low = speaker.utterance(TEXT, &Persona::mariam());
    let half = full.len() / 2;
    let rate = |n: usize| OpusRate::LADDER[if n < half { 0 } else { 2 }];
    let low: Vec<Packet> = (0..).map_while(|n| low.next_packet_at(rate(n))).collect();
    assert_eq!(low[..half], full[..half]);
    assert_eq!(low.len(), full.len());
    assert!(low.iter().zip(&full).all(|(low, full)| low.words == full.words));
    let bytes = |packets: &[Packet]| packets[half..].iter().map(|it| it.opus.len()).sum::<usize>();
    assert!(bytes(&low) < bytes(&full) * 3 / 4, "{} of {} bytes", bytes(&low), bytes(&full));
    assert_eq!(packets(speaker.utterance(TEXT, &Persona::mariam())), full);
}

#[test]
fn interrupted_text_is_not_taken_for_the_whole() {
    let speaker = speaker();
    let mut utterance = speaker.utterance(TEXT, &Persona::mariam());
    for _ in 0..20 {
        utterance.next_packet();
    }
    drop(utterance);
    let mut again = speaker.utterance(TEXT, &Persona::mariam());
    assert!(again.next_packet().is_some());
    assert_eq!(again.sentences_made(), 1, "nothing half said is in the cache");
}

#[test]
fn first_packet_needs_the_first_sentence_only() {
    let speaker = speaker();
    let mut utterance = speaker.utterance(TEXT, &Persona::mariam());
    assert_eq!(utterance.sentences_made(), 0);
    let first = utterance.next_packet().unwrap();
    assert_eq!(utterance.sentences_made(), 1);
    assert_eq!(first.words.first().map(|it| it.text.as_str()), Some("Hello, "));
    while utterance.next_packet().is_some() {}
    assert_eq!(utterance.sentences_made(), 3);
}

#[test]
fn packets_decode_to_the_same_length_and_level() {
    let speaker = speaker();
    for persona in [Persona::mariam(), Persona::adam()] {
        let (pcm, words) = sound(&speaker, TEXT, &persona);
        let mut decoder = Decoder::new().unwrap();
        let packets = packets(speaker.utterance(TEXT, &persona));
        let heard: Vec<i16> = packets.iter().flat_map(|it| decoder.decode(&it.opus).unwrap().to_vec()).collect();
        assert!(heard.len().abs_diff(pcm.len()) <= 640, "{} and {} samples", heard.len(), pcm.len());
        let end_ms = words.last().unwrap().end_ms;
        assert!((end_ms..end_ms + 100).contains(&(heard.len() as u64 / 16)), "ends with its last word");

        let spoken: Vec<i16> =
            heard.chunks(FRAME_SAMPLES).filter(|it| dbfs(rms(it)) > -45.0).flatten().copied().collect();
        let level = dbfs(rms(&spoken));
        assert!((-23.0..=-18.0).contains(&level), "{}: {level} dBFS", persona.name);
        let peak = pcm.iter().map(|it| it.unsigned_abs()).max().unwrap();
        assert!(peak < 28_000, "nothing is clipped: {peak}");
    }
}

#[test]
fn heard_text_grows_with_the_sound() {
    let speaker = speaker();
    let mut utterance = speaker.utterance(TEXT, &Persona::mariam());
    let mut begun = String::new();
    let mut heard = 0;
    while let Some(packet) = utterance.next_packet() {
        let from_ms = utterance.played_ms() - 20;
        assert!(
            packet.words.iter().all(|it| (from_ms..from_ms + 20).contains(&it.start_ms)),
            "{packet:?} at {from_ms}"
        );
        begun.extend(packet.words.into_iter().map(|it| it.text));
        let text = utterance.text_up_to(utterance.played_ms());
        assert!(text.len() >= heard && begun.starts_with(text), "{text:?} of {begun:?}");
        heard = text.len();
    }
    assert_eq!(utterance.text_up_to(u64::MAX), TEXT);
    assert_eq!(utterance.text_up_to(0), "");
    assert_eq!(utterance.text_up_to(1_000), "Hello, I am ");
}

/// Mean pitch in Hz, by the autocorrelation of voiced frames of 40 ms.
fn pitch(pcm: &[i16]) -> f32 {
    let mut found: Vec<f32> = pcm
        .chunks_exact(640)
        .filter(|it| dbfs(rms(it)) > -30.0)
        .filter_map(|frame| {
            let same = |lag: usize| -> f32 {
                frame.iter().zip(&frame[lag..]).map(|(a, b)| f32::from(*a) * f32::from(*b)).sum::<f32>()
                    / (640 - lag) as f32
            };
            let best = (50..=228).max_by(|a, b| same(*a).total_cmp(&same(*b)))?;
            // Half the period is the period, if it is about as good.
            let best = (best / 2 - 2..=best / 2 + 2)
                .filter(|it| *it >= 50 && same(*it) > 0.8 * same(best))
                .max_by(|a, b| same(*a).total_cmp(&same(*b)))
                .unwrap_or(best);
            (same(best) > 0.5 * same(0)).then_some(16_000.0 / best as f32)
        })
        .collect();
    found.sort_by(f32::total_cmp);
    found[found.len() / 2]
}

#[test]
fn mariam_speaks_at_a_womans_pitch_and_the_default_at_a_mans() {
    let speaker = speaker();
    for (persona, range) in [(Persona::mariam(), 180.0..=210.0), (Persona::default(), 95.0..=120.0)] {
        let (pcm, _) = sound(&speaker, TEXT, &persona);
        let pitch = pitch(&pcm);
        println!("{}: {pitch} Hz", persona.name);
        assert!(range.contains(&pitch), "{}: {pitch} Hz", persona.name);
    }
}

/// Where half of the energy of the sound lies below, in Hz: moves with the formants.
fn median_frequency(pcm: &[i16]) -> f32 {
    const BINS: usize = 128;
    let mut power = [0.0f32; BINS];
    for frame in pcm.chunks_exact(2 * BINS) {
        for (bin, power) in power.iter_mut().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, sample) in frame.iter().enumerate() {
                let angle = std::f32::consts::PI * (bin * n % (2 * BINS)) as f32 / BINS as f32;
                re += f32::from(*sample) * angle.cos();
                im -= f32::from(*sample) * angle.sin();
            }
            *power += re.hypot(im);
        }
    }
    let total: f32 = power.iter().sum();
    let mut sum = 0.0;
    let bin = power.iter().position(|it| {
        sum += it;
        sum > total / 2.0
    });
    bin.unwrap() as f32 * 8_000.0 / BINS as f32
}

#[test]
fn formants_move_and_the_pace_does_not() {
    let speaker = speaker();
    let plain = Persona { formant: 100, ..Persona::mariam() };
    let ((high, high_words), (low, low_words)) =
        (sound(&speaker, TEXT, &Persona::mariam()), sound(&speaker, TEXT, &plain));
    let (high, low) = (median_frequency(&high), median_frequency(&low));
    assert!((1.04..1.3).contains(&(high / low)), "{high} Hz and {low} Hz");
    let ends = [high_words, low_words].map(|it| Duration::from_millis(it.last().unwrap().end_ms));
    assert!(ends[0].abs_diff(ends[1]) < Duration::from_millis(250), "{ends:?}");
}
