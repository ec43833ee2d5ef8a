use super::super::choice::Choice;
use super::super::watchdog::Sample;
use super::*;

pub(super) const API: Reach = Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: true };
/// All reports of an attempt that works, but for the first packet.
pub(super) const GOOD: [Reach; 11] = [
    Reach::MicGranted,
    API,
    Reach::TicketGiven(Route::Direct),
    Reach::PeerCreated,
    Reach::OfferSent,
    Reach::AnswerReceived,
    Reach::AnswerSet,
    Reach::Candidates,
    Reach::Connected,
    Reach::ChannelOpen,
    Reach::ProviderReady,
];

/// A link on a virtual clock. Time moves only when a test says so.
pub(super) struct Sim {
    pub(super) now: Tick,
    pub(super) link: Link,
    packets: u64,
}

impl Sim {
    /// WebRTC and nothing else.
    fn new() -> Self {
        Self::choosing(Choice::WebRtc)
    }

    pub(super) fn choosing(choice: Choice) -> Self {
        let mut link = Link::new(Policy::default());
        link.offer(Routes::new(choice, true));
        Self { now: Tick::ZERO, link, packets: 0 }
    }

    pub(super) fn send(&mut self, input: Input) -> Vec<Command> {
        self.link.handle(self.now, input);
        std::iter::from_fn(|| self.link.poll_command()).collect()
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.link.epoch
    }

