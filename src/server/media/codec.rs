//! Opus (RFC 6716) as calls use it: 20 ms frames, mono, at the 16 kHz of ears and voice or at another rate of the codec.
//!
//! RTP counts Opus at 48 kHz whatever the encoder works at (RFC 7587, section 4.1): one frame is 960 ticks.

use std::fmt;

use bytes::Bytes;
use ropus::{Application, Bitrate, Channels, DecodeMode, InbandFec};

use crate::engine::audio::RATE_HZ;
use crate::engine::quality::OpusRate;

/// Samples of one frame: 20 ms at 16 kHz.
pub const FRAME_SAMPLES: usize = 320;

/// Frames in a second.
const FRAMES_PER_S: u32 = 50;

/// Length of one frame.
pub const FRAME_MS: u64 = 20;

/// What one frame adds to the RTP timestamp.
pub const FRAME_RTP_TICKS: u32 = 960;

/// One frame of sound, 16 bit.
pub type Pcm = [i16; FRAME_SAMPLES];

/// The most that one packet can hold: 120 ms (RFC 6716, section 3.2.5).
const MAX_FRAMES: usize = 6;

/// The most that an encoder may need for one frame (RFC 6716, section 3.4).
const MAX_PACKET_BYTES: usize = 1_275;

/// Digital silence in the encoder's steady state: wideband SILK like speech, so that the switch does not click.
const SILENCE: &[u8] = &[72, 6, 227, 121, 197, 18, 247, 188];

/// Why sound could not be coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the Opus codec refused its settings")]
    Settings,
    #[error("a frame could not be encoded")]
    Encode,
    #[error("the packet is not valid Opus")]
    BadPacket,
}

/// The packet to send while nothing is said. RTP stays continuous, because the far end takes a gap for a lost network.
#[must_use]
pub fn silence() -> Bytes {
    Bytes::from_static(SILENCE)
}

/// Speech to packets: 32 kbit/s with in-band FEC (LBRR) unless told otherwise, never discontinuous.
pub struct Encoder {
    inner: ropus::Encoder,
    rate: OpusRate,
    out: [u8; MAX_PACKET_BYTES],
}

impl Encoder {
    /// An encoder for the 16 kHz of the voice, in its first state.
    ///
    /// # Errors
    /// [`CodecError::Settings`] if the codec refuses what we ask for.
    pub fn new() -> Result<Self, CodecError> {
        Self::at(RATE_HZ)
    }

    /// An encoder for sound at `rate_hz`, in its first state.
    ///
    /// # Errors
    /// [`CodecError::Settings`] if the codec does not take this rate.
    pub fn at(rate_hz: u32) -> Result<Self, CodecError> {
        let rate = OpusRate::FULL;
        let inner = ropus::Encoder::builder(rate_hz, Channels::Mono, Application::Voip)
            .bitrate(Bitrate::Bits(rate.bits_per_s))
            .complexity(5)
            .inband_fec(InbandFec::Enabled)
            .packet_loss_perc(rate.expected_loss_pct)
            .dtx(false)
            .build()
            .map_err(|_| CodecError::Settings)?;
        Ok(Self { inner, rate, out: [0; MAX_PACKET_BYTES] })
    }

    /// Spends so much from the next frame on. What the codec refuses changes nothing.
    pub fn set_rate(&mut self, rate: OpusRate) {
        if rate != self.rate {
            let spent = self.inner.set_bitrate(Bitrate::Bits(rate.bits_per_s)).is_ok();
            let expected = self.inner.set_packet_loss_perc(rate.expected_loss_pct).is_ok();
            if !(spent && expected) {
                tracing::warn!(?rate, "the Opus codec keeps its rate");
            }
            self.rate = rate;
        }
    }

