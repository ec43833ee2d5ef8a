//! The peer connection: microphone out, the interviewer's voice in, `oai-events`, and where our own server is the far end
//! `interview-events`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Serialize;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    MediaStream, MediaStreamTrack, MessageEvent, RtcConfiguration, RtcDataChannel, RtcDataChannelEvent,
    RtcIceCandidateInit, RtcIceConnectionState, RtcOfferOptions, RtcPeerConnection, RtcPeerConnectionIceEvent,
    RtcPeerConnectionState, RtcRtpReceiver, RtcRtpSender, RtcSdpType, RtcSessionDescriptionInit, RtcSignalingState,
    RtcTrackEvent,
};

use super::mic::Mic;
use super::{BrowserError, Listener};
use crate::api::IceServer;
use crate::engine::time::Epoch;

/// The label of the data channel, as the provider expects it.
const CHANNEL: &str = "oai-events";
/// The label of the one that our own server opens, for the events of the room (S003-06).
const ROOM_CHANNEL: &str = "interview-events";

/// What a peer tells.
#[derive(Clone, Debug)]
pub enum PeerEvent {
    /// Candidate pairs are being checked.
    Checking,
    Connected,
    Disconnected,
    Failed,
    Track(MediaStream),
    ChannelOpen,
    Message(String),
    ChannelClosed,
    /// An event of the room, numbered like those of the room channel.
    Room(String),
    Candidate(Candidate),
    /// The browser has no address that anybody could be reached by.
    NoCandidate,
}

/// An address to be tried, as it travels.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub candidate: String,
    pub sdp_mid: Option<String>,
    pub sdp_m_line_index: Option<u16>,
}

/// `RTCConfiguration`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    ice_servers: &'a [IceServer],
    ice_transport_policy: &'a str,
    bundle_policy: &'a str,
}

/// A peer connection and everything that listens to it. The microphone belongs to whoever passed it in.
#[derive(Debug)]
pub struct Peer {
    pc: RtcPeerConnection,
    channel: RtcDataChannel,
    sender: RtcRtpSender,
    epoch: Rc<Cell<Epoch>>,
    listeners: Vec<Listener>,
    /// Of the channels that the far end opened.
    opened: Rc<RefCell<Vec<Listener>>>,
}

impl Peer {
    /// Makes a peer that sends `mic` and looks for its way with `ice_servers`, and through a TURN server of them alone where
    /// `ice_policy` is "relay". `on_event` is told the epoch that the peer had at that moment.
    ///
    /// # Errors
    /// [`BrowserError::Call`] for ICE servers that the browser does not take.
    pub fn new(
        epoch: Epoch,
        ice_servers: &[IceServer],
        ice_policy: &str,
        mic: &Mic,
        on_event: impl Fn(Epoch, PeerEvent) + 'static,
    ) -> Result<Self, BrowserError> {
        let pc = RtcPeerConnection::new_with_configuration(&configuration(ice_servers, ice_policy)?)
            .map_err(|error| BrowserError::from_js("RTCPeerConnection", &error))?;
        let sender = pc.add_track_0(mic.track(), mic.stream());
        let channel = pc.create_data_channel(CHANNEL);
        let mut peer = Self {
            pc,
            channel,
            sender,
            epoch: Rc::new(Cell::new(epoch)),
            listeners: Vec::new(),
            opened: Rc::default(),
        };
        peer.listen(on_event)?;
        Ok(peer)
    }

