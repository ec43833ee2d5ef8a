//! Tests of what follows when the network changes, or is away for a while.

use super::super::choice::Choice;
use super::super::watchdog::Sample;
use super::tests::{GOOD, Sim};
use super::*;

const CHANGED: [Input; 2] = [Input::NetworkChanged, Input::Online];

impl Sim {
    /// In a live call with a hosted provider, which may pause and cannot restart ICE.
    fn hosted() -> Self {
        let mut sim = Self::choosing(Choice::Automatic);
        sim.send(Input::Start);
        sim.send(Input::Room(true));
        sim.connect_hosted();
        sim
    }

    fn connect_hosted(&mut self) {
        for reach in GOOD {
            let hosted = match reach {
                Reach::ApiReady { .. } => {
                    Reach::ApiReady { connect_timeout_ms: 30_000, idle_ms: 600_000, continuous: false }
                }
                other => other,
            };
            self.send(Input::Reached(self.epoch(), hosted));
        }
        assert!(matches!(self.link.state, State::Live { .. }));
        self.poll(50, true);
    }

    /// Answers to connectivity checks, without a packet.
    fn answered(&mut self, responses: u64) -> Vec<Command> {
        self.pass(50);
        let sample = Sample { at: self.now, received: 2, responses: Some(responses) };
        self.send(Input::Packets(self.epoch(), sample))
    }
}

/// A path that still works is left for the new one without a word; one that is dead by then is said to be.
#[test]
fn another_network_is_moved_to_at_once() {
    for input in CHANGED {
        let mut sim = Sim::live_by(Choice::Automatic);
        if input == Input::Online {
            assert!(sim.send(input).is_empty(), "nothing was away");
            assert!(sim.send(Input::Offline).is_empty());
        }
        assert_eq!(sim.send(input), [Command::RestartIce(Epoch(1))], "{input:?}");
        assert_eq!(sim.poll(100, true), [Command::Show(Phase::Live)], "{input:?}");
        assert_eq!((sim.link.ice_restarts(), sim.link.poll_timeout()), (1, None), "{input:?}");
    }
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.send(Input::NetworkChanged);
    assert_eq!(sim.poll(350, false), [Command::Show(Phase::Recovering)]);
    assert_eq!(sim.skip(), [Command::Show(Phase::Recovering), Command::RestartIce(Epoch(2))]);
}

/// A browser tells of one change many times: that is no reason to give the call up.
#[test]
fn many_changes_in_a_row_cost_no_call() {
    let mut sim = Sim::live_by(Choice::Automatic);
    for _ in 0..8 {
        let out = sim.send(Input::NetworkChanged);
        assert!(out.iter().all(|it| matches!(it, Command::RestartIce(_))), "{out:?}");
        sim.poll(100, true);
    }
    assert_eq!((sim.link.ice_restarts(), sim.link.poll_timeout()), (3, None));
}

/// A restart that was asked for while there was no network is asked for again as soon as there is one.
#[test]
fn a_restart_does_not_wait_when_the_network_is_back() {
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.send(Input::Offline);
    sim.poll(400, false);
    assert_eq!(sim.send(Input::Online), [Command::Show(Phase::Recovering), Command::RestartIce(Epoch(2))]);
    assert!(sim.send(Input::Online).is_empty(), "once");
}

/// That a network is there again says nothing of the path to a hosted provider: only the far end can.
#[test]
fn a_hosted_call_has_to_prove_itself_after_a_change() {
    for input in CHANGED {
        let mut sim = Sim::hosted();
        sim.send(if input == Input::Online { Input::Offline } else { input });
        sim.pass(900);
        assert!(sim.send(Input::Online).is_empty(), "{input:?}");
        let until = sim.link.poll_timeout().map(|it| it.since(sim.now));
        assert_eq!(until, Some(Duration::from_secs(3)), "{input:?}");
        let out = sim.skip();
        assert_eq!(out, [Command::Close(Epoch(0)), Command::Show(Phase::Recovering)], "no restart is asked for");
        assert_eq!(sim.skip(), [Command::Open(Epoch(1), Route::Direct)], "{input:?}");
        assert_eq!(sim.link.ice_restarts(), 0);

        let mut sim = Sim::hosted();
        sim.send(Input::NetworkChanged);
        sim.send(Input::Online);
        assert!(sim.answered(4).is_empty() && sim.answered(5).is_empty());
        assert_eq!(sim.link.poll_timeout(), None, "the far end answers");
    }
}