    /// Encodes the next 20 ms.
    ///
    /// # Errors
    /// [`CodecError::Encode`]; the stream can go on with the next frame.
    pub fn encode(&mut self, pcm: &[i16]) -> Result<Bytes, CodecError> {
        let len = self.inner.encode(pcm, &mut self.out).map_err(|_| CodecError::Encode)?;
        self.out.get(..len).map(Bytes::copy_from_slice).ok_or(CodecError::Encode)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// Packets to sound, and something to hear where a packet is missing.
///
/// Each call answers with the new samples, which stay valid until the next call.
pub struct Decoder {
    inner: ropus::Decoder,
    /// Holds the longest packet.
    out: Vec<i16>,
    /// Length of the last packet: what a lost one is taken to have been.
    frame: usize,
}

impl Decoder {
    /// A decoder to the 16 kHz of the ears, in its first state.
    ///
    /// # Errors
    /// [`CodecError::Settings`] if the codec refuses rate or channels.
    pub fn new() -> Result<Self, CodecError> {
        Self::at(RATE_HZ)
    }

    /// A decoder to `rate_hz`, in its first state.
    ///
    /// # Errors
    /// [`CodecError::Settings`] if the codec does not take this rate.
    pub fn at(rate_hz: u32) -> Result<Self, CodecError> {
        let inner = ropus::Decoder::new(rate_hz, Channels::Mono).map_err(|_| CodecError::Settings)?;
        let frame = (rate_hz / FRAMES_PER_S) as usize;
        Ok(Self { inner, out: vec![0; MAX_FRAMES * frame], frame })
    }

    /// Decodes a packet of any legal length (2.5 to 120 ms).
    ///
    /// # Errors
    /// [`CodecError::BadPacket`]; conceal instead.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[i16], CodecError> {
        if packet.is_empty() {
            return Err(CodecError::BadPacket); // The codec would take it for a lost one.
        }
        let len = self.run(packet, self.out.len(), DecodeMode::Normal)?;
        self.frame = len;
        Ok(&self.out[..len])
    }

    /// Makes up the sound of a lost packet from what came before it.
    ///
    /// # Errors
    /// [`CodecError::BadPacket`] if the codec has nothing to go on.
    pub fn conceal(&mut self) -> Result<&[i16], CodecError> {
        let len = self.run(&[], self.frame, DecodeMode::Normal)?;
        Ok(&self.out[..len])
    }

    /// Recovers a lost packet from the redundancy in the one after it; conceals where that one carries none.
    /// Decode `next` itself afterwards.
    ///
    /// # Errors
    /// [`CodecError::BadPacket`] if `next` is not Opus.
    pub fn recover(&mut self, next: &[u8]) -> Result<&[i16], CodecError> {
        let len = self.run(next, self.frame, DecodeMode::Fec)?;
        Ok(&self.out[..len])
    }

    /// As much silence as the last packet was long.
    pub fn silence(&mut self) -> &[i16] {
        self.out[..self.frame].fill(0);
        &self.out[..self.frame]
    }

    fn run(&mut self, packet: &[u8], room: usize, mode: DecodeMode) -> Result<usize, CodecError> {
        let len = self.inner.decode(packet, &mut self.out[..room], mode).map_err(|_| CodecError::BadPacket)?;
        Ok(len.min(room))
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("frame", &self.frame).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::audio::{dbfs, rms};

    /// A vowel of sorts: 140 Hz and its harmonics.
    fn vowel(frames: usize) -> Vec<Pcm> {
        let sample = |n: usize| {
            let t = n as f32 / RATE_HZ as f32;
            let wave: f32 = (1..12).map(|h| (std::f32::consts::TAU * 140.0 * h as f32 * t).sin() / h as f32).sum();
            (wave * 5_000.0) as i16
        };
        (0..frames).map(|frame| std::array::from_fn(|n| sample(frame * FRAME_SAMPLES + n))).collect()
    }

    fn packets(frames: &[Pcm]) -> Vec<Bytes> {
        let mut encoder = Encoder::new().unwrap();
        frames.iter().map(|frame| encoder.encode(frame).unwrap()).collect()
    }

    fn level(pcm: &[i16]) -> f32 {
        dbfs(rms(pcm))
    }

    #[test]
    fn sound_survives_the_round_trip_within_the_bit_rate() {
        let sound = vowel(100);
        let packets = packets(&sound);
        let bits: usize = packets.iter().map(|it| it.len() * 8).sum();
        assert!((10_000..=36_000).contains(&(bits / 2)), "{} bit/s", bits / 2);
        let mut decoder = Decoder::new().unwrap();
        let heard: Vec<i16> = packets.iter().flat_map(|it| decoder.decode(it).unwrap().to_vec()).collect();
        assert_eq!(heard.len(), 100 * FRAME_SAMPLES);
        let difference = level(&heard[3_200..]) - level(&sound.concat()[3_200..]);
        assert!(difference.abs() < 1.5, "{difference} dB");
    }

    #[test]
    fn silence_packet_is_what_the_encoder_makes_of_silence() {
        let packets = packets(&[[0; FRAME_SAMPLES]; 100]);
        assert!(packets[90..].contains(&silence()), "it takes turns between two packets: {:x?}", &packets[90..]);
        assert_eq!(silence()[0] & 0b0111, vowel_toc() & 0b0111, "same channels and frame count");
        assert_eq!(silence()[0] >> 3, vowel_toc() >> 3, "same mode, bandwidth and length as speech");
    }

    fn vowel_toc() -> u8 {
        packets(&vowel(20))[19][0]
    }

    #[test]
    fn silence_after_speech_is_quiet_within_three_frames() {
        let mut decoder = Decoder::new().unwrap();
        for packet in packets(&vowel(25)) {
            decoder.decode(&packet).unwrap();
        }
        let levels: Vec<f32> = (0..10).map(|_| level(decoder.decode(&silence()).unwrap())).collect();
        assert!(levels[3..].iter().all(|it| *it < -60.0), "{levels:?}");
    }

    /// The lost frame is the first loud one, which cannot be guessed from what came before it.
    #[test]
    fn a_lost_packet_is_recovered_from_the_next_one() {
        let mut sound = vowel(30);
        for sample in sound[..20].iter_mut().flatten() {
            *sample /= 40;
        }
        let packets = packets(&sound);
        let before_it = || {
            let mut decoder = Decoder::new().unwrap();
            for packet in &packets[..20] {
                decoder.decode(packet).unwrap();
            }
            decoder
        };
        assert!(level(before_it().conceal().unwrap()) < -45.0);
        let mut decoder = before_it();
        let recovered = level(decoder.recover(&packets[21]).unwrap());
        assert!((recovered - level(&sound[20])).abs() < 6.0, "{recovered} dBFS");
        assert_eq!(decoder.decode(&packets[21]).unwrap().len(), FRAME_SAMPLES);
    }

    #[test]
    fn concealment_fades_rather_than_drones() {
        let mut decoder = Decoder::new().unwrap();
        for packet in packets(&vowel(20)) {
            decoder.decode(&packet).unwrap();
        }
        let levels: Vec<f32> = (0..20).map(|_| level(decoder.conceal().unwrap())).collect();
        assert!(levels[0] > -30.0 && levels[19] < -40.0, "{levels:?}");
    }

    /// S000-32: less is spent where the line is bad, and what is spent on redundancy is enough to recover a packet.
    #[test]
    fn each_rate_is_kept_and_carries_its_redundancy() {
        let sound = vowel(150);
        let spent: Vec<usize> = OpusRate::LADDER
            .iter()
            .map(|rate| {
                let mut encoder = Encoder::new().unwrap();
                encoder.set_rate(*rate);
                let packets: Vec<Bytes> = sound.iter().map(|frame| encoder.encode(frame).unwrap()).collect();
                let bits = packets[50..].iter().map(|it| it.len() * 8).sum::<usize>() / 2;
                assert!(bits < rate.bits_per_s as usize * 11 / 10, "{bits} bit/s of {rate:?}");
                let mut decoder = Decoder::new().unwrap();
                for packet in &packets[..60] {
                    decoder.decode(packet).unwrap();
                }
                let recovered = level(decoder.recover(&packets[61]).unwrap());
                assert!((recovered - level(&sound[60])).abs() < 3.0, "{recovered} dBFS at {rate:?}");
                bits
            })
            .collect();
        assert!(spent.windows(2).all(|it| it[1] < it[0]), "{spent:?}");
    }

    #[test]
    fn another_rate_of_the_codec_is_another_length() {
        let sound: Vec<i16> = (0..480 * 50).map(|n| ((n as f32 * 0.05).sin() * 8_000.0) as i16).collect();
        let mut encoder = Encoder::at(24_000).unwrap();
        let mut decoder = Decoder::at(24_000).unwrap();
        let heard: Vec<i16> = sound
            .chunks_exact(480)
            .flat_map(|frame| decoder.decode(&encoder.encode(frame).unwrap()).unwrap().to_vec())
            .collect();
        assert_eq!(heard.len(), sound.len());
        assert!((level(&heard[4_800..]) - level(&sound[4_800..])).abs() < 1.5);
        assert_eq!(decoder.silence(), [0; 480]);
        assert!(Encoder::at(44_100).is_err() && Decoder::at(44_100).is_err());
    }

    #[test]
    fn nonsense_is_an_error_and_leaves_the_decoder_usable() {
        let mut decoder = Decoder::new().unwrap();
        for nonsense in [&[][..], &[0xff], &[0x4b, 0xff, 0xff]] {
            assert_eq!(decoder.decode(nonsense).err(), Some(CodecError::BadPacket), "{nonsense:?}");
        }
        assert!(decoder.decode(&packets(&vowel(1))[0]).is_ok());
    }
}
