//! The driver: takes what the browser, the channels and the candidate say, asks the engine, and does what it decides.
//!
//! One queue, no borrow across a JS call, one timer. Everything that calls back holds a `Weak`, so that dropping the
//! [`Driver`] ends the call and frees every owner.

mod acts;
mod events;
mod media;
mod path;
mod recipes;
mod recordings;
mod refresh;
mod routes;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast as _;
use web_sys::MediaStream;

use self::media::Media;
use self::path::PathNews;
use super::clock::{now, window};
use super::peer::{Peer, PeerEvent};
use super::room_socket::{RoomSocket, SocketEvent};
use super::screen::Screen;
use super::signal::Signal;
use super::socket_audio::SocketAudio;
use super::{BrowserError, Listener, devices, storage};
use crate::api::Readiness;
use crate::engine::audio::Backlog;
use crate::engine::link::channel::{self, Channel};
use crate::engine::link::choice::{Fallback, Routes};
use crate::engine::link::machine::{Command, Input, Link, Policy};
use crate::engine::link::view::StartOptions;
use crate::engine::link::{Phase, watchdog};
use crate::engine::protocol::room::PageMessage;
use crate::engine::quality::{Cushion, Figures, LineStats};
use crate::engine::room_view::RoomView;
use crate::engine::time::{Epoch, Tick};

/// The browser side of one interview. Dropping it ends the call, and turns the microphone off.
#[derive(Clone)]
pub struct Driver(Rc<Inner>);

/// Something happened.
#[derive(Debug)]
enum Event {
    Link(Input),
    Channel(channel::Input),
    Socket(SocketEvent),
    Signal(SocketEvent),
    Peer(Epoch, PeerEvent),
    Line(Epoch, Tick, LineStats),
    /// Whether the browser lets us be heard.
    Sound(bool),
    /// Somebody else has paused the interviewer's sound. `shown`: it is found so by a page that is shown again.
    Paused {
        shown: bool,
    },
    MicEnded,
    ToneEnded,
    DevicesChanged,
    /// A recording has its data.
    Recorded,
    Timer,
}

struct Inner {
    me: Weak<Self>,
    screen: Screen,
    link: RefCell<Link>,
    channel: RefCell<Channel>,
    view: RefCell<RoomView>,
    figures: RefCell<Figures>,
    inbox: RefCell<VecDeque<Event>>,
    pumping: Cell<bool>,
    timer: RefCell<Option<Timeout>>,
    beats: Beats,
    phase: RefCell<Phase>,
    session: Session,
    media: Media,
    peer: RefCell<Option<Peer>>,
    /// Where the peer's call is relayed.
    signal: RefCell<Option<Signal>>,
    carried: Carried,
    socket: RefCell<Option<RoomSocket>>,
    /// The epoch whose recipe may go on.
    epoch: Cell<Epoch>,
    /// A call is being opened.
    opening: Cell<bool>,
    /// The greeting was asked for, on this call and this socket.
    greeted: Cell<bool>,
    /// Neither side speaks, as the link knows it.
    quiet: Cell<bool>,
    /// Why the Socket was fallen back to, each time, until the server knows.
    fallbacks: RefCell<Vec<Fallback>>,
    path: Cell<PathNews>,
    /// When the notice of the page itself goes away.
    notice_until: Cell<Option<Tick>>,
    cushion: RefCell<Cushion>,
    /// The state of the captions that is on the page.
    shown_revision: Cell<u64>,
    /// The figures that are on the page.
    shown_figures: Cell<u64>,
    listeners: RefCell<Vec<Listener>>,
}

/// A call on the room channel.
#[derive(Default)]
struct Carried {
    /// Both voices, and the attempt that they are of. They outlive the call: whoever speaks while there is none is heard by
    /// the next.
    sound: RefCell<Option<(Epoch, SocketAudio)>>,
    /// The candidate's voice, until it is known to be heard.
    backlog: RefCell<Backlog>,
    /// What the server counts the call as.
    number: Cell<Option<u32>>,
    /// How many of its frames have come.
    heard: Cell<u32>,
    /// Frames that came, for the figures.
    frames: Cell<u64>,
    /// The audio context stood still at the last look.
    still: Cell<bool>,
    /// The playout was cut: how much of it was heard is told at the next look.
    cut: Cell<bool>,
    /// The interviewer on the route that is tried. Until that is live the other one is heard.
    other: RefCell<Option<(Epoch, MediaStream)>>,
}

/// The regular looks at levels and statistics while a peer is open.
#[derive(Default)]
struct Beats {
    next: Cell<Tick>,
    /// A look at the statistics is under way.
    polling: Cell<bool>,
    polls: Cell<u32>,
}

/// What belongs to the session rather than to one call.
#[derive(Default)]
struct Session {
    options: RefCell<StartOptions>,
    /// How the sound is to travel, as this tab remembers it.
    routes: Cell<Option<Routes>>,
    id: RefCell<Option<String>>,
    /// That of another tab, which is only joined when the candidate wants it: that takes the room away from there.
    elsewhere: RefCell<Option<String>>,
    readiness: RefCell<Option<Readiness>>,
    /// The request for a ticket whose answer never came: asked again, it carries the same id.
    ticket_request: RefCell<Option<String>>,
    /// Milliseconds since the Unix epoch; zero before the first call.
    started_at: Cell<f64>,
}

