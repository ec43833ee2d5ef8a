//! How a relayed call is negotiated: `WS /ws/webrtc` with addresses that trickle both ways and restarts, or as one shot
//! `POST /webrtc/offer`, whose answer `GET /webrtc/answer` gives once more (S000-05, S000-22, S004-03, S004-04).

use std::pin::Pin;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::interview::check_id;
use super::page_socket::{End, Flood, close, code, deliver, limited, over, turn_away};
use crate::api::{ApiError, Exchanged};
use crate::engine::link::Route;
use crate::engine::sdp::Offer;
use crate::server::App;
use crate::server::auth::{self, From};
use crate::server::limit::MAX_BODY_BYTES;
use crate::server::room::{RelayLane, To};

/// The largest message: an offer, escaped as JSON.
const MAX_MESSAGE_BYTES: usize = MAX_BODY_BYTES;
/// Messages that a page may send in a second, and in a burst of ten. A browser finds a dozen addresses at once.
const MESSAGES_PER_SECOND: u32 = 10;
/// Offers that it may make in a second, and in a burst of ten: each is a peer of its own.
const OFFERS_PER_SECOND: u32 = 1;
/// The longest name that a page may give to its offer.
const MAX_ID_BYTES: usize = 64;
/// How often a silent page is asked whether it is there, and when it is taken for gone. It has nothing to say for long.
const PING: Duration = Duration::from_secs(20);
const GONE: Duration = Duration::from_secs(70);

/// Which session the page means.
#[derive(Debug, Deserialize)]
pub struct Which {
    session_id: String,
}

/// What a page says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromPage {
    Offer {
        /// Comes back with the answer.
        #[serde(default)]
        id: String,
        sdp: String,
        #[serde(default)]
        restart: bool,
    },
    /// An address that it found. Our own peer sends to none that a page names: it learns from the browser's checks where
    /// the browser is.
    Candidate,
    /// The call is not wanted any more.
    Bye,
    #[serde(other)]
    Unknown,
}

/// What our server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToPage<'a> {
    Answer {
        id: &'a str,
        sdp: &'a str,
        call: u32,
    },
    Refused {
        id: &'a str,
        error: &'a ApiError,
    },
    /// One of our addresses; an empty one says that there are no more.
    Candidate {
        candidate: &'a str,
        sdp_mid: Option<&'a str>,
        sdp_m_line_index: Option<u16>,
    },
    /// The call is over.
    Bye,
}

/// Opens the negotiation for a session that the cookie owns. A newer one replaces an older one.
pub async fn negotiate(
    State(app): State<App>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if auth::origin(&headers, &app.config) == From::Foreign {
        return ApiError::Origin.into_response();
    }
    let lane = app.rooms.relay(&which.session_id, auth::cookie(&headers).as_deref());
    limited(upgrade, MAX_MESSAGE_BYTES).on_upgrade(move |socket| {
        app.tasks.clone().track_future(async move {
            match lane {
                Ok(lane) => Line::new(socket, lane).run(&app).await,
                Err(error) => turn_away(socket, &app, &error).await,
            }
        })
    })
}

struct Line {
    socket: WebSocket,
    lane: RelayLane,
    flood: Flood,
    offers: Flood,
    /// The call that this page has made.
    call: Option<u32>,
    /// Comes back when that is over.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Line {
    fn new(socket: WebSocket, lane: RelayLane) -> Self {
        let now = Instant::now();
        let (flood, offers) = (Flood::new(now, MESSAGES_PER_SECOND), Flood::new(now, OFFERS_PER_SECOND));
        Self { socket, lane, flood, offers, call: None, over: None }
    }

    async fn run(mut self, app: &App) {
        let lane = self.lane.clone();
        // Whatever it is at is given up: another socket, or none, has the say now.
        let end = tokio::select! {
            end = self.serve() => end,
            () = lane.replaced() => Some((code::REPLACED, "another socket has the negotiation")),
            () = lane.closed() => over(app),
            () = app.shutdown.cancelled() => over(app),
        };
        close(self.socket, end).await;
    }

