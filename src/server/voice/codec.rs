//! Opus (RFC 6716) as the voice session uses it: 20 ms frames, mono, 16 kHz inside.
//!
//! RTP counts Opus at 48 kHz whatever the encoder works at (RFC 7587, section 4.1): one frame is 960 ticks.

use std::fmt;

use bytes::Bytes;
use ropus::{Application, Bitrate, Channels, DecodeMode, InbandFec};

use crate::engine::audio::RATE_HZ;

/// Samples of one frame: 20 ms at 16 kHz.
pub const FRAME_SAMPLES: usize = 320;

/// Length of one frame.
pub const FRAME_MS: u64 = 20;

/// What one frame adds to the RTP timestamp.
pub const FRAME_RTP_TICKS: u32 = 960;

/// One frame of sound, 16 bit.
pub type Pcm = [i16; FRAME_SAMPLES];

/// The most that one packet can hold: 120 ms (RFC 6716, section 3.2.5).
const MAX_SAMPLES: usize = 6 * FRAME_SAMPLES;

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

/// Speech to packets: 32 kbit/s with in-band FEC (LBRR), never discontinuous.
pub struct Encoder {
    inner: ropus::Encoder,
    out: [u8; MAX_PACKET_BYTES],
}

impl Encoder {
    /// An encoder in its first state.
    ///
    /// # Errors
    /// [`CodecError::Settings`] if the codec refuses what we ask for.
    pub fn new() -> Result<Self, CodecError> {
        let inner = ropus::Encoder::builder(RATE_HZ, Channels::Mono, Application::Voip)
            .bitrate(Bitrate::Bits(32_000))
            .complexity(5)
            .inband_fec(InbandFec::Enabled)
            .packet_loss_perc(10)
            .dtx(false)
            .build()
            .map_err(|_| CodecError::Settings)?;
        Ok(Self { inner, out: [0; MAX_PACKET_BYTES] })
    }

    /// Encodes the next 20 ms.
    ///
    /// # Errors
    /// [`CodecError::Encode`]; the stream can go on with the next frame.
    pub fn encode(&mut self, pcm: &Pcm) -> Result<Bytes, CodecError> {
        let len = self.inner.encode(pcm, &mut self.out).map_err(|_| CodecError::Encode)?;
        self.out.get(..len).map(Bytes::copy_from_slice).ok_or(CodecError::Encode)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// Packets to sound at 16 kHz, and something to hear where a packet is missing.
///
/// Each call answers with the new samples, which stay valid until the next call.
pub struct Decoder {
    inner: ropus::Decoder,
    out: [i16; MAX_SAMPLES],
    /// Length of the last packet: what a lost one is taken to have been.
    frame: usize,
}

impl Decoder {
    /// A decoder in its first state.
    ///
    /// # Errors
    /// [`CodecError::Settings`] if the codec refuses rate or channels.
    pub fn new() -> Result<Self, CodecError> {
        let inner = ropus::Decoder::new(RATE_HZ, Channels::Mono).map_err(|_| CodecError::Settings)?;
        Ok(Self { inner, out: [0; MAX_SAMPLES], frame: FRAME_SAMPLES })
    }

    /// Decodes a packet of any legal length (2.5 to 120 ms).
    ///
    /// # Errors
    /// [`CodecError::BadPacket`]; conceal instead.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[i16], CodecError> {
        if packet.is_empty() {
            return Err(CodecError::BadPacket); // The codec would take it for a lost one.
        }
        let len = self.run(packet, MAX_SAMPLES, DecodeMode::Normal)?;
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

    #[test]
    fn nonsense_is_an_error_and_leaves_the_decoder_usable() {
        let mut decoder = Decoder::new().unwrap();
        for nonsense in [&[][..], &[0xff], &[0x4b, 0xff, 0xff]] {
            assert_eq!(decoder.decode(nonsense).err(), Some(CodecError::BadPacket), "{nonsense:?}");
        }
        assert!(decoder.decode(&packets(&vowel(1))[0]).is_ok());
    }
}
