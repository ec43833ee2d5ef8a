//! What has to be known of a STUN message before it is given to a peer connection.

/// RFC 7983: the first byte tells the protocols of one port apart.
pub(super) fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first <= 3)
}

/// Whether these bytes ask whether we are there (RFC 8489, section 5).
pub(super) fn is_binding_request(bytes: &[u8]) -> bool {
    const BINDING_REQUEST: [u8; 2] = [0, 1];
    const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

    bytes.get(..2) == Some(&BINDING_REQUEST) && bytes.get(4..8) == Some(&MAGIC_COOKIE)
}

/// The local fragment in the USERNAME of a STUN binding request, or `None` for anything else (RFC 8489, section 5).
pub(super) fn ufrag(bytes: &[u8]) -> Option<&str> {
    const USERNAME: [u8; 2] = [0, 6];
    const HEADER_BYTES: usize = 20;

    if !is_binding_request(bytes) {
        return None;
    }
    let mut rest = bytes.get(HEADER_BYTES..)?;
    while let [kind_1, kind_2, len_1, len_2, attributes @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*len_1, *len_2]));
        let value = attributes.get(..len)?;
        if [*kind_1, *kind_2] == USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A request to the call of this name, without an integrity check.
    pub(in super::super) fn binding_request(username: &str) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        bytes.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]); // SOFTWARE, padded
        bytes.extend([0, 6]);
        bytes.extend(u16::try_from(username.len()).unwrap().to_be_bytes());
        bytes.extend(username.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn the_username_of_a_binding_request_names_the_call() {
        assert_eq!(ufrag(&binding_request("ours:theirs")), Some("ours"));
        let mut answer = binding_request("ours:theirs");
        answer[0] = 1;
        assert_eq!(ufrag(&answer), None);
        let whole = binding_request("ours:theirs");
        for cut in 0..whole.len() - 1 {
            assert_eq!(ufrag(&whole[..cut]), None, "cut to {cut}");
        }
    }
}