    async fn serve(&mut self) -> End {
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let call_over = async {
                match self.over.as_mut() {
                    Some(over) => over.await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                message = self.socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(message)) => self.message(message, heard).await,
                        Some(Err(_)) | None => Err(None),
                    }
                }
                () = call_over => {
                    (self.call, self.over) = (None, None);
                    self.send(&ToPage::Bye).await
                }
                _ = ping.tick() => {
                    let ping = Message::Ping(Default::default());
                    if heard.elapsed() > GONE { Err(None) } else { deliver(&mut self.socket, ping).await }
                }
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn message(&mut self, message: Message, now: Instant) -> Result<(), End> {
        if !self.flood.admit(now) {
            return Err(Some((code::POLICY, "too many messages")));
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Some((code::UNSUPPORTED, "text only"))),
            Message::Close(_) => return Err(None),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
        };
        let Ok(message) = serde_json::from_str(&text) else {
            return Err(Some((code::POLICY, "this is no message of a negotiation")));
        };
        match message {
            FromPage::Offer { id, sdp, restart } if id.len() <= MAX_ID_BYTES => {
                self.offer(&id, &sdp, restart, now).await
            }
            FromPage::Offer { .. } => Err(Some((code::POLICY, "the id is too long"))),
            FromPage::Bye => {
                self.over = None;
                if let Some(call) = self.call.take() {
                    self.lane.bye(call).await;
                }
                Ok(())
            }
            FromPage::Candidate | FromPage::Unknown => Ok(()),
        }
    }

    async fn offer(&mut self, id: &str, sdp: &str, restart: bool, now: Instant) -> Result<(), End> {
        let answered = if self.offers.admit(now) {
            match Offer::parse(sdp) {
                Ok(offer) => self.lane.offer(offer, restart).await,
                Err(error) => Err(ApiError::Offer(error.to_string())),
            }
        } else {
            Err(ApiError::Busy { retry_after_s: 1 })
        };
        let Exchanged { answer, call } = match answered {
            Ok(exchanged) => exchanged,
            Err(error) => return self.send(&ToPage::Refused { id, error: &error }).await,
        };
        self.call = Some(call);
        let lane = self.lane.clone();
        self.over = Some(Box::pin(async move { lane.over(call).await }));
        self.send(&ToPage::Answer { id, sdp: &answer, call }).await?;
        // They are in the answer, too. Whoever takes them from here finds the end of them.
        for (mid, candidate) in candidates(&answer) {
            self.send(&ToPage::Candidate { candidate, sdp_mid: Some(mid), sdp_m_line_index: Some(0) }).await?;
        }
        self.send(&ToPage::Candidate { candidate: "", sdp_mid: None, sdp_m_line_index: None }).await
    }

    async fn send(&mut self, message: &ToPage<'_>) -> Result<(), End> {
        // Strings and numbers always have a JSON form.
        deliver(&mut self.socket, Message::text(serde_json::to_string(message).unwrap_or_default())).await
    }
}

/// The candidates of an answer's first section, as a browser takes them, with the section's name.
fn candidates(answer: &str) -> impl Iterator<Item = (&str, &str)> {
    let section = answer.split("\nm=").nth(1).unwrap_or_default();
    let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default().trim_end();
    let lines = section.lines().filter_map(|line| line.strip_prefix("a=")).map(str::trim_end);
    lines.filter(|line| line.starts_with("candidate:")).map(move |line| (mid, line))
}

/// An offer as one shot.
#[derive(Debug, Deserialize)]
pub struct OneShot {
    request_id: String,
    session_id: String,
    client_secret: String,
    sdp: String,
    #[serde(default)]
    restart: bool,
}

/// The answer to it.
#[derive(Debug, Serialize)]
pub struct Answer {
    r#type: &'static str,
    sdp: String,
    call: u32,
}

