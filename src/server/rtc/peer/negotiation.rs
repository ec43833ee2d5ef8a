//! Offers in, answers out.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::net::TcpType;
use str0m::{Candidate, Rtc};

use super::audio::AudioOut;
use super::channels::Channels;
use super::{Peer, REPORTS};
use crate::server::rtc::demux::Registration;
use crate::server::rtc::offer::{self, OfferError};
use crate::server::rtc::port::Port;

impl Peer {
    /// Answers an offer. The mailbox that belongs to `registration` brings the datagrams for [`Peer::receive`].
    ///
    /// # Errors
    /// [`OfferError`] says what is wrong with the offer.
    pub fn answer(
        port: &Port,
        registration: Registration,
        offer: &str,
        now: Instant,
    ) -> Result<(Self, String), OfferError> {
        let prepared = offer::prepare(offer)?;
        let builder = Rtc::builder().clear_codecs().enable_opus(true, false).set_rtp_mode(true);
        let mut rtc = builder.set_stats_interval(Some(REPORTS)).build(now);
        for address in port.advertised() {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        for address in port.advertised_tcp() {
            if let Ok(candidate) = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build() {
                rtc.add_local_candidate(candidate);
            }
        }
        let offer = parse(&prepared)?;
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|_| OfferError::NotSdp)?.to_sdp_string();
        let audio = AudioOut::negotiated(&rtc, &answer).ok_or(OfferError::Codec)?;
        let mut peer = Self {
            rtc,
            port: port.clone(),
            registration,
            outline: offer::outline(&prepared),
            audio,
            channels: Channels::negotiated(&answer),
            sources: HashSet::new(),
            events: VecDeque::new(),
            rtt: None,
            deadline: now,
            last_heard: now,
            closed: false,
        };
        peer.register();
        peer.drain();
        Ok((peer, answer))
    }

    /// Answers a later offer of the same call: an ICE restart. DTLS and the data channel stay as they are.
    ///
    /// # Errors
    /// [`OfferError`]. An offer that cannot be of this call changes nothing, and the call goes on as it was. One that shows
    /// only on closer inspection that it is not ends the call: by then the old path is given up, and there is no other.
    pub fn restart(&mut self, offer: &str, now: Instant) -> Result<String, OfferError> {
        let prepared = offer::prepare(offer)?;
        // Another certificate is another far end, which the old session's keys are not for.
        if offer::outline(&prepared) != self.outline {
            return Err(OfferError::OtherCall);
        }
        let offer = parse(&prepared)?;
        let answer = match self.rtc.sdp_api().accept_offer(offer) {
            Ok(answer) => answer.to_sdp_string(),
            Err(error) => {
                tracing::debug!(%error, "restart failed");
                self.end();
                return Err(OfferError::OtherCall);
            }
        };
        self.last_heard = now;
        self.register();
        self.drain();
        Ok(answer)
    }

    /// Has the requests for our latest credentials sent here. New ones forget where the far end was.
    fn register(&mut self) {
        let ufrag = self.rtc.direct_api().local_ice_credentials().ufrag;
        if self.registration.name(&ufrag) {
            self.sources.clear();
        }
    }
}

fn parse(prepared: &str) -> Result<SdpOffer, OfferError> {
    SdpOffer::from_sdp_string(prepared).map_err(|_| OfferError::NotSdp)
}
