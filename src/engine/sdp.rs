//! Looks at a browser's offer before anybody else has to.
//!
//! An offer is public input. What passes here is small, has one audio section and at most one data channel section, and
//! proves its keys with SHA-256 (RFC 8866 for the grammar, RFC 8122 for the fingerprint, RFC 8829 for what browsers send).

/// The largest offer we read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most `a=candidate` lines we read.
pub const MAX_CANDIDATES: usize = 40;
/// The longest line we read, in bytes. The longest that a browser writes is a header extension of about 100.
const MAX_LINE: usize = 1_024;

/// Why an offer was refused. The words are safe to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    #[error("the offer is larger than 64 KiB")]
    TooLarge,
    #[error("the offer is not SDP")]
    NotSdp,
    #[error("the offer has no audio section")]
    NoAudio,
    #[error("the offer has more than one audio section")]
    ManyAudio,
    #[error("the offer has more than one data channel section")]
    ManyChannels,
    #[error("the offer has a section that is neither audio nor a data channel")]
    OtherMedia,
    #[error("the offer has no SHA-256 fingerprint")]
    NoFingerprint,
    #[error("the offer has no ICE credentials")]
    NoIce,
    #[error("the offer carries keys in the clear")]
    InlineKeys,
    #[error("the offer has more than 40 candidates")]
    ManyCandidates,
}

/// An offer that was looked at. Lines end in CRLF, as RFC 8866 asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    text: String,
    /// Whether it asks for a data channel.
    pub data_channel: bool,
}

impl Offer {
    /// Checks `text` and normalises its line ends.
    ///
    /// # Errors
    /// [`OfferError`] says what is wrong; nothing of the offer is quoted.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_BYTES {
            return Err(OfferError::TooLarge);
        }
        if !text.starts_with("v=0") {
            return Err(OfferError::NotSdp);
        }
        let mut found = Found::default();
        let mut out = String::with_capacity(text.len() + 64);
        for line in text.lines().filter(|line| !line.is_empty()) {
            found.look(line)?;
            out.push_str(line);
            out.push_str("\r\n");
        }
        let data_channel = found.verdict()?;
        Ok(Self { text: out, data_channel })
    }

    /// The offer's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What the lines so far held.
#[derive(Default)]
struct Found {
    audio: u32,
    channels: u32,
    candidates: usize,
    fingerprint: bool,
    ufrag: bool,
    pwd: bool,
}

impl Found {
    fn look(&mut self, line: &str) -> Result<(), OfferError> {
        let well_formed = line.len() <= MAX_LINE
            && line.as_bytes().get(1) == Some(&b'=')
            && line.as_bytes()[0].is_ascii_lowercase()
            && !line.chars().any(char::is_control);
        if !well_formed {
            return Err(OfferError::NotSdp);
        }
        if let Some(media) = line.strip_prefix("m=") {
            match media.split(' ').next() {
                Some("audio") => self.audio += 1,
                Some("application") => self.channels += 1,
                _ => return Err(OfferError::OtherMedia),
            }
        } else if line.starts_with("a=candidate:") {
            self.candidates += 1;
        } else if line.starts_with("a=crypto:") || line.starts_with("k=") {
            return Err(OfferError::InlineKeys);
        } else if let Some(fingerprint) = line.strip_prefix("a=fingerprint:") {
            self.fingerprint |= is_sha256(fingerprint);
        } else if let Some(ufrag) = line.strip_prefix("a=ice-ufrag:") {
            self.ufrag |= (4..=256).contains(&ufrag.len());
        } else if let Some(pwd) = line.strip_prefix("a=ice-pwd:") {
            self.pwd |= (22..=256).contains(&pwd.len());
        }
        Ok(())
    }

    fn verdict(&self) -> Result<bool, OfferError> {
        match () {
            () if self.audio == 0 => Err(OfferError::NoAudio),
            () if self.audio > 1 => Err(OfferError::ManyAudio),
            () if self.channels > 1 => Err(OfferError::ManyChannels),
            () if self.candidates > MAX_CANDIDATES => Err(OfferError::ManyCandidates),
            () if !self.fingerprint => Err(OfferError::NoFingerprint),
            () if !(self.ufrag && self.pwd) => Err(OfferError::NoIce),
            () => Ok(self.channels == 1),
        }
    }
}

/// `sha-256 AB:CD:…`, 32 bytes (RFC 8122 section 5).
fn is_sha256(fingerprint: &str) -> bool {
    let Some((hash, bytes)) = fingerprint.split_once(' ') else { return false };
    hash.eq_ignore_ascii_case("sha-256")
        && bytes.split(':').count() == 32
        && bytes.split(':').all(|byte| byte.len() == 2 && byte.bytes().all(|it| it.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint() -> String {
        format!("a=fingerprint:sha-256 {}\n", ["AB"; 32].join(":"))
    }

    fn offer(sections: &str) -> String {
        format!(
            "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n{}a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n{sections}",
            fingerprint()
        )
    }

    const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\na=mid:0\n";
    const CHANNEL: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:1\n";

    #[test]
    fn a_browsers_offer_passes_and_gets_crlf() {
        let parsed = Offer::parse(&offer(&format!("{AUDIO}{CHANNEL}"))).unwrap();
        assert!(parsed.data_channel);
        assert!(parsed.as_str().lines().count() > 9);
        assert_eq!(parsed.as_str().matches('\n').count(), parsed.as_str().matches("\r\n").count());
        assert_eq!(Offer::parse(parsed.as_str()), Ok(parsed.clone()), "parsing is idempotent");
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_reason() {
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\n";
        let candidate = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\n";
        let table = [
            (String::new(), OfferError::NotSdp),
            ("hello".to_owned(), OfferError::NotSdp),
            (format!("v=0\n{}", "x".repeat(MAX_BYTES)), OfferError::TooLarge),
            (offer(""), OfferError::NoAudio),
            (offer(CHANNEL), OfferError::NoAudio),
            (offer(&format!("{AUDIO}{AUDIO}")), OfferError::ManyAudio),
            (offer(&format!("{AUDIO}{CHANNEL}{CHANNEL}")), OfferError::ManyChannels),
            (offer(&format!("{AUDIO}{video}")), OfferError::OtherMedia),
            (offer(&format!("{AUDIO}a=crypto:1 AES inline:x\n")), OfferError::InlineKeys),
            (offer(&format!("{AUDIO}{}", candidate.repeat(41))), OfferError::ManyCandidates),
            (offer(AUDIO).replace("sha-256", "sha-1"), OfferError::NoFingerprint),
            (offer(AUDIO).replace("a=ice-ufrag:abcd\n", ""), OfferError::NoIce),
            (offer(&format!("{AUDIO}a=x\u{0}y\n")), OfferError::NotSdp),
            (offer(&format!("{AUDIO}not a line\n")), OfferError::NotSdp),
        ];
        for (text, expected) in table {
            assert_eq!(Offer::parse(&text), Err(expected), "{}", text.get(..60).unwrap_or(&text));
        }
    }

    proptest::proptest! {
        /// S12: whatever bytes arrive, nothing panics, and what passes re-parses to itself.
        #[test]
        fn mutated_offers_never_panic(at in 0_usize..400, with in ".{0,6}") {
            let mut text = offer(&format!("{AUDIO}{CHANNEL}"));
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.insert_str(at, &with);
            if let Ok(parsed) = Offer::parse(&text) {
                proptest::prop_assert_eq!(Offer::parse(parsed.as_str()), Ok(parsed.clone()));
            }
        }
    }
}