    fn listen(&mut self, on_event: impl Fn(Epoch, PeerEvent) + 'static) -> Result<(), BrowserError> {
        let epoch = Rc::clone(&self.epoch);
        let tell = Rc::new(move |event| on_event(epoch.get(), event));
        let state = {
            let (pc, tell) = (self.pc.clone(), Rc::clone(&tell));
            move |_: web_sys::Event| match pc.connection_state() {
                RtcPeerConnectionState::Connected => tell(PeerEvent::Connected),
                RtcPeerConnectionState::Disconnected => tell(PeerEvent::Disconnected),
                RtcPeerConnectionState::Failed => tell(PeerEvent::Failed),
                _ => {}
            }
        };
        let ice = {
            let (pc, tell) = (self.pc.clone(), Rc::clone(&tell));
            move |_: web_sys::Event| {
                if pc.ice_connection_state() == RtcIceConnectionState::Checking {
                    tell(PeerEvent::Checking);
                }
            }
        };
        let track = {
            let tell = Rc::clone(&tell);
            move |event: RtcTrackEvent| {
                // A far end that names no stream still gets one to be played from.
                let stream = event.streams().get(0).dyn_into().or_else(|_| {
                    let stream = MediaStream::new();
                    if let Ok(stream) = &stream {
                        stream.add_track(&event.track());
                    }
                    stream
                });
                if let Ok(stream) = stream {
                    tell(PeerEvent::Track(stream));
                }
            }
        };
        let candidate = {
            let (tell, any) = (Rc::clone(&tell), Cell::new(false));
            move |event: RtcPeerConnectionIceEvent| match event.candidate() {
                // An empty one ends those of one transport and is none itself.
                Some(it) if it.candidate().is_empty() => {}
                Some(it) => {
                    any.set(true);
                    tell(PeerEvent::Candidate(Candidate {
                        candidate: it.candidate(),
                        sdp_mid: it.sdp_mid(),
                        sdp_m_line_index: it.sdp_m_line_index(),
                    }));
                }
                None if any.get() => {}
                None => tell(PeerEvent::NoCandidate),
            }
        };
        let offered = {
            let (tell, opened) = (Rc::clone(&tell), Rc::clone(&self.opened));
            move |event: RtcDataChannelEvent| {
                let (channel, tell) = (event.channel(), Rc::clone(&tell));
                if channel.label() == ROOM_CHANNEL {
                    let listener = texts(&channel, move |text| tell(PeerEvent::Room(text)));
                    opened.borrow_mut().extend(listener);
                }
            }
        };
        let (open, message, close) = (Rc::clone(&tell), Rc::clone(&tell), tell);
        self.listeners = vec![
            Listener::new(&self.pc, "connectionstatechange", state)?,
            Listener::new(&self.pc, "iceconnectionstatechange", ice)?,
            Listener::new(&self.pc, "track", track)?,
            Listener::new(&self.channel, "open", move |_: web_sys::Event| open(PeerEvent::ChannelOpen))?,
            texts(&self.channel, move |text| message(PeerEvent::Message(text)))?,
            Listener::new(&self.pc, "icecandidate", candidate)?,
            Listener::new(&self.pc, "datachannel", offered)?,
            Listener::new(&self.channel, "close", move |_: web_sys::Event| close(PeerEvent::ChannelClosed))?,
        ];
        Ok(())
    }

