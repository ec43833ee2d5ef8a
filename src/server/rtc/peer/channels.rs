//! The data channels of a peer: the one for events, and one of our own.

use str0m::channel::ChannelId;
use str0m::{Rtc, RtcError};

use super::Peer;
use crate::server::rtc::lane::{Lane, Overflow};

/// The label of the channel that carries events.
pub const EVENTS_LABEL: &str = "oai-events";

/// Channels that nobody listens to. Each of them takes memory as long as the call lasts.
const MAX_STRANGERS: usize = 16;

/// More channels than a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// The channels of one peer.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// The one for events, where the offer asked for a data channel at all.
    events: Option<Lane>,
    /// The one that we opened.
    own: Option<Lane>,
    /// Others that the far end has opened so far.
    strangers: usize,
}

impl Channels {
    /// Those that an answer agreed to.
    pub(super) fn negotiated(answer: &str) -> Self {
        Self { events: answer.contains("m=application").then(Lane::default), ..Self::default() }
    }

    /// The far end has opened one. Answers whether it is that for events.
    pub(super) fn opened(&mut self, id: ChannelId, label: &str) -> Result<bool, TooMany> {
        if self.own.as_ref().is_some_and(|own| own.is(id)) {
            return Ok(false);
        }
        if label == EVENTS_LABEL && self.events.as_mut().is_some_and(|events| events.opened(id)) {
            return Ok(true);
        }
        self.strangers += 1;
        if self.strangers > MAX_STRANGERS { Err(TooMany) } else { Ok(false) }
    }

    /// One was closed: nothing more can be said there.
    pub(super) fn closed(&mut self, id: ChannelId) {
        _ = self.own.take_if(|own| own.is(id));
    }

    pub(super) fn carries_events(&self, id: ChannelId) -> bool {
        self.events.as_ref().is_some_and(|events| events.is(id))
    }

    fn flush(&mut self, rtc: &mut Rtc) -> Result<(), RtcError> {
        [&mut self.events, &mut self.own].into_iter().flatten().try_for_each(|lane| lane.flush(rtc))
    }
}

impl Peer {
    /// Opens a second channel as soon as there is a connection, where the offer asked for data channels.
    pub fn open_channel(&mut self, label: &str) {
        if self.channels.events.is_some() && self.channels.own.is_none() {
            self.channels.own = Some(Lane::open(&mut self.rtc, label));
            self.drain();
        }
    }

    /// Sends a message on the event channel, after all earlier ones. It waits until the channel is open; a peer that
    /// offered none gets nothing.
    ///
    /// # Errors
    /// [`Overflow`] if the far end takes nothing; the message is dropped.
    pub fn send_text(&mut self, text: String) -> Result<(), Overflow> {
        let Some(events) = self.channels.events.as_mut() else { return Ok(()) };
        events.push(text)?;
        self.flush();
        self.drain();
        Ok(())
    }

    /// Sends a message on the channel that we opened; without one it goes nowhere.
    ///
    /// # Errors
    /// [`Overflow`] as in [`Peer::send_text`].
    pub fn send_own(&mut self, text: String) -> Result<(), Overflow> {
        let Some(own) = self.channels.own.as_mut() else { return Ok(()) };
        own.push(text)?;
        self.flush();
        self.drain();
        Ok(())
    }

    /// Whether every message has arrived at the far end.
    pub fn is_flushed(&mut self) -> bool {
        let Channels { events, own, .. } = &self.channels;
        [events, own].into_iter().flatten().all(|lane| lane.is_flushed(&mut self.rtc))
    }

    /// Hands messages to the channels as long as they take them.
    pub(super) fn flush(&mut self) {
        if let Err(error) = self.channels.flush(&mut self.rtc) {
            tracing::debug!(%error, "data channel broke");
            self.end();
        }
    }
}
