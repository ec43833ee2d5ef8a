//! One WebSocket to our server: the room channel while it lives.

use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast as _;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use super::clock::window;
use super::{BrowserError, Listener};
use crate::engine::audio::Backlog;
use crate::engine::protocol::room::PageMessage;
use crate::engine::time::Epoch;

/// What the socket tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    Opened,
    Text(String),
    /// A frame of the interviewer's sound, as it came.
    Sound(Vec<u8>),
    Closed {
        code: u16,
    },
}

/// An open or opening socket. Dropping it closes it without another word to us.
#[derive(Debug)]
pub struct RoomSocket {
    socket: WebSocket,
    listeners: Vec<Listener>,
}

impl RoomSocket {
    /// Opens the room channel of a session. The session's cookie goes along by itself. With `seen`, a numbering and the last
    /// number of it, what was missed is told anew.
    ///
    /// # Errors
    /// [`BrowserError`] when the address is refused, for example by the page's security policy.
    pub fn open(
        session_id: &str,
        seen: Option<(Epoch, u64)>,
        on_event: impl Fn(SocketEvent) + 'static,
    ) -> Result<Self, BrowserError> {
        let seen = seen.map_or_else(String::new, |(epoch, after)| format!("&epoch={}&after={after}", epoch.0));
        Self::connect(&format!("{}{seen}", address("interview", session_id)?), on_event)
    }

    /// Opens the socket on which a relayed call of a session is negotiated.
    ///
    /// # Errors
    /// [`BrowserError`] when the address is refused.
    pub fn negotiate(session_id: &str, on_event: impl Fn(SocketEvent) + 'static) -> Result<Self, BrowserError> {
        Self::connect(&address("webrtc", session_id)?, on_event)
    }

    /// Opens a socket to `url`.
    ///
    /// # Errors
    /// [`BrowserError::Call`] for an address that is not valid.
    pub fn connect(url: &str, on_event: impl Fn(SocketEvent) + 'static) -> Result<Self, BrowserError> {
        let socket = WebSocket::new(url).map_err(|error| BrowserError::from_js("WebSocket", &error))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let on_event = Rc::new(on_event);
        let (opened, told) = (Rc::clone(&on_event), Rc::clone(&on_event));
        let listeners = vec![
            Listener::new(&socket, "open", move |_: web_sys::Event| opened(SocketEvent::Opened))?,
            Listener::new(&socket, "message", move |event: MessageEvent| {
                let data = event.data();
                if let Some(text) = data.as_string() {
                    told(SocketEvent::Text(text));
                } else if data.is_instance_of::<ArrayBuffer>() {
                    told(SocketEvent::Sound(Uint8Array::new(&data).to_vec()));
                }
            })?,
            // An `error` is always followed by a `close`, and says nothing more.
            Listener::new(&socket, "close", move |event: CloseEvent| {
                on_event(SocketEvent::Closed { code: event.code() });
            })?,
        ];
        Ok(Self { socket, listeners })
    }

    /// Says something. Returns whether the socket took it.
    #[must_use]
    pub fn say(&self, message: &PageMessage) -> bool {
        serde_json::to_string(message).is_ok_and(|text| self.send(&text))
    }

    /// Sends a text. Returns whether the socket took it.
    #[must_use]
    pub fn send(&self, text: &str) -> bool {
        self.is_open() && self.socket.send_with_str(text).is_ok()
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    /// Sends of the candidate's sound what the network can take. The rest waits; what is said with [`RoomSocket::say`] goes
    /// past it.
    pub fn sound(&self, backlog: &mut Backlog) {
        while self.is_open()
            && let Some(frame) = backlog.next(self.socket.buffered_amount() as usize)
        {
            _ = self.socket.send_with_u8_array(frame);
        }
    }
}

impl Drop for RoomSocket {
    fn drop(&mut self) {
        self.listeners.clear();
        _ = self.socket.close();
    }
}

/// The address of a socket of the session, on this page's server.
fn address(socket: &str, session_id: &str) -> Result<String, BrowserError> {
    let location = window()?.location();
    let refused = |error| BrowserError::from_js("location", &error);
    let scheme = if location.protocol().map_err(refused)? == "https:" { "wss" } else { "ws" };
    let id = js_sys::encode_uri_component(session_id);
    Ok(format!("{scheme}://{}/ws/{socket}?session_id={id}", location.host().map_err(refused)?))
}
