//! How a relayed call is negotiated: offers, answers and addresses on a socket of its own, as JSON texts.

use std::cell::{Cell, RefCell};

use serde::Deserialize;

use super::BrowserError;
use super::peer::Candidate;
use super::room_socket::{RoomSocket, SocketEvent};
use crate::api::ApiError;
use crate::engine::time::Epoch;

/// What our server says.
#[derive(Debug)]
pub enum Word {
    Answer {
        epoch: Epoch,
        sdp: String,
    },
    Refused {
        epoch: Epoch,
        error: ApiError,
    },
    Candidate(Candidate),
    /// The call is over.
    Bye,
}

/// Every field of what our server says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    r#type: String,
    /// Ours: the epoch of the offer.
    id: String,
    sdp: String,
    error: Option<ApiError>,
    candidate: String,
    sdp_mid: Option<String>,
    sdp_m_line_index: Option<u16>,
}

/// An open or opening negotiation. Dropping it says good-bye, unless it was left.
#[derive(Debug)]
pub struct Signal {
    socket: RoomSocket,
    offered: Cell<bool>,
    /// The offer was not answered yet.
    owed: Cell<bool>,
    /// The call goes on without this socket.
    left: Cell<bool>,
    /// What is said once the socket is open and the offer is out: the browser finds addresses before it tells the offer.
    waiting: RefCell<Vec<String>>,
}

impl Signal {
    /// Opens the socket.
    ///
    /// # Errors
    /// [`BrowserError`] when the address is refused.
    pub fn open(session_id: &str, on_event: impl Fn(SocketEvent) + 'static) -> Result<Self, BrowserError> {
        Ok(Self {
            socket: RoomSocket::negotiate(session_id, on_event)?,
            offered: Cell::default(),
            owed: Cell::default(),
            left: Cell::default(),
            waiting: RefCell::default(),
        })
    }

    /// Says what waits, if it can be said.
    pub fn flush(&self) {
        if self.offered.get() && self.socket.is_open() {
            for text in self.waiting.take() {
                _ = self.socket.send(&text);
            }
        }
    }

    /// Offers a call, or with `restart` new addresses for the one there is.
    pub fn offer(&self, epoch: Epoch, sdp: &str, restart: bool) {
        let (id, sdp) = (epoch.0, quoted(sdp));
        let offer = format!(r#"{{"type":"offer","id":"{id}","sdp":{sdp},"restart":{restart}}}"#);
        self.waiting.borrow_mut().insert(0, offer);
        self.offered.set(true);
        self.owed.set(true);
        self.flush();
    }

    /// The offer was answered, or refused.
    pub fn answered(&self) {
        self.owed.set(false);
    }

    /// Whether an offer is not answered.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.owed.get()
    }

    /// Drops the socket without a word: the call goes on.
    pub fn leave(self) {
        self.left.set(true);
    }

    /// Tells an address of ours.
    pub fn candidate(&self, candidate: &Candidate) {
        let (text, mid) = (quoted(&candidate.candidate), candidate.sdp_mid.as_deref().map_or("null".into(), quoted));
        let index = candidate.sdp_m_line_index.unwrap_or(0);
        let text = format!(r#"{{"type":"candidate","candidate":{text},"sdp_mid":{mid},"sdp_m_line_index":{index}}}"#);
        self.waiting.borrow_mut().push(text);
        self.flush();
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if !self.left.get() {
            _ = self.socket.send(r#"{"type":"bye"}"#);
        }
    }
}

/// Reads what our server says. None for what a newer one may say.
#[must_use]
pub fn read(text: &str) -> Option<Word> {
    let Fields { r#type, id, sdp, error, candidate, sdp_mid, sdp_m_line_index } =
        serde_json::from_slice(text.as_bytes()).ok()?;
    let epoch = || id.parse().ok().map(Epoch);
    match r#type.as_str() {
        "answer" => Some(Word::Answer { epoch: epoch()?, sdp }),
        "refused" => Some(Word::Refused { epoch: epoch()?, error: error? }),
        // An empty one says that there are no more.
        "candidate" if !candidate.is_empty() => {
            Some(Word::Candidate(Candidate { candidate, sdp_mid, sdp_m_line_index }))
        }
        "bye" => Some(Word::Bye),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
