//! A line between two network namespaces that is as bad as it is told to be: delay, jitter, loss, cuts. For tests.
//!
//! `wire NAME ADDRESS ADDRESS` makes the namespaces `NAME-a` and `NAME-b`, each with one of the addresses (like
//! `10.77.0.1/24`), carries packets between them and says `ready`. Then it takes orders, a line each (see [`order`]), and
//! answers each with `done CARRIED LOST`: packets so far. At the end of its input it takes everything away again.
//! The kernel's own `netem` is not on every machine, and cannot be told to cut at an exact time.

use std::{
    env,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Instant,
};

use tun::Device;

#[path = "wire/ends.rs"]
mod ends;
#[path = "wire/line.rs"]
mod line;
#[path = "wire/order.rs"]
mod order;

use ends::Ends;
use line::{Line, Tally};
use order::Order;

const USAGE: &str = "usage: wire NAME ADDRESS ADDRESS (as root, on Linux; then orders on standard input)";
/// The same packets are lost whenever the same packets are sent.
const SEED: u64 = 0x5eed;
/// More than any packet: the devices carry 1,500 bytes.
const PACKET_MAX: usize = 65_536;

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
enum WireError {
    #[error("{USAGE}")]
    Usage,
    #[error("no TUN device: {0}")]
    Tun(#[from] tun::Error),
    #[error("`ip {0}` failed")]
    Ip(String),
    #[error("the line broke")]
    Broken,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What one direction of the line has to deal with.
enum Input {
    Packet(Vec<u8>),
    Order(Order, Sender<Tally>),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            _ = writeln!(io::stderr(), "wire: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), WireError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, a, b] = arguments.as_slice() else { return Err(WireError::Usage) };
    let (_ends, [a, b]) = Ends::make(name, [a, b])?;
    let (a, b) = (Arc::new(a), Arc::new(b));
    let directions = [direction(&a, &b, SEED), direction(&b, &a, SEED + 1)];
    say("ready")?;
    for text in io::stdin().lock().lines() {
        let text = text?;
        match Order::parse(&text) {
            Some(order) => {
                let Tally { carried, lost } = obeyed(&directions, order)?;
                say(&format!("done {carried} {lost}"))?;
            }
            None => say(&format!("unknown {text}"))?,
        }
    }
    Ok(())
}

/// Gives an order to both directions; what they have carried so far, once both know of it.
fn obeyed(directions: &[Sender<Input>], order: Order) -> Result<Tally, WireError> {
    let (answer, answers) = channel();
    for direction in directions {
        direction.send(Input::Order(order, answer.clone())).map_err(|_| WireError::Broken)?;
    }
    drop(answer);
    Ok(answers.iter().fold(Tally::default(), Tally::and))
}

/// Carries what one end sends to the other, on threads of its own.
fn direction(from: &Arc<Device>, to: &Arc<Device>, seed: u64) -> Sender<Input> {
    let (sender, inputs) = channel();
    let (from, to, packets) = (from.clone(), to.clone(), sender.clone());
    thread::spawn(move || {
        let mut buffer = vec![0; PACKET_MAX];
        while let Ok(length) = from.recv(&mut buffer) {
            if packets.send(Input::Packet(buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || carry(&inputs, &mut Line::new(seed), &to));
    sender
}

fn carry(inputs: &Receiver<Input>, line: &mut Line, to: &Device) {
    let start = Instant::now();
    loop {
        let input = match line.due() {
            Some(due) => inputs.recv_timeout(due.saturating_sub(start.elapsed())),
            None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = start.elapsed();
        match input {
            Ok(Input::Packet(packet)) => line.push(now, packet),
            Ok(Input::Order(order, answer)) => {
                line.obey(now, order);
                _ = answer.send(line.tally());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(packet) = line.pop(now) {
            // An end that is down takes nothing, like any other.
            _ = to.send(&packet);
        }
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{text}")?;
    out.flush()
}
