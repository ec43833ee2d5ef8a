//! The sound that goes out: one stream, with continuous sequence numbers and timestamps.

use std::time::Instant;

use str0m::Rtc;
use str0m::media::{Mid, Pt};
use str0m::rtp::{RtpWrite, SeqNo};

use super::Peer;

/// Ticks of the RTP clock in one frame of 20 ms; Opus always counts 48 kHz (RFC 7587, section 4.1).
const FRAME_TICKS: u32 = 960;

/// The outbound stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct AudioOut {
    mid: Mid,
    pt: Pt,
    seq_no: SeqNo,
    /// The RTP timestamp of the next frame.
    time: u32,
}

impl AudioOut {
    /// The stream that an answer agreed to. The event that names it comes only with the connection.
    pub(super) fn negotiated(rtc: &Rtc, answer: &str) -> Option<Self> {
        let section = answer.split("m=audio").nth(1)?;
        let mid = Mid::from(section.lines().find_map(|line| line.strip_prefix("a=mid:"))?.trim());
        let pt = *rtc.media(mid)?.remote_pts().first()?;
        // Sequence numbers start low: the rollover counter cannot be told to the far end (RFC 3711, section 3.3.1).
        let start = u64::from(rand::random::<u16>() >> 1);
        Some(Self { mid, pt, seq_no: start.into(), time: rand::random() })
    }
}

impl Peer {
    /// Sends one frame of audio; `marker` on the first after silence (RFC 3551, section 4.1).
    pub fn send_audio(&mut self, packet: &[u8], marker: bool, now: Instant) {
        let out = &mut self.audio;
        let (seq_no, time) = (out.seq_no.inc(), out.time);
        out.time = out.time.wrapping_add(FRAME_TICKS);
        let (mid, pt) = (out.mid, out.pt);
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.write_rtp(RtpWrite::new(pt, seq_no, time, now, packet).marker(marker));
        }
        self.timeout(now);
    }

    /// Lets the timestamp pass over frames that were never sent.
    pub const fn skip_audio(&mut self, frames: u32) {
        self.audio.time = self.audio.time.wrapping_add(FRAME_TICKS.wrapping_mul(frames));
    }
}
