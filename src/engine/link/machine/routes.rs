//! Tests of the routes: which one is taken, and what is fallen back to.

use super::super::choice::Choice;
use super::super::steps::SubStep;
use super::super::watchdog::Sample;
use super::tests::{API, GOOD, Sim};
use super::*;

pub(super) const READY: [Reach; 3] = [Reach::MicGranted, API, Reach::TicketGiven(Route::Direct)];

impl Sim {
    pub(super) fn reach(&mut self, reaches: &[Reach]) -> Vec<Command> {
        reaches.iter().flat_map(|reach| self.send(Input::Reached(self.epoch(), *reach))).collect()
    }

    /// What a Socket call reports until it stands.
    pub(super) fn stand(&mut self) -> Vec<Command> {
        self.reach(&READY);
        self.reach(&[Reach::CallOpen])
    }

    /// A call that Automatic has let fall back to the Socket.
    pub(super) fn fallen() -> Self {
        let mut sim = Self::choosing(Choice::Automatic);
        sim.send(Input::Start);
        sim.reach(&READY);
        sim.send(Input::Room(true));
        sim.send(Input::Ice(sim.epoch(), Ice::Failed));
        assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
        assert_eq!(sim.link.route(), Route::Socket);
        sim.send(Input::Quiet(true));
        sim
    }

    /// Loses every packet until three restarts were in vain.
    pub(super) fn starve(&mut self) -> Vec<Command> {
        let mut all = self.poll(350, false);
        for _ in 0..3 {
            all.extend(self.skip());
        }
        all
    }
}

fn to_socket(closed: Epoch, why: Fallback) -> [Command; 3] {
    [Command::Close(closed), Command::Fallback(why), Command::Open(closed.next(), Route::Socket)]
}

/// S003-20, S003-44: a negotiation that is not live after 8 s goes on over the Socket, with a reason to log (S003-22).
#[test]
fn a_negotiation_that_hangs_falls_back_after_eight_seconds() {
    for reached in 3..GOOD.len() {
        let mut sim = Sim::choosing(Choice::Automatic);
        sim.send(Input::Start);
        sim.reach(&GOOD[..3]);
        sim.pass(3_500);
        sim.reach(&GOOD[3..reached]);
        assert_eq!(sim.skip(), to_socket(Epoch(0), Fallback::Timeout), "{reached}");
        assert!(sim.now <= Tick::from_ms(8_000), "{reached}: {:?}", sim.now);
        assert_eq!(sim.stand(), [Command::Show(Phase::Live)], "{reached}");
        assert_eq!(sim.link.poll_timeout(), None);
    }
}

/// S003-07, S003-44, S004-31: where waiting cannot help, nobody waits.
#[test]
fn a_hopeless_negotiation_falls_back_at_once() {
    let offer = Fault::from(UpstreamFault::Offer);
    let uncontrolled = Fault::from(UpstreamFault::Uncontrolled);
    for (input, why) in [
        (Input::Refused(Epoch(0), Refusal::Hopeless(Fallback::Unsupported)), Fallback::Unsupported),
        (Input::Refused(Epoch(0), Refusal::Hopeless(Fallback::Ice)), Fallback::Ice),
        (Input::Ice(Epoch(0), Ice::Failed), Fallback::Ice),
        (Input::Refused(Epoch(0), Refusal::Final(offer)), Fallback::Refused),
        (Input::Refused(Epoch(0), Refusal::Final(uncontrolled)), Fallback::Refused),
        (Input::ChannelClosed(Epoch(0)), Fallback::Lost),
    ] {
        let mut sim = Sim::choosing(Choice::Automatic);
        sim.send(Input::Start);
        sim.reach(&READY);
        assert_eq!(sim.send(input), to_socket(Epoch(0), why), "{input:?}");
        assert_eq!(sim.now, Tick::ZERO);
    }
}

