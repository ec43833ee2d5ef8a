//! A walk through everything that can happen, in any order.

use super::super::choice::Choice;
use super::super::watchdog::Sample;
use super::tests::{GOOD, Sim};
use super::*;

impl Sim {
    /// Whatever is under way works out, on either kind of route.
    fn succeed(&mut self) -> Vec<Command> {
        let epoch = self.epoch();
        let all = GOOD.into_iter().chain([Reach::CallOpen]);
        let mut out: Vec<_> = all.flat_map(|reach| self.send(Input::Reached(epoch, reach))).collect();
        out.extend(self.poll(100, true));
        out
    }
}

/// A world in which anything happens at any time, always the same for the same seed.
struct Chaos(u64);

impl Chaos {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0)
    }

    fn input(&mut self, sim: &Sim) -> Input {
        let epoch = sim.epoch();
        let sample = Sample { at: sim.now, received: u64::try_from(self.next() % 50).unwrap_or(0), responses: Some(0) };
        let menu = [
            Input::Start,
            Input::Choose(Choice::ALL[self.next() % 3]),
            Input::Quiet(self.next().is_multiple_of(2)),
            Input::Room(true),
            Input::Room(self.next().is_multiple_of(2)),
            Input::Reached(epoch, Reach::CallOpen),
            Input::Ice(epoch, Ice::Connected),
            Input::Ice(epoch, Ice::Disconnected),
            Input::Ice(epoch, Ice::Failed),
            Input::Refused(epoch, Refusal::Passing(Fault::Network)),
            Input::Refused(epoch, Refusal::Passing(Fault::Offline)),
            Input::Refused(epoch, Refusal::Hopeless(Fallback::Unsupported)),
            Input::Refused(epoch, Refusal::NoRestart),
            Input::Packets(epoch, sample),
            Input::ChannelClosed(epoch),
            Input::CallEnded(epoch, UpstreamFault::Overloaded),
            Input::Offline,
            Input::Online,
            Input::NetworkChanged,
            Input::Timeout,
            Input::Timeout,
        ];
        let at = self.next() % (menu.len() + 2 * GOOD.len());
        menu.get(at).copied().unwrap_or_else(|| Input::Reached(epoch, GOOD[(at - menu.len()) % GOOD.len()]))
    }
}

/// What a shell holds open, by what it was told.
#[derive(Default)]
struct Shell {
    open: Vec<(Epoch, bool)>,
    shown: Option<Phase>,
}

impl Shell {
    fn follow(&mut self, commands: Vec<Command>, walk: usize) {
        for command in commands {
            match command {
                Command::Open(epoch, route) => {
                    let socket = route == Route::Socket;
                    assert!(self.open.iter().all(|it| it.1 != socket), "walk {walk}: two calls of one kind");
                    self.open.push((epoch, socket));
                }
                Command::RestartIce(epoch) => {
                    let peer = self.open.iter_mut().find(|it| !it.1);
                    peer.unwrap_or_else(|| panic!("walk {walk}: no peer")).0 = epoch;
                }
                Command::Close(epoch) => {
                    let at = self.open.iter().position(|it| it.0 == epoch);
                    self.open.remove(at.unwrap_or_else(|| panic!("walk {walk}: closes what is not open")));
                }
                Command::Show(phase) => self.shown = Some(phase),
                Command::Fallback(_) | Command::Report(_) => {}
            }
        }
    }
}

/// S003-56: whatever happens, a state that waits for something has a deadline, there is at most one call of a kind, the
/// session is never forgotten, and from anywhere the call comes back once the world is kind again.
#[test]
fn no_reachable_state_is_a_trap() {
    let mut chaos = Chaos(0x9E37_79B9_7F4A_7C15);
    let mut changed = 0;
    for walk in 0..4_500 {
        let mut sim = Sim::choosing(Choice::ALL[walk % 3]);
        let mut shell = Shell::default();
        shell.follow(sim.send(Input::Start), walk);
        let mut session = false;
        for _ in 0..80 {
            // Now and then an attempt works from end to end.
            let trying = matches!(sim.link.state, State::Trying { .. });
            if chaos.next().is_multiple_of(8) {
                shell.follow(sim.succeed(), walk);
                changed += usize::from(trying && matches!(sim.link.state, State::Live { .. }));
            }
            let input = chaos.input(&sim);
            if let (Input::Timeout, Some(at)) = (input, sim.link.poll_timeout()) {
                sim.now = at.max(sim.now);
            }
            sim.pass(20);
            shell.follow(sim.send(input), walk);
            session |= sim.link.session;
            assert_eq!(sim.link.session, session, "walk {walk}: the session is lost");
            let settled = matches!(sim.link.state, State::Idle | State::Live { .. } | State::Ended);
            assert_eq!(sim.link.poll_timeout().is_none(), settled, "walk {walk}: {:?}", sim.link.state);
            let open = match sim.link.state {
                State::Trying { .. } => 2,
                _ => usize::from(sim.link.is_open()),
            };
            assert_eq!(shell.open.len(), open, "walk {walk}: {:?}", sim.link.state);
        }
        for _ in 0..40 {
            shell.follow(sim.send(Input::Room(true)), walk);
            if matches!(sim.link.state, State::Idle) {
                shell.follow(sim.send(Input::Start), walk);
            }
            shell.follow(sim.succeed(), walk);
            if matches!(sim.link.state, State::Live { .. }) {
                break;
            }
            let Some(at) = sim.link.poll_timeout() else { continue };
            sim.now = at.max(sim.now);
            shell.follow(sim.send(Input::Timeout), walk);
        }
        assert!(matches!(sim.link.state, State::Live { .. }), "walk {walk}: {:?}", sim.link.state);
        assert_eq!(shell.shown, Some(Phase::Live), "walk {walk}");
    }
    assert!(changed > 100, "the walks change the route in the middle of a call: {changed}");
}