impl std::convert::From<Exchanged> for Answer {
    fn from(Exchanged { answer, call }: Exchanged) -> Self {
        Self { r#type: "answer", sdp: answer, call }
    }
}

/// Exchanges an offer for an answer of our own peer, for a ticket. The same `request_id` gets the first answer again.
///
/// # Errors
/// As `sdp-exchange`.
pub async fn offer(
    State(app): State<App>,
    body: Result<Json<OneShot>, JsonRejection>,
) -> Result<Json<Answer>, ApiError> {
    let wrong = |_| ApiError::Invalid("the request is not what this address expects".to_owned());
    let Json(OneShot { request_id, session_id, client_secret, sdp, restart }) = body.map_err(wrong)?;
    check_id("request_id", &request_id)?;
    let offer = Offer::parse(&sdp).map_err(|error| ApiError::Offer(error.to_string()))?;
    let to = To { route: Route::Relay, restart };
    let exchanged = app.rooms.exchange(&request_id, &session_id, &client_secret, offer, to).await?;
    Ok(Json(exchanged.into()))
}

/// Which answer a page did not get.
#[derive(Debug, Deserialize)]
pub struct Lost {
    call: u32,
    /// Told from the cookie if it is not given.
    session_id: Option<String>,
}

/// The answer to an offer once more, for 60 s, for whoever has the ticket's cookie. 404 for a call that never was, 410 when
/// it is too late.
///
/// # Errors
/// [`ApiError::Session`] if the cookie does not own the session, [`ApiError::Over`] if it is too late.
pub async fn answer(
    State(app): State<App>,
    lost: Result<Query<Lost>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wrong = |_| ApiError::Invalid("call is needed".to_owned());
    let Query(Lost { call, session_id }) = lost.map_err(wrong)?;
    let found = app.rooms.answer(session_id.as_deref(), auth::cookie(&headers).as_deref(), call)?;
    Ok(match found {
        Some(exchanged) => Json(Answer::from(exchanged)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::any;
    use futures::StreamExt as _;
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::Message as Said;

    use super::*;
    use crate::server::config::Config;
    use crate::server::provider::{Provider, Settings};

    /// A page whose session is gone for good is told so.
    #[tokio::test]
    async fn a_negotiation_is_closed_with_its_session() {
        let app = App::new(Config::with_environment(&[]).unwrap(), Provider::new(Settings::nowhere()).unwrap());
        let (lane, session) = RelayLane::to_nobody();
        let negotiate = any(move |upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(move |socket| async move { Line::new(socket, lane).run(&app).await })
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", negotiate)).await });
        let (mut page, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        assert!(matches!(page.next().await, Some(Ok(Said::Ping(_)))), "it is open");
        drop(session);
        let said = page.next().await;
        let Some(Ok(Said::Close(Some(frame)))) = said else { panic!("{said:?}") };
        assert_eq!(u16::from(frame.code), code::OVER);
    }

    #[test]
    fn the_candidates_of_an_answer_are_those_of_its_first_section() {
        let answer = "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ \
                      host\r\na=candidate:2 1 tcp 1 10.0.0.1 9 typ host tcptype passive\r\nm=application 9 UDP/DTLS/SCTP \
                      webrtc-datachannel\r\na=mid:y\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n";
        let found: Vec<_> = candidates(answer).collect();
        assert_eq!(
            found,
            [
                ("x", "candidate:1 1 udp 1 10.0.0.1 9 typ host"),
                ("x", "candidate:2 1 tcp 1 10.0.0.1 9 typ host tcptype passive"),
            ]
        );
        assert_eq!(candidates("v=0").count(), 0);
    }

    #[test]
    fn what_a_page_says_is_read_leniently() {
        for (text, fits) in [
            (r#"{"type":"offer","id":"3","sdp":"v=0","restart":true}"#, true),
            (r#"{"type":"offer","sdp":"v=0"}"#, true),
            (r#"{"type":"candidate","candidate":"","sdp_mid":null,"sdp_m_line_index":0}"#, true),
            (r#"{"type":"bye"}"#, true),
            (r#"{"type":"a later one","id":7}"#, true),
            (r#"{"type":"offer"}"#, false),
            ("[]", false),
            ("", false),
        ] {
            assert_eq!(serde_json::from_str::<FromPage>(text).is_ok(), fits, "{text}");
        }
    }
}