/// What is wrong with our server or its provider is not mended by another way to them; 401 and 403 are final.
#[test]
fn what_another_route_cannot_help_does_not_fall_back() {
    let quota = Fault::from(UpstreamFault::Quota);
    for (refusal, last) in [
        (Refusal::Final(Fault::Refused), Command::Show(Phase::Failed(Fault::Refused))),
        (Refusal::Final(quota), Command::Show(Phase::Failed(quota))),
        (Refusal::Passing(Fault::Offline), Command::Close(Epoch(0))),
        (Refusal::Passing(UpstreamFault::Overloaded.into()), Command::Close(Epoch(0))),
    ] {
        let mut sim = Sim::choosing(Choice::Automatic);
        sim.send(Input::Start);
        let out = sim.send(Input::Refused(Epoch(0), refusal));
        assert_eq!(out.last(), Some(&last), "{refusal:?}");
        assert!(!out.iter().any(|it| matches!(it, Command::Fallback(_))), "{refusal:?}");
    }
}

/// A provider that is in trouble while a call begins is named, and waited for: it is no reason to leave WebRTC.
#[test]
fn a_call_that_the_provider_ends_while_it_begins_says_why() {
    let mut sim = Sim::choosing(Choice::Automatic);
    sim.send(Input::Start);
    sim.reach(&READY);
    let ended = |sim: &Sim, fault| Input::CallEnded(sim.epoch(), fault);
    for _ in 0..2 {
        assert_eq!(sim.send(ended(&sim, UpstreamFault::Overloaded)).len(), 1, "closed, and waited");
        let route = sim.skip();
        assert_eq!(route, [Command::Open(sim.epoch(), Route::Direct)]);
        sim.reach(&READY);
    }
    let last = Command::Show(Phase::Failed(UpstreamFault::Overloaded.into()));
    assert_eq!(sim.send(ended(&sim, UpstreamFault::Overloaded)).last(), Some(&last));
    // Another route may get past what is about this one.
    let mut sim = Sim::choosing(Choice::Automatic);
    sim.send(Input::Start);
    sim.reach(&READY);
    assert_eq!(sim.send(ended(&sim, UpstreamFault::Lost)), to_socket(Epoch(0), Fallback::Refused));
    // A call that was live is made anew as ever.
    for fault in [UpstreamFault::Expired, UpstreamFault::Lost] {
        let mut sim = Sim::live_by(Choice::Automatic);
        assert!(sim.send(ended(&sim, fault)).is_empty(), "maybe the interview is over");
        sim.skip();
        assert_eq!(sim.skip(), [Command::Open(Epoch(1), Route::Direct)]);
        let quota = Phase::Failed(UpstreamFault::Quota.into());
        assert_eq!(sim.send(ended(&sim, UpstreamFault::Quota)).last(), Some(&Command::Show(quota)));
    }
}

/// S003-07: the flag turns the fallback off, and whoever chose WebRTC gets nothing else.
#[test]
fn without_leave_nothing_falls_back() {
    for routes in [Routes::new(Choice::Automatic, false), Routes::new(Choice::WebRtc, true)] {
        let mut sim = Sim::choosing(Choice::Automatic);
        sim.link.offer(routes);
        sim.send(Input::Start);
        sim.reach(&READY);
        assert_eq!(sim.send(Input::Ice(Epoch(0), Ice::Failed)), [Command::Close(Epoch(0))], "{routes:?}");
        assert_eq!(sim.skip(), [Command::Open(Epoch(1), Route::Direct)], "{routes:?}");
    }
}

/// S000-26: a page that was loaded anew begins where it was; whoever tries again after a fault begins with WebRTC.
#[test]
fn what_had_fallen_back_begins_on_the_socket() {
    let mut sim = Sim::choosing(Choice::Automatic);
    let mut routes = Routes::new(Choice::Automatic, true);
    routes.fall_back();
    sim.link.offer(routes);
    assert_eq!(sim.send(Input::Start).last(), Some(&Command::Open(Epoch(0), Route::Socket)));
    assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
    assert_eq!((sim.link.routes().choice(), sim.link.routes().has_fallen()), (Choice::Automatic, true));
    sim.send(Input::RoomClosed(Fault::Refused));
    assert_eq!(sim.send(Input::Start).last(), Some(&Command::Open(Epoch(1), Route::Direct)));
}