/// What is dead is not shown as live for long, and a blink of the network is not shown at all.
#[test]
fn a_browser_without_a_network_is_believed_after_a_moment() {
    let recovering = [Command::Show(Phase::Recovering)];
    let mut sim = Sim::hosted();
    let from = sim.now;
    sim.send(Input::NetworkChanged);
    assert!(sim.send(Input::Offline).is_empty());
    assert_eq!(sim.skip(), recovering);
    assert_eq!(sim.now.since(from), Duration::from_secs(1));
    assert!(sim.send(Input::Offline).is_empty(), "once");
    assert!(sim.send(Input::Online).is_empty(), "only the far end can tell");
    assert!(sim.answered(0).is_empty());
    assert_eq!(sim.answered(1), [Command::Show(Phase::Live)]);
    assert_eq!(sim.link.negotiation_ms(), None, "nothing was negotiated");
    assert_eq!((sim.epoch(), sim.link.poll_timeout()), (Epoch(0), None), "the same call goes on");

    sim.send(Input::Offline);
    sim.pass(900);
    assert!(sim.answered(2).is_empty(), "it was never shown");
    assert_eq!(sim.link.poll_timeout(), None);
}

/// Of a path that nobody misses for seconds it is known since when it was dead: that time is not the candidate's.
#[test]
fn a_path_is_dead_since_its_last_sign_of_life() {
    let dead_for = |sim: &Sim| sim.link.alive().map(|at| sim.now.since(at).as_millis());
    let mut sim = Sim::hosted();
    sim.answered(1);
    sim.answered(2);
    let out: Vec<_> = (0..120).flat_map(|_| sim.answered(2)).collect();
    assert_eq!(out, [Command::Close(Epoch(0)), Command::Show(Phase::Recovering)], "its checks stay unanswered");
    assert_eq!(dead_for(&sim), Some(6_000));
    // Also when it is not mended at once, and over which route it is.
    sim.skip();
    assert_eq!(sim.send(Input::Ice(sim.epoch(), Ice::Failed)).last(), Some(&Command::Open(Epoch(2), Route::Socket)));
    assert_eq!(dead_for(&sim), Some(6_000));

    // Where nobody counts answers it is since there is a reason for doubt.
    let mut sim = Sim::hosted();
    let poll = |sim: &mut Sim, ms: u64| {
        for _ in 0..ms / 50 {
            sim.pass(50);
            sim.send(Input::Packets(sim.epoch(), Sample { at: sim.now, received: 2, responses: None }));
        }
    };
    poll(&mut sim, 60_000);
    assert_eq!(dead_for(&sim), Some(0));
    sim.send(Input::Ice(Epoch(0), Ice::Disconnected));
    poll(&mut sim, 1_500);
    assert_eq!(dead_for(&sim), Some(1_500));

    // What comes after the provider has hung up does not count, and on the Socket our server knows.
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.poll(50, true);
    sim.send(Input::ChannelClosed(Epoch(0)));
    sim.poll(500, true);
    assert_eq!(dead_for(&sim), Some(500));
    let mut sim = Sim::choosing(Choice::WebSocket);
    sim.send(Input::Start);
    for reach in [Reach::MicGranted, Reach::TicketGiven(Route::Socket), Reach::CallOpen] {
        sim.send(Input::Reached(sim.epoch(), reach));
    }
    assert_eq!(dead_for(&sim), None);
}

/// A network that is away uses up no attempt, however long that takes.
#[test]
fn an_outage_is_waited_for() {
    let mut sim = Sim::hosted();
    sim.send(Input::Offline);
    assert_eq!(sim.skip(), [Command::Show(Phase::Recovering)]);
    assert_eq!(sim.skip(), [Command::Close(Epoch(0)), Command::Show(Phase::Recovering)]);
    for n in 1..20 {
        assert_eq!(sim.skip(), [Command::Open(Epoch(n), Route::Direct)]);
        let out = sim.send(Input::Refused(sim.epoch(), Refusal::Passing(Fault::Offline)));
        assert_eq!(out, [Command::Close(Epoch(n)), Command::Show(Phase::Recovering)], "{n}");
    }
    assert_eq!(sim.send(Input::Online), [Command::Open(sim.epoch(), Route::Direct)]);
    assert_eq!(sim.connect(), [Command::Show(Phase::Live)]);
    // Once the room channel is missed too, it says when the server is back.
    sim.send(Input::Offline);
    sim.send(Input::Room(false));
    sim.send(Input::ChannelClosed(sim.epoch()));
    sim.skip();
    sim.pass(60_000);
    assert!(sim.send(Input::Timeout).is_empty());
    assert_eq!(sim.send(Input::Room(true)), [Command::Open(sim.epoch(), Route::Direct)]);
}

