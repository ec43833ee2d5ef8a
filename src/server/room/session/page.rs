//! The page of a session: it comes and goes, says a few words, and is told what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::lane::Sound;
use super::super::{PageId, Seen};
use super::Session;
use crate::engine::interview::director::Input;
use crate::engine::protocol::room::{PageMessage, RoomEvent, RoomMessage};
use crate::server::clock::unix_ms;

/// The page that has the room.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) id: PageId,
    events: mpsc::Sender<RoomMessage>,
    pub(super) sound: Sound,
    replaced: Arc<AtomicBool>,
    /// The candidate's microphone is switched off.
    pub(super) muted: bool,
}

impl Page {
    pub(super) const fn new(
        id: PageId,
        events: mpsc::Sender<RoomMessage>,
        sound: Sound,
        replaced: Arc<AtomicBool>,
    ) -> Self {
        Self { id, events, sound, replaced, muted: false }
    }
}

/// The delay of the room channel, measured with a ping and its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heartbeat {
    pings: u64,
    /// When the latest ping went, until it is answered.
    asked: Option<Instant>,
    /// The latest figure, of the page that is there.
    rtt: Option<Duration>,
}

impl Heartbeat {
    /// A ping goes.
    fn ping(&mut self, now: Instant) -> RoomEvent {
        self.pings += 1;
        self.asked = Some(now);
        let rtt_ms = self.rtt.map(|it| u32::try_from(it.as_millis()).unwrap_or(u32::MAX));
        RoomEvent::LatencyPing { id: self.pings, rtt_ms }
    }

    /// An answer comes. Returns whether it made the first figure of a page. One that was overtaken makes none.
    fn pong(&mut self, now: Instant, id: u64) -> bool {
        let Some(asked) = self.asked.take_if(|_| id == self.pings) else { return false };
        self.rtt.replace(now - asked).is_none()
    }

    /// Another page, and maybe another line.
    fn begin_anew(&mut self) {
        (self.asked, self.rtt) = (None, None);
    }
}

impl Session {
    /// A page comes, and replaces the one before. One that was there is told what it missed, any other everything.
    pub(super) fn join(&mut self, page: Page, seen: Option<Seen>) {
        if let Some(before) = &self.page {
            before.replaced.store(true, Ordering::Release);
            let message = "The interview goes on in another tab.".to_owned();
            self.tell_page(RoomEvent::Error { code: "replaced".to_owned(), message });
        }
        self.joins += 1;
        self.direct(Input::Joined);
        if self.joins > 1 {
            self.metrics.resumed();
        }
        // What follows from that is not news for a page that gets everything, and comes in its turn for another.
        self.page = None;
        self.end_orphan();
        let seen = seen.filter(|it| it.epoch == self.numbering && it.after <= self.events);
        if seen.is_none() {
            // Another page, or the same loaded anew: it knows nothing of the call there was.
            self.lose_orphan();
        }
        let missed: Option<Vec<_>> = seen.and_then(|it| Some(self.backlog.since(it.after)?.cloned().collect()));
        self.page = Some(page);
        match missed {
            Some(missed) => {
                // A page that has a call already must not take an end of the one before for its end.
                let call_after = self.call.as_ref().map_or(0, |call| call.after);
                let news = missed.into_iter().filter(|it| it.n > call_after || !is_of_call(&it.event));
                news.for_each(|message| self.send(message));
            }
            None => {
                let mut snapshot = self.director.snapshot(self.now());
                snapshot.epoch = self.numbering;
                self.tell_page(RoomEvent::Welcome(Box::new(snapshot)));
            }
        }
        self.tell_page(self.director.clock(self.now()));
        self.heartbeat.begin_anew();
        self.ping();
    }

    pub(super) fn page_says(&mut self, message: &PageMessage) {
        match message {
            PageMessage::Call { epoch, after, heard } => self.carry(*epoch, *after, *heard),
            PageMessage::Bye { epoch } => self.bye(*epoch),
            PageMessage::Played { epoch, samples } => {
                if let Some(carry) = self.carried() {
                    carry.played(*epoch, *samples);
                }
            }
            PageMessage::Muted { muted } => {
                if let Some(page) = &mut self.page {
                    page.muted = *muted;
                }
                // What is kept after the end hears nothing, whatever the page does with its microphone then.
                if let Some(carry) = self.carried().filter(|_| !self.is_over()) {
                    carry.mute(*muted);
                }
            }
            // How the path of a call that we carry is we see for ourselves; how long the one before was dead we do not.
            PageMessage::Path { dead: true, .. } if self.is_carried() => return,
            PageMessage::Fallback { reason } => self.fell_back(*reason),
            PageMessage::Stats(stats) => self.measured(stats),
            // The first figure is told at once, and each later one with the next ping.
            PageMessage::Pong { id } => {
                if self.heartbeat.pong(Instant::now(), *id) {
                    self.ping();
                }
            }
            PageMessage::Ready => self.page_ready(),
            PageMessage::Path { .. } | PageMessage::Repeat | PageMessage::Finish | PageMessage::Unknown => {}
        }
        self.direct(Input::Page(message));
    }

    /// Tells what is part of the session: a page that comes back is told it later.
    pub(super) fn tell(&mut self, event: RoomEvent) {
        let message = self.number(event);
        self.announce(&message);
        self.backlog.keep(message.clone());
        self.send(message);
    }

    /// Tells what is of use to this page only, and now.
    pub(super) fn tell_page(&mut self, event: RoomEvent) {
        let message = self.number(event);
        self.announce(&message);
        self.send(message);
    }

    fn number(&mut self, event: RoomEvent) -> RoomMessage {
        self.events += 1;
        RoomMessage { n: self.events, ts: unix_ms(), event }
    }

    fn send(&mut self, message: RoomMessage) {
        // A page that does not read is let go: it comes back and gets what it missed.
        if self.page.as_ref().is_some_and(|page| page.events.try_send(message).is_err()) {
            self.page = None;
        }
    }

    pub(super) fn ping(&mut self) {
        let ping = self.heartbeat.ping(Instant::now());
        self.tell_page(ping);
    }
}

/// Whether this is about one call, and of no use on another.
fn is_of_call(event: &RoomEvent) -> bool {
    match event {
        RoomEvent::ProviderReady => true,
        RoomEvent::Error { code, .. } => code.starts_with("upstream."),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S003-30: the delay of the room channel is that of the latest ping that was answered in its turn.
    #[test]
    fn a_ping_tells_how_long_the_one_before_took() {
        let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let ping = |id, rtt_ms| RoomEvent::LatencyPing { id, rtt_ms };
        assert_eq!(heartbeat.ping(at(0)), ping(1, None));
        assert!(heartbeat.pong(at(40), 1), "the first figure");
        assert_eq!(heartbeat.ping(at(40)), ping(2, Some(40)));
        assert!(!heartbeat.pong(at(100), 2));
        assert_eq!(heartbeat.ping(at(10_000)), ping(3, Some(60)));
        assert_eq!(heartbeat.ping(at(20_000)), ping(4, Some(60)));
        assert!(!heartbeat.pong(at(20_010), 3), "it was overtaken");
        assert!(!heartbeat.pong(at(20_080), 4));
        assert!(!heartbeat.pong(at(29_000), 4), "said twice");
        assert_eq!(heartbeat.ping(at(30_000)), ping(5, Some(80)));
        heartbeat.begin_anew();
        assert!(!heartbeat.pong(at(30_001), 5), "of another page");
        assert_eq!(heartbeat.ping(at(30_002)), ping(6, None));
    }
}