/// S000-27: the Socket needs no WebRTC at all.
#[test]
fn a_call_on_the_socket_stands_with_one_word_from_the_server() {
    let mut sim = Sim::choosing(Choice::WebSocket);
    assert_eq!(sim.send(Input::Start).last(), Some(&Command::Open(Epoch(0), Route::Socket)));
    assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
    assert!(sim.send(Input::Offline).is_empty(), "the room channel says how the path is");
    assert!(sim.send(Input::Online).is_empty(), "WebRTC was not asked for");
    assert_eq!(sim.link.poll_timeout(), None);
}

/// S003-14 to S003-16, S003-54: three restarts, one new peer, then the Socket, on one session.
#[test]
fn the_ladder_is_restart_then_new_peer_then_socket() {
    let mut sim = Sim::live_by(Choice::Automatic);
    let out = sim.starve();
    let restarts = out.iter().filter(|it| matches!(it, Command::RestartIce(_))).count();
    assert_eq!(restarts, 3);
    assert_eq!(out.last(), Some(&Command::Show(Phase::Recovering)));
    assert_eq!(sim.skip(), [Command::Open(Epoch(4), Route::Direct)]);
    sim.reach(&READY);
    let out = sim.send(Input::Ice(Epoch(4), Ice::Failed));
    assert_eq!(out[..2], [Command::Close(Epoch(4)), Command::Fallback(Fallback::Ice)]);
    assert_eq!(out.last(), Some(&Command::Open(Epoch(5), Route::Socket)));
    assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
}

/// S003-16, S003-20: in mid-interview somebody waits to be heard, and the Socket stands ready.
#[test]
fn a_new_peer_in_mid_interview_is_not_waited_for_as_long_as_the_first() {
    for (room, waits_ms) in [(true, 4_000), (false, 8_000)] {
        let mut sim = Sim::live_by(Choice::Automatic);
        sim.starve();
        sim.skip();
        sim.send(Input::Room(room));
        let from = sim.now;
        sim.reach(&GOOD[..3]);
        sim.pass(500);
        sim.reach(&GOOD[3..6]);
        sim.skip();
        assert_eq!(sim.now.since(from), Duration::from_millis(waits_ms), "room channel open: {room}");
    }
}

/// A path that comes and goes is left after the second time.
#[test]
fn a_flapping_path_ends_on_the_socket() {
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.starve();
    sim.skip();
    sim.connect();
    let out = sim.starve();
    assert!(out.contains(&Command::Fallback(Fallback::Lost)), "{out:?}");
    assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
}

/// The Socket's path is the room channel: without it the call waits, and goes on as soon as it is back.
#[test]
fn a_socket_call_waits_for_its_room_channel() {
    let mut sim = Sim::fallen();
    let epoch = sim.epoch();
    assert_eq!(sim.send(Input::Room(false)), [Command::Close(epoch), Command::Show(Phase::Recovering)]);
    sim.pass(15_000);
    assert!(sim.send(Input::Timeout).is_empty());
    assert_eq!(sim.send(Input::Room(true)), [Command::Open(epoch.next(), Route::Socket)]);
    assert_eq!(sim.stand(), [Command::Show(Phase::Live)]);
    sim.send(Input::Room(false));
    assert_eq!(sim.skip().last(), Some(&Command::Show(Phase::Failed(Fault::Offline))), "after ten minutes");
    assert_eq!(sim.send(Input::Start).len(), 2, "it can be tried again");
}

/// Nobody is kept waiting for an interview that the server has closed.
#[test]
fn a_page_waits_as_long_as_the_server_does() {
    let mut sim = Sim::fallen();
    sim.send(Input::Room(false));
    sim.send(Input::Room(true));
    let told = Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 120_000, continuous: true };
    let out = sim.reach(&[Reach::MicGranted, told, Reach::TicketGiven(Route::Direct), Reach::CallOpen]);
    assert_eq!(out, [Command::Show(Phase::Live)]);
    sim.send(Input::Room(false));
    let left = sim.now;
    assert_eq!(sim.skip().last(), Some(&Command::Show(Phase::Failed(Fault::Offline))));
    assert_eq!(sim.now.since(left), Duration::from_secs(120));
}

