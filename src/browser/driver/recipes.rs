//! The recipes: what takes several steps and may be overtaken. Each reports how far it came; the engine decides the rest.

use std::rc::{Rc, Weak};

use wasm_bindgen_futures::spawn_local;

use super::super::clock::{now, request_id};
use super::super::peer::Peer;
use super::super::socket_audio::SocketAudio;
use super::super::{BrowserError, storage};
use super::media::open_mic;
use super::{Event, Inner};
use crate::api::{self, ApiError, Exchanged, Readiness, Ticket};
use crate::engine::device::Support;
use crate::engine::interview::EndReason;
use crate::engine::link::channel;
use crate::engine::link::choice::Fallback;
use crate::engine::link::machine::{Ask, Input, Refusal};
use crate::engine::link::progress::Reach;
use crate::engine::link::{Fault, Phase, Route};
use crate::engine::time::Epoch;

/// One attempt under way.
pub(super) struct Attempt {
    driver: Weak<Inner>,
    epoch: Epoch,
    on_socket: bool,
}

/// Why an attempt goes no further.
enum Stop {
    Refused(Refusal),
    /// The driver is gone or has moved on.
    Overtaken,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Attempt {
    /// The attempt of this epoch.
    pub(super) fn of(inner: &Inner, epoch: Epoch, on_socket: bool) -> Self {
        Self { driver: inner.me.clone(), epoch, on_socket }
    }

    fn spawn<F>(inner: &Inner, epoch: Epoch, on_socket: bool, recipe: fn(Self) -> F)
    where
        F: Future<Output = Result<(), Stop>> + 'static,
    {
        let attempt = Self::of(inner, epoch, on_socket);
        let me = inner.me.clone();
        spawn_local(async move {
            if let (Err(Stop::Refused(refusal)), Some(inner)) = (recipe(attempt).await, me.upgrade()) {
                inner.push(Event::Link(Input::Refused(epoch, refusal)));
            }
        });
    }

    /// The driver, as long as this attempt is the one that counts. To be asked anew after every `await`.
    fn driver(&self) -> Result<Rc<Inner>, Stop> {
        self.driver.upgrade().filter(|inner| inner.epoch.get() == self.epoch).ok_or(Stop::Overtaken)
    }

    fn reached(&self, reach: Reach) -> Result<Rc<Inner>, Stop> {
        self.driver()?.push(Event::Link(Input::Reached(self.epoch, reach)));
        self.driver()
    }
}

/// Connects: microphone, readiness, ticket, and then what the route needs.
pub(super) fn open(inner: &Inner, epoch: Epoch, route: Route) {
    let on_socket = route == Route::Socket;
    Attempt::spawn(inner, epoch, on_socket, |attempt| async move {
        let has_mic = attempt.driver()?.media.mic.borrow().is_some();
        if !has_mic {
            let opened = open_mic(attempt.driver.clone(), storage::device(storage::INPUT)).await;
            opened.map_err(|_| Refusal::Final(Fault::Microphone))?;
        }
        attempt.reached(Reach::MicGranted)?;

        let Readiness { connect_timeout_ms, idle_ms, embedded } = ready(&attempt).await?;
        let inner = attempt.reached(Reach::ApiReady { connect_timeout_ms, idle_ms, continuous: embedded })?;

        // The room channel asks for the cookie alone.
        let known = attempt.on_socket && inner.session.id.borrow().is_some();
        drop(inner);
        let ticket = if known { None } else { Some(ticket(&attempt).await?) };
        let inner = attempt.reached(Reach::TicketGiven(ticket.as_ref().map_or(Route::Socket, |it| it.route)))?;
        inner.push(Event::Channel(channel::Input::Join));
        drop(inner);
        match ticket.filter(|_| !attempt.on_socket) {
            None => call(&attempt).await,
            Some(ticket) => connect(&attempt, ticket).await,
        }
    });
}

/// A call on the room channel: both voices, then the word.
async fn call(attempt: &Attempt) -> Result<(), Stop> {
    let inner = attempt.driver()?;
    let (context, stream) = {
        let (meter, mic) = (inner.media.meter.borrow(), inner.media.mic.borrow());
        let context = meter.as_ref().map(|meter| meter.context().clone());
        // `stream.clone()` would be the DOM's method: another stream, with live tracks that nobody stops.
        let stream = mic.as_ref().map(|mic| Clone::clone(mic.stream()));
        context.zip(stream).ok_or(Refusal::Final(Fault::Microphone))?
    };
    inner.next_beat(now());
    // After a cut both voices are still there.
    let kept = inner.carried.sound.take();
    if kept.is_none() {
        // Another capture has numbers of its own.
        inner.forget_sound();
    }
    drop(inner);
    let sound = match kept {
        Some((_, sound)) => sound,
        None => {
            let me = attempt.driver.clone();
            let starting = SocketAudio::start(&context, &stream, move |frame| {
                if let Some(inner) = me.upgrade() {
                    inner.send_sound(frame);
                }
            });
            starting.await.map_err(|error| broken(&error))?
        }
    };
    let inner = attempt.driver()?;
    // Maybe there is another one by now.
    if let Some(mic) = inner.media.mic.borrow().as_ref().filter(|mic| *mic.stream() != stream) {
        sound.replace_mic(mic.stream()).map_err(|error| broken(&error))?;
    }
    inner.hear_soon(attempt.epoch, &sound.stream());
    drop(inner.carried.sound.replace(Some((attempt.epoch, sound))));
    inner.call();
    Ok(())
}

/// A call over WebRTC: offer, exchange, answer.
async fn connect(attempt: &Attempt, ticket: Ticket) -> Result<(), Stop> {
    let inner = attempt.driver()?;
    if inner.screen.support.get_untracked() == Support::NoWebRtc {
        return Err(Refusal::Hopeless(Fallback::Unsupported).into());
    }
    let made = {
        let push = inner.pusher();
        let mic = inner.media.mic.borrow();
        let mic = mic.as_ref().ok_or(Refusal::Final(Fault::Microphone))?;
        let told = move |epoch, event| push(Event::Peer(epoch, event));
        Peer::new(attempt.epoch, &ticket.ice_servers, &ticket.ice_policy, mic, told)
    };
    if inner.is_relayed() {
        inner.negotiate()?;
    }
    let offering = {
        let peer = made.map_err(|error| broken(&error))?;
        let offering = peer.offer(false);
        inner.peer.replace(Some(peer));
        offering
    };
    inner.next_beat(now());
    drop(inner);
    attempt.reached(Reach::PeerCreated)?;
    negotiate(attempt, ticket, offering.await, false).await
}

/// Restarts ICE on the peer that is there.
pub(super) fn restart(inner: &Inner, epoch: Epoch) {
    Attempt::spawn(inner, epoch, false, |attempt| async move {
        let ticket = ticket(&attempt).await?;
        let offering = attempt.driver()?.peer.borrow().as_ref().map(|peer| {
            peer.set_ice_servers(&ticket.ice_servers, &ticket.ice_policy);
            peer.offer(true)
        });
        let offer = offering.ok_or(Stop::Overtaken)?.await;
        negotiate(&attempt, ticket, offer, true).await
    });
}

async fn negotiate(
    attempt: &Attempt,
    ticket: Ticket,
    offer: Result<String, BrowserError>,
    restart: bool,
) -> Result<(), Stop> {
    let offer = offer.map_err(|error| broken(&error))?;
    let inner = attempt.reached(Reach::OfferSent)?;
    if inner.is_relayed() {
        inner.negotiate()?;
        if let Some(signal) = inner.signal.borrow().as_ref() {
            signal.offer(attempt.epoch, &offer, restart);
        }
        return Ok(());
    }
    drop(inner);
    let answer = exchange(ticket, offer, restart).await.map_err(|error| attempt.refused(&error))?.answer;
    let inner = attempt.reached(Reach::AnswerReceived)?;
    let setting = inner.peer.borrow().as_ref().map(|peer| peer.answer(&answer));
    drop(inner);
    setting.ok_or(Stop::Overtaken)?.await.map_err(|error| broken(&error))?;
    attempt.reached(Reach::AnswerSet)?;
    Ok(())
}

/// Sends the offer. An answer that got lost is asked for once more, under the same id.
async fn exchange(ticket: Ticket, offer: String, restart: bool) -> Result<Exchanged, ApiError> {
    let Ticket { session_id, client_secret, .. } = ticket;
    let id = request_id();
    let first = api::sdp_exchange(id.clone(), session_id.clone(), client_secret.clone(), offer.clone(), restart).await;
    match first {
        Err(ApiError::Transport) => api::sdp_exchange(id, session_id, client_secret, offer, restart).await,
        answered => answered,
    }
}

/// What the server can. Asked once: a repair does not wait for it.
async fn ready(attempt: &Attempt) -> Result<Readiness, Stop> {
    let known = attempt.driver()?.session.readiness.borrow().clone();
    if let Some(known) = known {
        return Ok(known);
    }
    let readiness = api::ready().await.map_err(|error| attempt.refused(&error))?;
    attempt.driver()?.session.readiness.replace(Some(readiness.clone()));
    Ok(readiness)
}

/// A ticket, for a new session or for the one that is there.
async fn ticket(attempt: &Attempt) -> Result<Ticket, Stop> {
    let inner = attempt.driver()?;
    let (options, session_id) = (inner.session.options.borrow().clone(), inner.session.id.borrow().clone());
    let id = inner.session.ticket_request.borrow_mut().get_or_insert_with(request_id).clone();
    drop(inner);
    let given = api::ephemeral_token(id, options.minutes, true, session_id, options.application_id).await;
    let inner = attempt.driver()?;
    if given != Err(ApiError::Transport) {
        inner.session.ticket_request.take();
    }
    let ticket = given.map_err(|error| attempt.refused(&error))?;
    storage::remember_session(&ticket.session_id);
    inner.session.id.replace(Some(ticket.session_id.clone()));
    Ok(ticket)
}

/// Gets the report of an interview that is over, or ends it first.
pub(super) fn report(inner: &Inner, ask: Ask) {
    let Some(session_id) = inner.session.id.borrow().clone() else {
        return inner.inbox.borrow_mut().push_back(Event::Link(Input::Reported(false)));
    };
    let me = inner.me.clone();
    spawn_local(async move {
        let id = request_id();
        let asked = || async {
            match ask {
                Ask::Finish => api::finish(id.clone(), session_id.clone()).await,
                Ask::Read | Ask::Page => api::read_report(session_id.clone()).await,
            }
        };
        let report = match asked().await {
            Err(ApiError::Transport) => asked().await,
            told => told,
        };
        let Some(inner) = me.upgrade() else { return };
        let reported = report.is_ok();
        if let Ok(report) = report {
            // Also when it comes late: it is the better one.
            inner.screen.notice.show(None);
            inner.screen.report.show(Some(report));
        }
        inner.push(Event::Link(Input::Reported(reported)));
    });
}

impl Inner {
    /// The server cannot be asked: what this page has seen is shown, and said to be no more than that.
    pub(super) fn report_from_page(&self) {
        let id = self.session.id.borrow().clone().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date")]
        let started_at = self.session.started_at.get() as u64;
        let ended = match &*self.phase.borrow() {
            Phase::Ended(reason) => *reason,
            _ => EndReason::Finished,
        };
        let report = self.view.borrow().report(now(), &id, started_at, ended);
        self.screen.report.show(Some(report));
        let notice = "The server did not answer, so this report shows what this page has seen. What the server heard up \
                      to here is kept there.";
        self.screen.notice.show(Some(notice.to_owned()));
    }
}

impl Attempt {
    /// The same as the link takes it, if it is to be told.
    pub(super) fn refusal_of(&self, error: &ApiError) -> Option<Refusal> {
        match self.refused(error) {
            Stop::Refused(refusal) => Some(refusal),
            Stop::Overtaken => None,
        }
    }

    /// What a refusal of the API means, and what of it the candidate has to read.
    fn refused(&self, error: &ApiError) -> Stop {
        let Ok(inner) = self.driver() else { return Stop::Overtaken };
        if is_for_the_candidate(error) {
            inner.screen.notice.show(Some(error.to_string()));
        }
        match error {
            ApiError::Over => {
                inner.push(Event::Link(Input::Over(EndReason::Finished)));
                return Stop::Overtaken;
            }
            ApiError::Session => {
                // Whoever tries again gets a new one.
                inner.session.id.take();
                storage::forget_session();
            }
            _ => {}
        }
        let has_place = inner.session.id.borrow().is_some();
        Stop::Refused(error.refusal(has_place))
    }
}

const fn is_for_the_candidate(error: &ApiError) -> bool {
    matches!(error, ApiError::Invalid(_) | ApiError::Offer(_) | ApiError::Closed | ApiError::Consent)
}

/// The browser refused a part of the negotiation.
pub(super) fn broken(error: &BrowserError) -> Refusal {
    leptos::logging::warn!("negotiation: {error}");
    Refusal::Passing(Fault::Network)
}
