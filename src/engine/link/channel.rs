//! When to open the room channel, and when to try again. It stays open for the whole session, whatever the call does.

use std::time::Duration;

use super::Fault;
use crate::engine::time::Tick;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// How long an opening socket may take.
const OPENING: Duration = ms(5_000);
/// Waits between attempts; the last one repeats for as long as the session lives.
const BACKOFF: [Duration; 5] = [ms(200), ms(600), ms(1_500), ms(3_000), ms(5_000)];
/// The server says something every ten seconds. A socket that is silent for longer than twice that is dead, though no
/// browser has noticed.
const SILENT: Duration = ms(25_000);
/// A socket that lived this long starts the waits anew.
const STEADY: Duration = ms(3_000);

/// Why the server closed the channel for good: private codes of RFC 6455, section 7.4.2.
pub mod close {
    /// The session is unknown, or this browser does not own it.
    pub const REFUSED: u16 = 4_401;
    /// Another tab took the room.
    pub const REPLACED: u16 = 4_409;
    /// The interview is over and nothing more will be said.
    pub const OVER: u16 = 4_410;
}

/// What happened to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// There is a session: the channel is wanted from here on.
    Join,
    Opened,
    Closed {
        code: u16,
    },
    /// The server said something.
    Heard,
    /// What we send does not get through.
    Stuck,
    /// The browser has a network again, which may be another one.
    Online,
    /// The channel is not wanted any more.
    Leave,
    Timeout,
}

/// What to do with the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Connect,
    Disconnect,
    /// The server will not have us back.
    Gone(Fault),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Opening {
        give_up: Tick,
    },
    Open {
        since: Tick,
        heard: Tick,
    },
    Waiting {
        until: Tick,
    },
}

/// The policy of one room channel.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    state: State,
    failures: usize,
}

