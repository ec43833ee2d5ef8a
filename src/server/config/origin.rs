//! An origin as browsers send it (RFC 6454): scheme, host, port.

use std::{fmt, str::FromStr};

use axum::http::Uri;

/// Scheme, host and port of a web page, in the form of the `Origin` header: lower case, without the default port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// The text is no origin of a web page.
#[derive(Debug, thiserror::Error)]
#[error("expected an address like https://interviews.example.org")]
pub struct BadOrigin;

impl Origin {
    /// As in an `Origin` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether pages of this origin travel encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether this is a page of this machine's own, on any port.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let authority = self.0.split_once("://").map_or("", |(_, authority)| authority);
        matches!(authority.split(':').next(), Some("localhost" | "127.0.0.1"))
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let uri: Uri = text.trim().parse().map_err(|_| BadOrigin)?;
        let scheme = uri.scheme_str().filter(|it| matches!(*it, "http" | "https")).ok_or(BadOrigin)?;
        let authority = uri.authority().filter(|it| !it.as_str().contains('@')).ok_or(BadOrigin)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(BadOrigin);
        }
        let host = authority.host().to_ascii_lowercase();
        let default_port = if scheme == "https" { 443 } else { 80 };
        Ok(Self(match authority.port_u16().filter(|port| *port != default_port) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_normalised_and_anything_else_is_refused() {
        for (text, expected) in [
            ("https://A.Example", Some("https://a.example")),
            ("https://a.example:443/", Some("https://a.example")),
            ("http://a.example:443", Some("http://a.example:443")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("https://a.example/path", None),
            ("https://user@a.example", None),
            ("ftp://a.example", None),
            ("a.example", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Origin>().ok().as_ref().map(Origin::as_str), expected, "{text:?}");
        }
    }
}
