//! Files of the site: inside the binary in a release, on disk in a development build.

use std::{borrow::Cow, fmt::Write as _};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Names with a content hash never change their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Encodings that `bundle` prepares, best first, with their suffixes.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

#[derive(RustEmbed)]
#[folder = "target/site"]
#[allow_missing = true]
struct Site;

/// The build names the site that it embeds. Cargo compares the value, and so notices a site that appeared after the last
/// build: it cannot watch files that were not there.
const _: Option<&str> = option_env!("VIVAVOCE_SITE");

/// The newest file `folder/name.extension`, or `folder/name.HASH.extension`. cargo-leptos leaves older hashes behind.
pub(super) fn newest(folder: &str, name: &str, extension: &str) -> Option<String> {
    let fits = |path: &str| {
        let stem = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(extension)?.strip_suffix('.')?;
        (stem == name || stem.strip_prefix(name)?.starts_with('.')).then_some(())
    };
    let modified = |path: &str| Site::get(path).and_then(|it| it.metadata.last_modified());
    Site::iter().filter(|path| fits(path).is_some()).max_by_key(|path| modified(path)).map(Cow::into_owned)
}

/// Answers with the file at `path` (without a leading slash), in the best encoding that the client takes. None if there
/// is no such file.
pub(super) fn respond(path: &str, folder: &str, request: &HeaderMap) -> Option<Response> {
    let plain = Site::get(path)?;
    let kind = content_type(&plain);
    let (file, encoding) = ENCODINGS
        .into_iter()
        .filter(|(encoding, _)| accepts(request, encoding))
        .find_map(|(encoding, suffix)| Some((Site::get(&format!("{path}{suffix}"))?, Some(encoding))))
        .unwrap_or((plain, None));

    let tag = entity_tag(&file);
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body(file).into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&kind).ok()?);
    headers.insert(header::CACHE_CONTROL, cache_control(path, folder));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn body(file: EmbeddedFile) -> Body {
    match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    }
}

fn content_type(file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    let is_text = kind.starts_with("text/") || kind == "image/svg+xml";
    if is_text { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

/// Half of the SHA-256: more than enough to tell two versions of a file apart.
fn entity_tag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        _ = write!(tag, "{byte:02x}"); // Writing to a String cannot fail.
    }
    tag.push('"');
    tag
}

fn cache_control(path: &str, folder: &str) -> HeaderValue {
    if cfg!(debug_assertions) { ASK_AGAIN } else { lifetime(path, folder) }
}

/// How long a release's file may be used without asking.
fn lifetime(path: &str, folder: &str) -> HeaderValue {
    let hashed = path.strip_prefix(folder).is_some_and(|name| name.split('.').count() > 2);
    // A worklet belongs to the page that loads it, and has the same name in the next release.
    match (hashed, path.ends_with(".mjs")) {
        (true, _) => FOR_EVER,
        (false, true) => ASK_AGAIN,
        (false, false) => AN_HOUR,
    }
}

/// Whether `Accept-Encoding` (RFC 9110, 12.5.3) admits `encoding`: named, and not with the weight zero.
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let offers = request.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|it| it.to_str().ok());
    offers.flat_map(|it| it.split(',')).any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, "q=1"));
        let zero = weight.trim().strip_prefix("q=").is_some_and(|it| it.parse::<f32>().is_ok_and(|it| it <= 0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !zero
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_counts_if_it_is_named_with_some_weight() {
        for (header, brotli, gzip) in [
            ("gzip, deflate, br, zstd", true, true),
            ("gzip;q=0.5,BR ; q=1.0", true, true),
            ("br;q=0, gzip", false, true),
            ("br;q=0.000", false, false),
            ("brotli", false, false),
            ("identity", false, false),
        ] {
            let request = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!((accepts(&request, "br"), accepts(&request, "gzip")), (brotli, gzip), "{header}");
        }
    }

    #[test]
    fn only_what_cannot_change_is_used_without_asking() {
        for (path, expected) in [
            ("pkg/vivavoce.0a1b2c.wasm", FOR_EVER),
            ("worklets/playback.mjs", ASK_AGAIN),
            ("favicon.svg", AN_HOUR),
            ("pkg/vivavoce.wasm", AN_HOUR),
        ] {
            assert_eq!(lifetime(path, "pkg"), expected, "{path}");
        }
    }

    #[test]
    fn a_path_cannot_leave_the_site() {
        for path in ["../../Cargo.toml", "pkg/../../../Cargo.toml", "/etc/passwd", "%2e%2e/%2e%2e/Cargo.toml", ""] {
            assert!(respond(path, "pkg", &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
