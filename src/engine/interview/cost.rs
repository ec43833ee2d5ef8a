//! What a session uses at the provider, by kind, and what that costs.
//!
//! Counts come from `usage` of `response.done` and of finished transcriptions. Prices are OpenAI's public list ("Pricing",
//! model pages of `gpt-realtime-2.1`, `gpt-realtime-1.5`, `gpt-realtime-2.1-mini`, `gpt-4o-transcribe` and
//! `gpt-realtime-whisper`, read in November 2026). They serve to stop in time, not to write a bill: where a server says
//! little, the dearer reading counts.

use serde_json::Value;

/// Millionths of a US dollar.
pub type MicroUsd = u64;

/// More in one event is a mistake of the server.
const MOST: u64 = 10_000_000;

/// Prices in micro-dollars for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    pub text_in: MicroUsd,
    pub audio_in: MicroUsd,
    pub cached_text: MicroUsd,
    pub cached_audio: MicroUsd,
    pub text_out: MicroUsd,
    pub audio_out: MicroUsd,
    /// Of the transcription: tokens in and out, and where it counts time, a minute.
    pub words_in: MicroUsd,
    pub words_out: MicroUsd,
    pub words_minute: MicroUsd,
}

const LARGE: Prices = Prices {
    text_in: 4_000_000,
    audio_in: 32_000_000,
    cached_text: 400_000,
    cached_audio: 400_000,
    text_out: 24_000_000,
    audio_out: 64_000_000,
    words_in: 2_500_000,
    words_out: 10_000_000,
    words_minute: 17_000,
};

const MINI: Prices = Prices {
    text_in: 600_000,
    audio_in: 10_000_000,
    cached_text: 60_000,
    cached_audio: 300_000,
    text_out: 2_400_000,
    audio_out: 20_000_000,
    ..LARGE
};

/// The first family whose mark is in the model's name. An unknown model is priced like the dearest.
const FAMILIES: [(&str, Prices); 3] =
    [("mini", MINI), ("gpt-realtime-1.5", Prices { text_out: 16_000_000, ..LARGE }), ("", LARGE)];

impl Prices {
    /// For the provider inside our own binary.
    pub const FREE: Self = Self {
        text_in: 0,
        audio_in: 0,
        cached_text: 0,
        cached_audio: 0,
        text_out: 0,
        audio_out: 0,
        words_in: 0,
        words_out: 0,
        words_minute: 0,
    };

    /// The prices of a model.
    #[must_use]
    pub fn of(model: &str) -> Self {
        FAMILIES.iter().find(|(mark, _)| model.contains(mark)).map_or(LARGE, |(_, prices)| *prices)
    }
}

/// What was used so far, in tokens; time in milliseconds. Cached tokens are not among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub text_in: u64,
    pub audio_in: u64,
    pub cached_text: u64,
    pub cached_audio: u64,
    pub text_out: u64,
    pub audio_out: u64,
    pub words_in: u64,
    pub words_out: u64,
    pub words_ms: u64,
}