    /// The epoch that it goes by.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch.get()
    }

    /// Whether the far end still owes an answer.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.pc.signaling_state() == RtcSignalingState::HaveLocalOffer
    }

    /// The peer goes on under a new epoch: an ICE restart.
    pub fn set_epoch(&self, epoch: Epoch) {
        self.epoch.set(epoch);
    }

    /// Takes fresh servers for the next offer: credentials run out. What the browser does not take it goes on without.
    pub fn set_ice_servers(&self, ice_servers: &[IceServer], ice_policy: &str) {
        if let Ok(configuration) = configuration(ice_servers, ice_policy) {
            _ = self.pc.set_configuration_with_configuration(&configuration);
        }
    }

    /// Makes an offer and sets it. Does not wait for candidates: the far end learns ours from our checks (RFC 8445,
    /// section 7.3.1.3).
    pub fn offer(&self, ice_restart: bool) -> impl Future<Output = Result<String, BrowserError>> + use<> {
        let pc = self.pc.clone();
        async move {
            let options = RtcOfferOptions::new();
            options.set_ice_restart(ice_restart);
            let offer = JsFuture::from(pc.create_offer_with_rtc_offer_options(&options))
                .await
                .map_err(|error| BrowserError::from_js("createOffer", &error))?;
            let offer: RtcSessionDescriptionInit = offer.unchecked_into();
            JsFuture::from(pc.set_local_description(&offer))
                .await
                .map_err(|error| BrowserError::from_js("setLocalDescription", &error))?;
            offer.get_sdp().ok_or(BrowserError::Missing("offer"))
        }
    }

    /// Sets the far end's answer.
    pub fn answer(&self, sdp: &str) -> impl Future<Output = Result<(), BrowserError>> + use<> {
        let answer = RtcSessionDescriptionInit::new(RtcSdpType::Answer);
        answer.set_sdp(sdp);
        let asked = self.pc.set_remote_description(&answer);
        async move {
            JsFuture::from(asked).await.map_err(|error| BrowserError::from_js("setRemoteDescription", &error))?;
            Ok(())
        }
    }

    /// Takes an address of the far end. One that the browser cannot use is left out.
    pub fn add_candidate(&self, candidate: &Candidate) {
        let init = RtcIceCandidateInit::new(&candidate.candidate);
        init.set_sdp_mid(candidate.sdp_mid.as_deref());
        init.set_sdp_m_line_index(candidate.sdp_m_line_index);
        let taken = self.pc.add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
        // A refusal that nobody waits for would be reported as an error of the page.
        spawn_local(async move { _ = JsFuture::from(taken).await });
    }

    /// Holds `ms` of the far end's sound back, so that what comes late is still in time. Browsers without that setting
    /// follow the jitter by themselves alone.
    pub fn hold_back(&self, ms: u32) {
        _ = js_sys::Reflect::set(&self.pc.get_receivers().get(0), &"jitterBufferTarget".into(), &ms.into());
    }

    /// Sends another track from here on; None sends nothing. The track belongs to whoever passed it in.
    pub fn replace_track(
        &self,
        track: Option<&MediaStreamTrack>,
    ) -> impl Future<Output = Result<(), BrowserError>> + use<> {
        let asked = self.sender.replace_track(track);
        async move {
            JsFuture::from(asked).await.map_err(|error| BrowserError::from_js("replaceTrack", &error))?;
            Ok(())
        }
    }

    /// The statistics of the inbound audio, its transport and its candidates; None before there is a receiver.
    #[must_use]
    pub fn stats(&self) -> Option<js_sys::Promise> {
        let receiver: RtcRtpReceiver = self.pc.get_receivers().get(0).dyn_into().ok()?;
        Some(receiver.get_stats())
    }

    /// The connection itself, for what only a test asks.
    #[must_use]
    pub const fn connection(&self) -> &RtcPeerConnection {
        &self.pc
    }
}

fn configuration(ice_servers: &[IceServer], ice_policy: &str) -> Result<RtcConfiguration, BrowserError> {
    let configuration = Configuration { ice_servers, ice_transport_policy: ice_policy, bundle_policy: "max-bundle" };
    let text = serde_json::to_string(&configuration).unwrap_or_default();
    let configuration =
        js_sys::JSON::parse(&text).map_err(|error| BrowserError::from_js("RTCPeerConnection", &error))?;
    Ok(configuration.unchecked_into())
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Detach first: closing must not call back.
        self.listeners.clear();
        self.opened.borrow_mut().clear();
        self.channel.close();
        self.pc.close();
    }
}

/// Tells the texts that come on a channel.
fn texts(channel: &RtcDataChannel, tell: impl Fn(String) + 'static) -> Result<Listener, BrowserError> {
    Listener::new(channel, "message", move |event: MessageEvent| {
        if let Some(text) = event.data().as_string() {
            tell(text);
        }
    })
}