impl Channel {
    /// When to send [`Input::Timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Tick> {
        match self.state {
            State::Idle => None,
            State::Open { heard, .. } => Some(heard.after(SILENT)),
            State::Opening { give_up } => Some(give_up),
            State::Waiting { until } => Some(until),
        }
    }

    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, now: Tick, input: Input) -> Option<Command> {
        match (self.state, input) {
            (State::Idle, Input::Join) => {
                self.failures = 0;
                Some(self.connect(now))
            }
            (State::Opening { .. }, Input::Opened) => {
                self.state = State::Open { since: now, heard: now };
                None
            }
            (State::Open { since, .. }, Input::Heard) => {
                self.state = State::Open { since, heard: now };
                None
            }
            (State::Open { heard, .. }, Input::Timeout) if heard.after(SILENT) <= now => {
                self.wait(now);
                Some(Command::Disconnect)
            }
            (State::Idle, _) => None,
            (_, Input::Leave) => {
                self.state = State::Idle;
                Some(Command::Disconnect)
            }
            (State::Opening { .. } | State::Open { .. }, Input::Closed { code }) => self.closed(now, code),
            (State::Opening { give_up }, Input::Timeout) if give_up <= now => {
                self.wait(now);
                Some(Command::Disconnect)
            }
            (State::Open { .. }, Input::Stuck) => {
                self.wait(now);
                Some(Command::Disconnect)
            }
            (State::Waiting { until }, Input::Timeout) if until <= now => Some(self.connect(now)),
            // A socket that has an address which is gone is silent like any other: it is not waited for.
            (State::Waiting { .. } | State::Open { .. }, Input::Online) => Some(self.connect(now)),
            (
                _,
                Input::Join
                | Input::Opened
                | Input::Closed { .. }
                | Input::Heard
                | Input::Stuck
                | Input::Online
                | Input::Timeout,
            ) => None,
        }
    }

    fn connect(&mut self, now: Tick) -> Command {
        self.state = State::Opening { give_up: now.after(OPENING) };
        Command::Connect
    }

    fn closed(&mut self, now: Tick, code: u16) -> Option<Command> {
        if let State::Open { since, .. } = self.state
            && now.since(since) >= STEADY
        {
            self.failures = 0;
        }
        let fault = match code {
            close::REFUSED => Some(Fault::Refused),
            close::REPLACED => Some(Fault::Replaced),
            close::OVER => None,
            _ => {
                self.wait(now);
                return None;
            }
        };
        self.state = State::Idle;
        fault.map(Command::Gone)
    }

    fn wait(&mut self, now: Tick) {
        let wait = BACKOFF[self.failures.min(BACKOFF.len() - 1)];
        self.failures += 1;
        self.state = State::Waiting { until: now.after(wait) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_channel_is_opened_again_with_growing_waits() {
        let mut channel = Channel::default();
        assert_eq!(channel.handle(Tick::ZERO, Input::Join), Some(Command::Connect));
        let (mut now, mut waits) = (Tick::ZERO, Vec::new());
        for _ in 0..7 {
            assert_eq!(channel.handle(now, Input::Closed { code: 1_006 }), None);
            let at = channel.poll_timeout().expect("it tries again");
            waits.push(at.since(now).as_millis());
            now = at;
            assert_eq!(channel.handle(now, Input::Timeout), Some(Command::Connect));
        }
        assert_eq!(waits, [200, 600, 1_500, 3_000, 5_000, 5_000, 5_000]);
    }

    #[test]
    fn a_final_close_code_is_not_retried() {
        let table = [
            (close::REFUSED, Some(Command::Gone(Fault::Refused))),
            (close::REPLACED, Some(Command::Gone(Fault::Replaced))),
            (close::OVER, None),
        ];
        for (code, expected) in table {
            let mut channel = Channel::default();
            channel.handle(Tick::ZERO, Input::Join);
            channel.handle(Tick::ZERO, Input::Opened);
            assert_eq!(channel.handle(Tick::ZERO, Input::Closed { code }), expected, "{code}");
            assert_eq!(channel.poll_timeout(), None, "{code}");
        }
    }

    /// A path that swallows everything is found out, a server that pings is believed.
    #[test]
    fn a_silent_socket_is_replaced() {
        let mut channel = Channel::default();
        channel.handle(Tick::ZERO, Input::Join);
        channel.handle(Tick::ZERO, Input::Opened);
        for second in [10, 20, 30] {
            channel.handle(Tick::from_ms(second * 1_000), Input::Heard);
            assert_eq!(channel.handle(Tick::from_ms(second * 1_000), Input::Timeout), None);
        }
        let at = channel.poll_timeout().expect("silence is bounded");
        assert_eq!(at, Tick::from_ms(55_000));
        assert_eq!(channel.handle(at, Input::Timeout), Some(Command::Disconnect));
        let at = channel.poll_timeout().expect("it tries again");
        assert_eq!(channel.handle(at, Input::Timeout), Some(Command::Connect));
        channel.handle(at, Input::Opened);
        assert_eq!(channel.handle(at, Input::Stuck), Some(Command::Disconnect));
        assert!(channel.poll_timeout().is_some());
    }

    /// S003-14: another network has another address, and a socket stays with the old one without a word.
    #[test]
    fn a_socket_of_the_network_before_is_replaced_at_once() {
        let mut channel = Channel::default();
        channel.handle(Tick::ZERO, Input::Join);
        channel.handle(Tick::ZERO, Input::Opened);
        let at = Tick::from_ms(1_000);
        assert_eq!(channel.handle(at, Input::Online), Some(Command::Connect));
        assert!(!channel.is_open());
        assert_eq!(channel.handle(at, Input::Online), None, "one is opening already");
        channel.handle(at, Input::Opened);
        assert!(channel.is_open());
    }

    #[test]
    fn a_socket_that_never_opens_is_given_up_and_online_helps_at_once() {
        let mut channel = Channel::default();
        channel.handle(Tick::ZERO, Input::Join);
        let at = channel.poll_timeout().expect("opening is bounded");
        assert_eq!(channel.handle(at, Input::Timeout), Some(Command::Disconnect));
        assert_eq!(channel.handle(at, Input::Online), Some(Command::Connect));
        assert_eq!(channel.handle(at, Input::Leave), Some(Command::Disconnect));
        assert_eq!(channel.poll_timeout(), None);
    }
}