impl Usage {
    /// Adds the `usage` of a response. Null, and what cannot be read, counts nothing.
    pub fn add_response(&mut self, usage: &Value) {
        let (input, output) = (&usage["input_token_details"], &usage["output_token_details"]);
        let (mut text, mut audio) = split(input, count(&usage["input_tokens"]));
        let cached = &input["cached_tokens_details"];
        let (cached_text, cached_audio) = match cached.is_object() {
            true => (count(&cached["text_tokens"]), count(&cached["audio_tokens"])),
            // Of the cheaper kind first, which saves least.
            false => {
                let cached = count(&input["cached_tokens"]);
                (cached.min(text), cached.saturating_sub(text))
            }
        };
        text = text.saturating_sub(cached_text);
        audio = audio.saturating_sub(cached_audio);
        let (text_out, audio_out) = split(output, count(&usage["output_tokens"]));
        for (sum, more) in [
            (&mut self.text_in, text),
            (&mut self.audio_in, audio),
            (&mut self.cached_text, cached_text),
            (&mut self.cached_audio, cached_audio),
            (&mut self.text_out, text_out),
            (&mut self.audio_out, audio_out),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Adds the `usage` of a transcription, which counts tokens or seconds.
    pub fn add_words(&mut self, usage: &Value) {
        self.words_in = self.words_in.saturating_add(count(&usage["input_tokens"]));
        self.words_out = self.words_out.saturating_add(count(&usage["output_tokens"]));
        let seconds = usage["seconds"].as_f64().unwrap_or(0.0).clamp(0.0, 86_400.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a day")]
        let ms = (seconds * 1_000.0) as u64;
        self.words_ms = self.words_ms.saturating_add(ms);
    }

    /// What it costs.
    #[must_use]
    pub fn cost(&self, prices: &Prices) -> MicroUsd {
        let tokens = [
            (self.text_in, prices.text_in),
            (self.audio_in, prices.audio_in),
            (self.cached_text, prices.cached_text),
            (self.cached_audio, prices.cached_audio),
            (self.text_out, prices.text_out),
            (self.audio_out, prices.audio_out),
            (self.words_in, prices.words_in),
            (self.words_out, prices.words_out),
        ];
        let whole =
            tokens.iter().map(|(count, price)| u128::from(*count) * u128::from(*price)).sum::<u128>() / 1_000_000;
        let time = u128::from(self.words_ms) * u128::from(prices.words_minute) / 60_000;
        MicroUsd::try_from(whole + time).unwrap_or(MicroUsd::MAX)
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0).min(MOST)
}

/// Text and sound of a side. What is not told apart is sound.
fn split(details: &Value, total: u64) -> (u64, u64) {
    let (text, audio) = (count(&details["text_tokens"]), count(&details["audio_tokens"]));
    if details.is_object() { (text, audio) } else { (0, total) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The shape of a recorded `response.done`.
    fn recorded() -> Value {
        json!({
            "total_tokens": 1_600, "input_tokens": 1_300, "output_tokens": 300,
            "input_token_details": {
                "text_tokens": 500, "audio_tokens": 800, "image_tokens": 0, "cached_tokens": 600,
                "cached_tokens_details": { "text_tokens": 400, "audio_tokens": 200, "image_tokens": 0 },
            },
            "output_token_details": { "text_tokens": 60, "audio_tokens": 240 },
        })
    }

    #[test]
    fn usage_is_summed_by_kind_and_priced() {
        let mut usage = Usage::default();
        for _ in 0..2 {
            usage.add_response(&recorded());
        }
        assert_eq!((usage.text_in, usage.audio_in, usage.cached_text, usage.cached_audio), (200, 1_200, 800, 400));
        assert_eq!((usage.text_out, usage.audio_out), (120, 480));
        // 200 * 4 + 1200 * 32 + 1200 * 0.4 + 120 * 24 + 480 * 64, in millionths.
        assert_eq!(usage.cost(&Prices::of("gpt-realtime-2.1")), 73_280);
        assert_eq!(usage.cost(&Prices::of("gpt-realtime-1.5")), 72_320);
        assert!(usage.cost(&Prices::of("gpt-realtime-2.1-mini")) < 25_000);
        assert_eq!(usage.cost(&Prices::of("somebody-elses")), usage.cost(&Prices::of("gpt-realtime-2.1")));
        assert_eq!(usage.cost(&Prices::FREE), 0);
    }

    #[test]
    fn transcription_counts_tokens_or_time() {
        let mut usage = Usage::default();
        usage.add_words(
            &json!({ "type": "tokens", "input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100 }),
        );
        usage.add_words(&json!({ "type": "duration", "seconds": 30.0 }));
        assert_eq!(usage.cost(&Prices::of("any")), 2_500 + 1_000 + 8_500);
    }

    #[test]
    fn what_a_server_does_not_tell_counts_as_the_dearer_kind_and_nonsense_as_little() {
        let of = |usage: Value| {
            let mut sum = Usage::default();
            sum.add_response(&usage);
            sum.add_words(&usage);
            sum
        };
        let total = of(json!({ "input_tokens": 10, "output_tokens": 20 }));
        assert_eq!((total.audio_in, total.audio_out, total.text_in), (10, 20, 0));
        let cached = of(json!({ "input_token_details": { "text_tokens": 5, "audio_tokens": 9, "cached_tokens": 8 } }));
        assert_eq!((cached.text_in, cached.cached_text, cached.audio_in, cached.cached_audio), (0, 5, 6, 3));
        for nothing in [Value::Null, json!(7), json!({ "input_tokens": "many", "seconds": -5 }), json!([])] {
            assert_eq!(of(nothing), Usage::default());
        }
        let absurd = of(json!({ "input_tokens": u64::MAX, "output_tokens": u64::MAX, "seconds": 1e300 }));
        assert!(absurd.cost(&Prices::of("any")) < 2_000_000_000);
    }
}
