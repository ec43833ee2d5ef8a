use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::SequentialSlice};

use super::*;

const MINUTE: usize = 60 * 16_000;

fn vad() -> ServerVad {
    ServerVad { silence_duration_ms: 400, ..ServerVad::default() }
}

/// The recording at 16 kHz: 11 s, speech from 0.37 s, with inner pauses of 1.07 s and 1.00 s.
fn jfk() -> Vec<i16> {
    let wav = std::fs::read("end2end/fixtures/jfk.wav").unwrap();
    let sound: Vec<f32> = wav[44..].chunks_exact(2).map(|it| f32::from(i16::from_le_bytes([it[0], it[1]]))).collect();
    let mut fft = Fft::<f32>::new(24_000, 16_000, 1_024, 1, FixedSync::Both).unwrap();
    let input = SequentialSlice::new(&sound, 1, sound.len()).unwrap();
    let output = fft.process_all(&input, sound.len(), None).unwrap().take_data();
    output.into_iter().map(|it| it.round() as i16).collect()
}

fn listen(ears: &mut Ears, sound: &[i16], sounding: bool) -> Vec<Heard> {
    sound.chunks(320).flat_map(|frame| ears.hear(frame, sounding)).collect()
}

/// White noise, or pink by Paul Kellet's filter, at `level_dbfs`.
fn noise(seed: u64, pink: bool, level_dbfs: f32, samples: usize) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut white = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let mut poles = [0.0f32; 3];
    let shape = |it: f32| {
        for (pole, (keep, add)) in poles.iter_mut().zip([(0.997_65, 0.099_046), (0.963, 0.296_516), (0.57, 1.052_691)])
        {
            *pole = keep * *pole + add * it;
        }
        poles.iter().sum::<f32>() + 0.1848 * it
    };
    let raw: Vec<f32> = if pink {
        std::iter::repeat_with(&mut white).map(shape).take(samples).collect()
    } else {
        std::iter::repeat_with(white).take(samples).collect()
    };
    let level = (raw.iter().map(|it| it * it).sum::<f32>() / samples as f32).sqrt();
    let gain = 32_768.0 * 10f32.powf(level_dbfs / 20.0) / level;
    raw.into_iter().map(|it| (it * gain).round() as i16).collect()
}

#[test]
fn speech_is_found_within_100_ms_of_its_start() {
    let sound = jfk();
    // No padding: the position is then where the speech is thought to begin, and the frame says when that was known.
    let mut ears = Ears::new(ServerVad { prefix_padding_ms: 0, ..vad() });
    for (frame, pcm) in sound.chunks(320).enumerate() {
        if let Some(Heard::Started { start_ms }) = ears.hear(pcm, false).first() {
            let known_ms = (frame as u64 + 1) * 20;
            println!("speech at 370 ms, dated {start_ms} ms, known at {known_ms} ms");
            assert!(start_ms.abs_diff(370) <= 100, "dated {start_ms} ms");
            assert!((370..=470).contains(&known_ms), "known at {known_ms} ms");
            return;
        }
    }
    panic!("no speech found");
}

#[test]
fn starts_and_stops_alternate_and_meet_the_pauses() {
    let mut sound = jfk();
    sound.extend(vec![0; 16_000]);
    let heard = listen(&mut Ears::new(vad()), &sound, false);
    println!("{heard:?}");
    assert!(heard.len() >= 6, "two inner pauses make three turns at least: {heard:?}");
    let mut before = 0;
    for (index, it) in heard.iter().enumerate() {
        let (Heard::Started { start_ms: ms } | Heard::Stopped { end_ms: ms }) = *it;
        assert_eq!(matches!(it, Heard::Started { .. }), index % 2 == 0, "{heard:?}");
        assert!(ms >= before, "{heard:?}");
        before = ms;
    }
    assert!(matches!(heard.last(), Some(Heard::Stopped { end_ms: 11_200..=11_700 })), "{heard:?}");
}

#[test]
fn interrupting_us_takes_128_ms_of_speech() {
    let sound = jfk();
    let first = |sounding| {
        let mut ears = Ears::new(vad());
        sound.chunks(320).position(|frame| !ears.hear(frame, sounding).is_empty()).unwrap()
    };
    let (free, against) = (first(false) * 20, first(true) * 20);
    assert!((60..=200).contains(&(against - free)), "{free} ms and {against} ms");
}

#[test]
fn silence_and_noise_are_not_speech() {
    assert_eq!(listen(&mut Ears::new(vad()), &vec![0; MINUTE], false), []);
    for seed in 1..=4 {
        for pink in [false, true] {
            let heard = listen(&mut Ears::new(vad()), &noise(seed, pink, -50.0, MINUTE), false);
            assert_eq!(heard, [], "-50 dBFS, seed {seed}, pink {pink}");
        }
    }
    for level in [-40.0, -30.0] {
        for pink in [false, true] {
            let heard = listen(&mut Ears::new(vad()), &noise(9, pink, level, MINUTE / 6), false);
            assert_eq!(heard, [], "{level} dBFS, pink {pink}");
        }
    }
}

#[test]
fn lost_sound_counts_for_the_position_and_nothing_else() {
    let mut ears = Ears::new(vad());
    ears.hear(&[0; 320], false);
    ears.lost(320);
    assert_eq!(ears.position_ms(), 40);
    let sound = jfk();
    let heard = listen(&mut ears, &sound[..16_000], false);
    assert_eq!(heard.len(), 1);
    for _ in 0..200 {
        ears.lost(320);
    }
    assert!(ears.is_speaking(), "four lost seconds end nothing");
    ears.reconfigure(ServerVad { threshold: 0.9, ..vad() });
    assert_eq!(ears.position_ms(), 40 + 1_000 - 1_000 % 16 + 4_000 + 8);
}
