//! A data channel, and the messages that wait for it.

use std::collections::VecDeque;

use str0m::channel::{ChannelConfig, ChannelId};
use str0m::{Rtc, RtcError};

/// Messages that may wait for the data channel, in bytes. A far end that reads nothing is gone.
const MAX_OUTBOX_BYTES: usize = 4 * 1024 * 1024;

/// The messages waiting for the data channel are more than a call may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the far end reads too slowly")]
pub struct Overflow;

/// One channel. Messages leave in order, once it is open and as far as it takes them.
#[derive(Debug, Default)]
pub(super) struct Lane {
    channel: Option<ChannelId>,
    outbox: VecDeque<String>,
    outbox_bytes: usize,
}

impl Lane {
    /// A channel that we open ourselves, as soon as there is a connection.
    pub(super) fn open(rtc: &mut Rtc, label: &str) -> Self {
        let config = ChannelConfig { label: label.to_owned(), ..ChannelConfig::default() };
        Self { channel: Some(rtc.direct_api().create_data_channel(config)), ..Self::default() }
    }

    /// Takes the channel that the far end has opened. Answers false if there is one already: a retransmitted message of the
    /// peer's is no second channel.
    pub(super) const fn opened(&mut self, id: ChannelId) -> bool {
        let first = self.channel.is_none();
        if first {
            self.channel = Some(id);
        }
        first
    }

    pub(super) fn is(&self, id: ChannelId) -> bool {
        self.channel == Some(id)
    }

    /// Queues a message behind all earlier ones.
    ///
    /// # Errors
    /// [`Overflow`] if the far end takes nothing; the message is dropped.
    pub(super) fn push(&mut self, text: String) -> Result<(), Overflow> {
        if self.outbox_bytes + text.len() > MAX_OUTBOX_BYTES {
            return Err(Overflow);
        }
        self.outbox_bytes += text.len();
        self.outbox.push_back(text);
        Ok(())
    }

    /// Hands messages to the channel as long as it takes them.
    ///
    /// # Errors
    /// The channel is broken.
    pub(super) fn flush(&mut self, rtc: &mut Rtc) -> Result<(), RtcError> {
        let Some(id) = self.channel else { return Ok(()) };
        while let Some(text) = self.outbox.front() {
            let Some(mut channel) = rtc.channel(id) else { return Ok(()) };
            if !channel.write(false, text.as_bytes())? {
                return Ok(());
            }
            self.outbox_bytes -= text.len();
            self.outbox.pop_front();
        }
        Ok(())
    }

    /// Whether every message has arrived at the far end.
    pub(super) fn is_flushed(&self, rtc: &mut Rtc) -> bool {
        let in_flight = self.channel.and_then(|id| rtc.channel(id)).map_or(0, |mut it| it.buffered_amount());
        self.outbox.is_empty() && in_flight == 0
    }
}