    /// Jumps to the next deadline and returns what it caused.
    pub(super) fn skip(&mut self) -> Vec<Command> {
        self.now = self.link.poll_timeout().expect("a deadline is armed");
        self.send(Input::Timeout)
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    /// Polls every 50 ms for `ms`, with or without packets, and returns what it caused.
    pub(super) fn poll(&mut self, ms: u64, moving: bool) -> Vec<Command> {
        let mut all = Vec::new();
        for _ in 0..ms / 50 {
            self.pass(50);
            self.packets += if moving { 2 } else { 0 };
            let sample = Sample { at: self.now, received: self.packets, responses: Some(0) };
            all.extend(self.send(Input::Packets(self.epoch(), sample)));
        }
        all
    }

    pub(super) fn connect(&mut self) -> Vec<Command> {
        let epoch = self.epoch();
        let mut all: Vec<_> = GOOD.into_iter().flat_map(|reach| self.send(Input::Reached(epoch, reach))).collect();
        all.extend(self.poll(50, true));
        all
    }

    fn live() -> Self {
        Self::live_by(Choice::WebRtc)
    }

    /// In a live call over WebRTC, with the room channel open and nobody speaking.
    pub(super) fn live_by(choice: Choice) -> Self {
        let mut sim = Self::choosing(choice);
        sim.send(Input::Start);
        sim.send(Input::Room(true));
        assert_eq!(sim.connect(), [Command::Show(Phase::Live)]);
        assert!(sim.poll(50, true).is_empty());
        assert!(sim.send(Input::Quiet(true)).is_empty());
        sim
    }
}

#[test]
fn five_steps_lead_from_start_to_live() {
    let mut sim = Sim::new();
    assert_eq!(sim.send(Input::Start), [Command::Show(Phase::Connecting), Command::Open(Epoch(0), Route::Direct)]);
    assert_eq!(sim.connect(), [Command::Show(Phase::Live)]);
    assert_eq!(sim.link.poll_timeout(), None);
}

/// S003-20: a negotiation takes 8 s at the most.
#[test]
fn a_negotiation_is_given_up_after_eight_seconds() {
    let mut sim = Sim::new();
    sim.send(Input::Start);
    for reach in [Reach::MicGranted, API, Reach::TicketGiven(Route::Direct)] {
        sim.send(Input::Reached(Epoch(0), reach));
    }
    assert_eq!(sim.skip(), [Command::Close(Epoch(0))]);
    assert_eq!(sim.now, Tick::from_ms(8_000));
}

/// S001-05: nothing hangs. With a server that never answers it takes less than the 30 s, then there is a reason.
#[test]
fn connecting_ends_within_thirty_seconds_whatever_hangs() {
    for reached in 0..GOOD.len() {
        let mut sim = Sim::new();
        sim.send(Input::Start);
        let fault = loop {
            for reach in &GOOD[..reached] {
                sim.send(Input::Reached(sim.epoch(), *reach));
            }
            if let Some(Command::Show(Phase::Failed(fault))) = sim.skip().last() {
                break *fault;
            }
        };
        assert!(sim.now <= Tick::from_ms(30_000), "{reached}: {:?}", sim.now);
        assert_eq!(sim.link.poll_timeout(), None, "{reached}: {fault:?}");
        assert_eq!(sim.send(Input::Start).len(), 2, "it can be tried again");
    }
}

#[test]
fn the_servers_limit_for_connecting_holds_from_the_next_start() {
    let mut sim = Sim::new();
    sim.send(Input::Start);
    sim.send(Input::Reached(Epoch(0), Reach::MicGranted));
    sim.send(Input::Reached(
        Epoch(0),
        Reach::ApiReady { connect_timeout_ms: 4_000, idle_ms: 600_000, continuous: false },
    ));
    sim.send(Input::Refused(Epoch(0), Refusal::Final(Fault::Refused)));
    sim.send(Input::Start);
    assert_eq!(sim.skip().last(), Some(&Command::Show(Phase::Failed(Fault::TimedOut))));
    assert_eq!(sim.now, Tick::from_ms(4_000));
}

#[test]
fn a_short_ice_dip_heals_without_a_restart() {
    let mut sim = Sim::live();
    assert!(sim.send(Input::Ice(Epoch(0), Ice::Disconnected)).is_empty());
    assert!(sim.send(Input::Ice(Epoch(0), Ice::Connected)).is_empty());
    assert_eq!(sim.link.poll_timeout(), None);
    assert!(sim.send(Input::Offline).is_empty());
    assert!(sim.poll(100, true).is_empty(), "packets prove it wrong");
    assert_eq!(sim.link.poll_timeout(), None);
}

/// S003-14: the path is mended without the candidate.
#[test]
fn a_silent_path_restarts_ice_after_300_ms_and_packets_bring_it_back() {
    let mut sim = Sim::live();
    sim.poll(1_000, true);
    assert!(sim.poll(250, false).is_empty());
    assert_eq!(sim.poll(50, false), [Command::Show(Phase::Recovering), Command::RestartIce(Epoch(1))]);
    sim.poll(50, false);
    assert_eq!(sim.poll(50, true), [Command::Show(Phase::Live)]);
    assert_eq!(sim.link.ice_restarts(), 1);
    assert_eq!(sim.link.negotiation_ms(), Some(100.0), "of the restart");
}

/// S003-15, S003-16, S003-28: three restarts, then a new call on the same session, all within 6 s.
#[test]
fn three_restarts_are_followed_by_a_new_call() {
    let mut sim = Sim::live();
    sim.poll(300, false);
    let from = sim.now;
    assert_eq!(sim.skip()[1], Command::RestartIce(Epoch(2)));
    assert_eq!(sim.skip()[1], Command::RestartIce(Epoch(3)));
    assert_eq!(sim.skip(), [Command::Close(Epoch(3)), Command::Show(Phase::Recovering)]);
    assert_eq!(sim.skip(), [Command::Open(Epoch(4), Route::Direct)]);
    assert!(sim.now.since(from) < Duration::from_secs(6), "{:?}", sim.now.since(from));
    assert_eq!(sim.connect(), [Command::Show(Phase::Live)]);
}

#[test]
fn a_provider_that_cannot_restart_gets_a_new_call_at_once() {
    let mut sim = Sim::live();
    sim.poll(300, false);
    let out = sim.send(Input::Refused(Epoch(1), Refusal::NoRestart));
    assert_eq!(out, [Command::Close(Epoch(1)), Command::Show(Phase::Recovering)]);
    let before = sim.now;
    assert_eq!(sim.skip(), [Command::Open(Epoch(2), Route::Direct)]);
    assert_eq!(sim.now, before);
}

#[test]
fn a_server_that_refuses_a_restart_at_once_is_not_hammered() {
    let mut sim = Sim::live();
    sim.poll(300, false);
    let armed = sim.link.poll_timeout();
    assert_eq!(sim.epoch(), Epoch(1));
    assert!(sim.send(Input::Refused(Epoch(1), Refusal::Passing(Fault::Offline))).is_empty());
    assert_eq!(sim.link.poll_timeout(), armed);
}

#[test]
fn a_refusal_is_retried_only_when_that_can_help() {
    let table = [
        (Refusal::Final(Fault::Refused), Some(Command::Show(Phase::Failed(Fault::Refused)))),
        (Refusal::Passing(Fault::Offline), Some(Command::Close(Epoch(0)))),
    ];
    for (refusal, expected) in table {
        let mut sim = Sim::new();
        sim.send(Input::Start);
        assert_eq!(sim.send(Input::Refused(Epoch(0), refusal)).pop(), expected, "{refusal:?}");
    }
}

/// A flapping line must run out of attempts: a short success in between does not start the count anew.
#[test]
fn only_a_steady_call_forgets_the_failures_before_it() {
    for (lived_ms, gives_up) in [(1_000, true), (6_000, false)] {
        let mut sim = Sim::live();
        let mut failed = false;
        for _ in 0..12 {
            sim.poll(lived_ms, true);
            sim.send(Input::ChannelClosed(sim.epoch()));
            failed |= sim.skip().iter().any(|it| matches!(it, Command::Show(Phase::Failed(_))));
            if failed {
                break;
            }
            sim.skip();
            sim.connect();
        }
        assert_eq!(failed, gives_up, "{lived_ms}");
    }
}

#[test]
fn what_an_abandoned_attempt_still_says_is_ignored() {
    let mut sim = Sim::new();
    sim.send(Input::Start);
    sim.send(Input::Ice(Epoch(0), Ice::Failed));
    let armed = sim.link.poll_timeout();
    assert!(sim.send(Input::Refused(Epoch(0), Refusal::Passing(Fault::Network))).is_empty());
    assert!(sim.send(Input::Reached(Epoch(0), Reach::MicGranted)).is_empty());
    assert_eq!(sim.link.poll_timeout(), armed, "one fault with many symptoms costs one attempt");
}

/// A hidden tab polls once a second, later once a minute: that never ends anything.
#[test]
fn late_polls_are_not_a_stall() {
    let mut sim = Sim::live();
    for gap in [1_000, 1_000, 60_000, 60_000] {
        sim.pass(gap);
        sim.packets += gap / 20;
        let sample = Sample { at: sim.now, received: sim.packets, responses: Some(0) };
        assert!(sim.send(Input::Packets(Epoch(0), sample)).is_empty(), "{gap}");
    }
}

#[test]
fn leaving_frees_the_call_at_once_and_the_report_follows() {
    let mut sim = Sim::live();
    assert_eq!(
        sim.send(Input::Leave { late: false }),
        [Command::Close(Epoch(0)), Command::Show(Phase::Ending), Command::Report(Ask::Finish)]
    );
    assert_eq!(sim.send(Input::Reported(true)), [Command::Show(Phase::Ended(EndReason::Finished))]);
    assert!(sim.send(Input::Start).is_empty());
}

/// The provider ends the call when its peer is closed, and what it has not written down by then is lost.
#[test]
fn a_call_with_words_on_their_way_is_closed_a_moment_later() {
    let ended = [Command::Show(Phase::Ended(EndReason::Finished))];
    let leave = || {
        let mut sim = Sim::live();
        let out = sim.send(Input::Leave { late: true });
        assert_eq!(out, [Command::Show(Phase::Ending), Command::Report(Ask::Finish)]);
        sim
    };
    let mut sim = leave();
    assert_eq!(sim.send(Input::ChannelClosed(Epoch(0))), [Command::Close(Epoch(0))], "the far end has hung up");
    assert_eq!(sim.send(Input::Reported(true)), ended);
    assert_eq!(sim.link.poll_timeout(), None);
    let mut sim = leave();
    assert_eq!(sim.send(Input::Reported(true)), ended, "the report does not wait for it");
    assert_eq!(sim.skip(), [Command::Close(Epoch(0))]);
    assert_eq!((sim.now.since(Tick::ZERO) < Duration::from_millis(3_500), sim.link.poll_timeout()), (true, None));
    let mut sim = leave();
    assert_eq!(sim.skip(), [Command::Close(Epoch(0))]);
    assert_eq!(sim.skip()[1..], ended, "nor is a report waited for without end");
}

#[test]
fn without_the_server_the_report_is_what_the_page_has() {
    for unreachable in [Input::Reported(false), Input::Timeout] {
        let mut sim = Sim::live();
        sim.send(Input::Over(EndReason::TimeUp));
        if unreachable == Input::Timeout {
            sim.now = sim.link.poll_timeout().expect("the report is waited for, but not for ever");
        }
        let expected = [Command::Report(Ask::Page), Command::Show(Phase::Ended(EndReason::TimeUp))];
        assert_eq!(sim.send(unreachable), expected);
    }
}

#[test]
fn leaving_before_there_is_a_session_goes_back_to_the_lobby() {
    let mut sim = Sim::new();
    sim.send(Input::Start);
    assert_eq!(sim.send(Input::Leave { late: true }), [Command::Close(Epoch(0)), Command::Show(Phase::Lobby)]);
    assert!(sim.send(Input::Leave { late: true }).is_empty());
}

/// A page that was loaded anew has an interview to end before it gets a ticket.
#[test]
fn leaving_before_an_interview_goes_on_ends_it() {
    let mut sim = Sim::new();
    sim.link.resume();
    sim.send(Input::Start);
    sim.send(Input::Refused(Epoch(0), Refusal::Final(Fault::Microphone)));
    let out = sim.send(Input::Leave { late: false });
    assert_eq!(out, [Command::Show(Phase::Ending), Command::Report(Ask::Finish)]);
    assert_eq!(sim.send(Input::Reported(true)), [Command::Show(Phase::Ended(EndReason::Finished))]);
}

#[test]
fn another_tab_takes_the_room() {
    let mut sim = Sim::live();
    let out = sim.send(Input::RoomClosed(Fault::Replaced));
    assert_eq!(out, [Command::Close(Epoch(0)), Command::Show(Phase::Failed(Fault::Replaced))]);
    assert_eq!(sim.send(Input::Start).last(), Some(&Command::Open(Epoch(1), Route::Direct)));
}

/// A provider that says how long is waited for, as far as connecting may take; then it is said how long.
#[test]
fn a_provider_that_asks_for_time_gets_it() {
    let limited = |retry_after_s| Fault::Provider { fault: UpstreamFault::Limited, retry_after_s };
    for (retry_after_s, expected) in [(0, 300), (20, 20_000)] {
        let mut sim = Sim::new();
        sim.send(Input::Start);
        sim.send(Input::Refused(Epoch(0), Refusal::Passing(limited(retry_after_s))));
        assert_eq!(sim.skip(), [Command::Open(Epoch(1), Route::Direct)], "{retry_after_s}");
        assert_eq!(sim.now, Tick::from_ms(expected), "{retry_after_s}");
    }
    let mut sim = Sim::new();
    sim.send(Input::Start);
    let out = sim.send(Input::Refused(Epoch(0), Refusal::Passing(limited(90))));
    assert_eq!(out.last(), Some(&Command::Show(Phase::Failed(limited(90)))));
    assert!(limited(90).cure().contains("90 s"), "{}", limited(90).cure());
}

/// What the server says of the sideband: some faults want a new call at once, others somebody to mend them first.
#[test]
fn a_call_that_the_server_ended_is_made_anew_or_given_up() {
    let mut sim = Sim::live();
    assert!(sim.send(Input::ChannelClosed(Epoch(0))).is_empty());
    let out = sim.skip();
    assert_eq!(out, [Command::Close(Epoch(0)), Command::Show(Phase::Recovering)]);
    assert_eq!(sim.skip(), [Command::Open(Epoch(1), Route::Direct)]);
    let mut sim = Sim::live();
    let quota = Fault::from(UpstreamFault::Quota);
    let out = sim.send(Input::Refused(Epoch(0), Refusal::Final(quota)));
    assert_eq!(out, [Command::Close(Epoch(0)), Command::Show(Phase::Failed(quota))]);
    assert_eq!(sim.send(Input::Start).last(), Some(&Command::Open(Epoch(1), Route::Direct)), "it can be tried again");
}