/// A refusal to restart is no restart.
#[test]
fn only_real_restarts_are_counted() {
    let mut sim = Sim::live_by(Choice::Automatic);
    sim.poll(350, false);
    assert_eq!(sim.link.ice_restarts(), 1);
    sim.send(Input::Refused(sim.epoch(), Refusal::NoRestart));
    assert_eq!(sim.link.ice_restarts(), 0);
}

/// S003-57: a call that cannot be led may be live already when our server learns it: the interview goes on over the Socket.
#[test]
fn a_live_call_that_cannot_be_led_falls_back() {
    let uncontrolled = |sim: &Sim| Input::CallEnded(sim.epoch(), UpstreamFault::Uncontrolled);
    let mut sim = Sim::hosted();
    let out = sim.send(uncontrolled(&sim));
    let expected = [
        Command::Close(Epoch(0)),
        Command::Fallback(Fallback::Refused),
        Command::Show(Phase::Recovering),
        Command::Open(Epoch(1), Route::Socket),
    ];
    assert_eq!(out, expected);
    let mut sim = Sim::live_by(Choice::WebRtc);
    let failed = Phase::Failed(UpstreamFault::Uncontrolled.into());
    assert_eq!(sim.send(uncontrolled(&sim)).last(), Some(&Command::Show(failed)), "who chose WebRTC gets nothing else");
}

/// A hosted path that dies again and again is left, however long it lived between: each death is a new call, and paid.
#[test]
fn a_hosted_path_that_dies_twice_is_left() {
    type Death = fn(&mut Sim) -> Vec<Command>;
    let die: Death = |sim| {
        sim.send(Input::ChannelClosed(sim.epoch()));
        sim.skip()
    };
    let lives: [(u64, &[Death], bool); 5] = [
        (60_000, &[], true),
        (301_000, &[], false),
        // A renewal, what is wrong with the provider, and an outage say nothing of the path.
        (60_000, &[|sim| sim.send(Input::CallEnded(sim.epoch(), UpstreamFault::Expired))], false),
        (60_000, &[|sim| sim.send(Input::CallEnded(sim.epoch(), UpstreamFault::Broken))], false),
        (60_000, &[|sim| sim.send(Input::Room(false)), |sim| sim.send(Input::Room(true))], false),
    ];
    for (lived_ms, meanwhile, left) in lives {
        let mut sim = Sim::hosted();
        sim.pass(60_000);
        assert_eq!(
            die(&mut sim),
            [Command::Close(Epoch(0)), Command::Show(Phase::Recovering)],
            "the first one is mended"
        );
        sim.skip();
        sim.connect_hosted();
        sim.pass(lived_ms);
        for each in meanwhile {
            each(&mut sim);
        }
        let out = die(&mut sim);
        let fell = out.contains(&Command::Fallback(Fallback::Lost));
        assert_eq!(fell, left, "{lived_ms} {}: {out:?}", meanwhile.len());
        assert_eq!(out.last() == Some(&Command::Open(Epoch(2), Route::Socket)), left, "{out:?}");
    }
}

/// A call that has reached its time limit is made anew, and nothing has broken.
#[test]
fn a_renewal_is_no_break() {
    for (fault, renewal) in [(UpstreamFault::Expired, true), (UpstreamFault::Lost, false)] {
        let mut sim = Sim::live_by(Choice::Automatic);
        sim.send(Input::CallEnded(sim.epoch(), fault));
        assert_eq!(sim.skip().last(), Some(&Command::Show(Phase::Recovering)));
        assert_eq!(sim.link.is_renewal(), renewal, "{fault:?}");
        sim.skip();
        sim.connect();
        assert!(!sim.link.is_renewal());
    }
}