/// A server that is away is not hammered: the room channel says when it is back.
#[test]
fn a_repair_waits_for_a_server_that_is_away() {
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.starve();
    sim.skip();
    sim.send(Input::Room(false));
    sim.send(Input::Refused(sim.epoch(), Refusal::Passing(Fault::Offline)));
    sim.pass(60_000);
    assert!(sim.send(Input::Timeout).is_empty());
    assert_eq!(sim.send(Input::Room(true)), [Command::Open(sim.epoch(), Route::Direct)]);
}

/// A page that was loaded anew learns that its interview is over: it reads the report.
#[test]
fn an_interview_that_is_over_has_its_report_without_a_call() {
    let mut sim = Sim::choosing(Choice::Automatic);
    let out = sim.send(Input::Over(EndReason::TimeUp));
    assert_eq!(out, [Command::Show(Phase::Ending), Command::Report(Ask::Read)]);
    assert_eq!(sim.send(Input::Reported(true)), [Command::Show(Phase::Ended(EndReason::TimeUp))]);
}

/// A hosted provider may send nothing before it is asked to speak, and only a live page asks for that.
#[test]
fn a_hosted_call_is_live_before_its_first_packet() {
    let hosted = Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: false };
    let reaches = [&GOOD[..1], &[hosted], &GOOD[2..]].concat();
    let mut sim = Sim::choosing(Choice::Automatic);
    sim.send(Input::Start);
    assert_eq!(sim.reach(&reaches), [Command::Show(Phase::Live)]);
    let streams = |sim: &Sim| sim.link.steps().reached_ms(SubStep::Streaming);
    assert_eq!((streams(&sim), sim.link.poll_timeout()), (None, None));
    sim.poll(6_000, true);
    assert_eq!(streams(&sim), Some(50), "it is still said when sound came first");

    let mut sim = Sim::fallen();
    let old = sim.epoch();
    sim.send(Input::Choose(Choice::WebRtc));
    assert_eq!(sim.reach(&reaches), [Command::Close(old), Command::Show(Phase::Live)]);
    // Our own peer is waited for, whoever is behind it.
    let relayed = reaches.iter().map(|reach| match reach {
        Reach::TicketGiven(_) => Reach::TicketGiven(Route::Relay),
        other => *other,
    });
    let mut sim = Sim::choosing(Choice::Automatic);
    sim.send(Input::Start);
    assert!(sim.reach(&relayed.collect::<Vec<_>>()).is_empty());
    assert_eq!(sim.poll(50, true), [Command::Show(Phase::Live)]);
}

/// A hosted provider that says nothing is alive as long as its checks are answered: it is never called anew for silence.
#[test]
fn a_hosted_provider_may_be_silent() {
    let mut sim = Sim::choosing(Choice::Automatic);
    sim.send(Input::Start);
    sim.send(Input::Room(true));
    let hosted = Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: false };
    assert_eq!(sim.reach(&[&GOOD[..1], &[hosted], &GOOD[2..]].concat()), [Command::Show(Phase::Live)]);
    for second in 0..120 {
        sim.pass(1_000);
        let sample = Sample { at: sim.now, received: 9, responses: Some(second / 3) };
        assert!(sim.send(Input::Packets(sim.epoch(), sample)).is_empty(), "{second}");
    }
}

/// On the Relay the far end is our own peer, whoever is behind it.
#[test]
fn the_relay_is_missed_as_soon_as_it_pauses() {
    let mut sim = Sim::choosing(Choice::Automatic);
    sim.send(Input::Start);
    for reach in GOOD {
        let reach = match reach {
            Reach::ApiReady { .. } => {
                Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: false }
            }
            Reach::TicketGiven(_) => Reach::TicketGiven(Route::Relay),
            other => other,
        };
        sim.reach(&[reach]);
    }
    assert_eq!(sim.poll(50, true), [Command::Show(Phase::Live)]);
    assert_eq!(sim.link.route(), Route::Relay);
    sim.poll(100, true);
    assert!(sim.poll(300, false).contains(&Command::RestartIce(Epoch(1))));
}