impl Driver {
    /// Looks at the browser and waits for the candidate.
    #[must_use]
    pub fn new(screen: Screen) -> Self {
        let inner = Rc::new_cyclic(|me| Inner {
            me: me.clone(),
            screen,
            link: RefCell::new(Link::new(Policy::default())),
            channel: RefCell::default(),
            view: RefCell::default(),
            figures: RefCell::default(),
            inbox: RefCell::default(),
            pumping: Cell::default(),
            timer: RefCell::default(),
            beats: Beats::default(),
            phase: RefCell::default(),
            session: Session::default(),
            media: Media::default(),
            peer: RefCell::default(),
            signal: RefCell::default(),
            carried: Carried::default(),
            socket: RefCell::default(),
            epoch: Cell::default(),
            opening: Cell::default(),
            greeted: Cell::default(),
            quiet: Cell::default(),
            fallbacks: RefCell::default(),
            path: Cell::default(),
            notice_until: Cell::default(),
            cushion: RefCell::default(),
            shown_revision: Cell::default(),
            shown_figures: Cell::default(),
            listeners: RefCell::default(),
        });
        screen.support.show(devices::support());
        screen.input_id.show(storage::device(storage::INPUT));
        screen.output_id.show(storage::device(storage::OUTPUT));
        // A browser that does not tell of its network or devices is used without.
        _ = inner.listen();
        inner.come_back();
        Self(inner)
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("phase", &self.0.phase).finish_non_exhaustive()
    }
}

impl Inner {
    /// Takes one event, and whatever it leads to, to the end.
    fn push(&self, event: Event) {
        self.inbox.borrow_mut().push_back(event);
        if self.pumping.replace(true) {
            return; // A JS call below us fired an event: the loop further up takes it.
        }
        while let Some(event) = self.next_event() {
            self.handle(event);
        }
        self.pumping.set(false);
        self.greet();
        self.refresh();
        self.arm_timer();
    }

    fn next_event(&self) -> Option<Event> {
        let event = self.inbox.borrow_mut().pop_front();
        event.or_else(|| self.quiet_changed())
    }

    /// A callback that pushes events for as long as the driver lives.
    fn pusher(&self) -> impl Fn(Event) + Clone + 'static {
        let me = self.me.clone();
        move |event| {
            if let Some(inner) = me.upgrade() {
                inner.push(event);
            }
        }
    }

    fn step(&self, input: Input) {
        let (commands, kept): (Vec<Command>, _) = {
            let mut link = self.link.borrow_mut();
            let chosen = link.routes().choice();
            link.handle(now(), input);
            // The candidate did not choose that: the route that was chosen does not work.
            let kept = !matches!(input, Input::Choose(_)) && link.routes().choice() != chosen;
            (std::iter::from_fn(|| link.poll_command()).collect(), kept)
        };
        if kept {
            self.remark("That way does not work here. The sound goes on as before.".to_owned());
        }
        // No borrow is held while a command calls into the browser.
        for command in commands {
            self.run(command);
        }
    }

    fn arm_timer(&self) {
        let beat = self.link.borrow().is_open().then(|| self.beats.next.get());
        let deadlines = [self.link.borrow().poll_timeout(), self.channel.borrow().poll_timeout(), beat];
        let timer = deadlines.into_iter().flatten().min().map(|at| {
            // Rounded up, or the timer fires just before its deadline and again at once.
            let wait_ms = u32::try_from(at.since(now()).as_micros().div_ceil(1_000)).unwrap_or(u32::MAX);
            let push = self.pusher();
            Timeout::new(wait_ms, move || push(Event::Timer))
        });
        self.timer.replace(timer);
    }

    fn listen(&self) -> Result<(), BrowserError> {
        let window = window()?;
        let on = |target: &web_sys::EventTarget, kind, event: fn() -> Event| {
            let push = self.pusher();
            let listener = Listener::new(target, kind, move |_: web_sys::Event| push(event()))?;
            self.listeners.borrow_mut().push(listener);
            Ok::<(), BrowserError>(())
        };
        on(&window, "online", || Event::Link(Input::Online))?;
        on(&window, "offline", || Event::Link(Input::Offline))?;
        // A page that is left for good would otherwise hold its call until the provider misses it. One that may come back
        // is kept as it is.
        let me = self.me.clone();
        let left = Listener::new(&window, "pagehide", move |event: web_sys::PageTransitionEvent| {
            if let Some(inner) = me.upgrade()
                && !event.persisted()
            {
                drop((inner.peer.take(), inner.signal.take()));
            }
        })?;
        self.listeners.borrow_mut().push(left);
        // Not in every browser.
        if let Ok(connection) = js_sys::Reflect::get(&window.navigator(), &"connection".into())
            && let Some(target) = connection.dyn_ref::<web_sys::EventTarget>()
        {
            // It is told of each new guess of how quick the network is, too. Without its kind there is nothing to go by.
            let kind = {
                let connection = connection.clone();
                move || js_sys::Reflect::get(&connection, &"type".into()).unwrap_or_default()
            };
            let (push, was) = (self.pusher(), RefCell::new(kind()));
            let changed = Listener::new(target, "change", move |_: web_sys::Event| {
                let is = kind();
                if was.replace(is.clone()) != is {
                    push(Event::Link(Input::NetworkChanged));
                }
            })?;
            self.listeners.borrow_mut().push(changed);
        }
        let push = self.pusher();
        let changed = devices::watch(move || push(Event::DevicesChanged))?;
        self.listeners.borrow_mut().push(changed);
        Ok(())
    }

    /// Says something on the room channel, if it is open: what is said repeatedly or repeated on opening needs no more.
    fn say(&self, message: &PageMessage) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            _ = socket.say(message);
        }
    }

    fn next_beat(&self, now: Tick) {
        self.beats.next.set(now.after(watchdog::POLL));
    }
}
