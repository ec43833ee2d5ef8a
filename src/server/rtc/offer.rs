//! What an offer must look like before it is worth a peer connection.

/// The most that an offer may hold. Browsers send 2 to 8 KiB.
pub const MAX_OFFER_BYTES: usize = 64 * 1024;

/// Why an offer was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    #[error("The offer is larger than 64 KiB.")]
    TooLarge,
    #[error("The offer is not valid SDP.")]
    NotSdp,
    #[error("The offer needs exactly one audio section and at most one for a data channel.")]
    Sections,
    #[error("The offer has no sha-256 fingerprint.")]
    Fingerprint,
    #[error("The offer has no ICE credentials.")]
    Credentials,
    #[error("The offer has no Opus audio.")]
    Codec,
    #[error("The new offer does not belong to this call.")]
    OtherCall,
}

/// Checks an offer and prepares it for the peer connection. Line ends may be CRLF or LF.
///
/// `a=setup:actpass` becomes `passive`, so that we are the DTLS client (RFC 8842, section 5): the browser then never has
/// to repeat a ClientHello that came before its answer was read.
///
/// Its candidates are left out. Our server would send checks to whatever addresses a page may name (RFC 8445, section
/// 19.5.1), and it can do without: the far end's own checks show where it is, behind a relay or a NAT, too.
///
/// # Errors
/// Every [`OfferError`] but [`OfferError::OtherCall`].
pub fn prepare(offer: &str) -> Result<String, OfferError> {
    if offer.len() > MAX_OFFER_BYTES {
        return Err(OfferError::TooLarge);
    }
    if !offer.starts_with("v=0") {
        return Err(OfferError::NotSdp);
    }
    let lines = || offer.lines().map(str::trim_end);
    let sections: Vec<&str> = lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').next()).collect();
    let count = |kind: &str| sections.iter().filter(|it| **it == kind).count();
    let (audio, application) = (count("audio"), count("application"));
    if audio != 1 || application > 1 || sections.len() != audio + application {
        return Err(OfferError::Sections);
    }
    let with =
        |prefix: &str| lines().any(|line| line.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix)));
    if !with("a=fingerprint:sha-256 ") {
        return Err(OfferError::Fingerprint);
    }
    if !with("a=ice-ufrag:") || !with("a=ice-pwd:") {
        return Err(OfferError::Credentials);
    }
    if !lines().any(|line| line.starts_with("a=rtpmap:") && line.to_ascii_lowercase().contains(" opus/48000")) {
        return Err(OfferError::Codec);
    }
    let mut prepared = String::with_capacity(offer.len() + 64);
    for line in lines().filter(|line| !line.is_empty() && !line.starts_with("a=candidate:")) {
        prepared.push_str(if line == "a=setup:actpass" { "a=setup:passive" } else { line });
        prepared.push_str("\r\n");
    }
    Ok(prepared)
}

/// What every offer of one call says in the same way: its sections, their names and bundle, and the certificates.
#[must_use]
pub fn outline(offer: &str) -> String {
    let mut outline = String::new();
    for line in offer.lines() {
        let section = line.starts_with("m=").then(|| line.split(' ').next()).flatten();
        let kept = ["a=mid:", "a=group:", "a=fingerprint:"].iter().any(|it| line.starts_with(it)).then_some(line);
        if let Some(line) = section.or(kept) {
            outline.push_str(line);
            outline.push('\n');
        }
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=fingerprint:sha-256 AA:BB\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\na=setup:actpass\na=ice-ufrag:a\na=ice-pwd:b\na=rtpmap:111 opus/48000/2\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n";

    #[test]
    fn a_good_offer_makes_us_the_dtls_client() {
        let prepared = prepare(OFFER).unwrap();
        assert!(prepared.contains("a=setup:passive\r\n"));
        assert!(!prepared.contains("actpass"));
        assert!(!prepared.replace("\r\n", "").contains('\n'));
    }

    /// S004-07: our server looks for nobody where a page says that somebody is.
    #[test]
    fn the_candidates_of_an_offer_are_left_out() {
        let named = "a=candidate:1 1 udp 2122260223 192.0.2.1 9 typ host\n";
        let hidden = "a=candidate:2 1 udp 2122260223 0b9f7e0a-2c1e-4ad1-8a9b-6c1f0e5c7a11.local 9 typ host\n";
        let at_the_top = OFFER.replace("t=0 0\n", &format!("t=0 0\n{named}"));
        for offer in [format!("{OFFER}{named}{hidden}a=end-of-candidates\n"), at_the_top] {
            let prepared = prepare(&offer).unwrap();
            assert!(!prepared.contains("candidate:"), "{prepared}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let table = [
            (String::new(), OfferError::NotSdp),
            ("hello".to_owned(), OfferError::NotSdp),
            ("v=0\n".to_owned(), OfferError::Sections),
            (format!("v=0{}", " ".repeat(MAX_OFFER_BYTES)), OfferError::TooLarge),
            (OFFER.replace("m=audio", "m=video"), OfferError::Sections),
            (format!("{OFFER}m=audio 9 UDP/TLS/RTP/SAVPF 111\n"), OfferError::Sections),
            (format!("{OFFER}m=video 9 UDP/TLS/RTP/SAVPF 111\n"), OfferError::Sections),
            (OFFER.replace("sha-256", "sha-1"), OfferError::Fingerprint),
            (OFFER.replace("a=ice-pwd:b\n", ""), OfferError::Credentials),
            (OFFER.replace("opus", "PCMU"), OfferError::Codec),
        ];
        for (offer, expected) in table {
            assert_eq!(prepare(&offer), Err(expected), "{}", offer.chars().take(60).collect::<String>());
        }
    }
}
