//! What `getStats` says, reduced to what we look at (W3C "Identifiers for WebRTC's Statistics API").

use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::BrowserError;
use crate::engine::quality::LineStats;

/// Reads the statistics that `asked` resolves to.
///
/// # Errors
/// [`BrowserError::Call`] after the peer was closed.
pub async fn read(asked: js_sys::Promise) -> Result<LineStats, BrowserError> {
    let report = JsFuture::from(asked).await.map_err(|error| BrowserError::from_js("getStats", &error))?;
    // Map-like, as its interface says, though not a `Map`.
    let rows = js_sys::try_iter(&report.unchecked_ref::<js_sys::Map>().values());
    let rows: Vec<JsValue> = rows.ok().flatten().map_or_else(Vec::new, |rows| rows.filter_map(Result::ok).collect());
    Ok(reduce(&rows))
}

fn reduce(rows: &[JsValue]) -> LineStats {
    let kind = |row: &&JsValue| text(row, "type").unwrap_or_default();
    let by_id = |id: String| rows.iter().find(|row| text(row, "id").as_ref() == Some(&id));
    let mut stats = LineStats::default();
    let audio = |name: &str| rows.iter().find(|row| kind(row) == name && text(row, "kind").as_deref() == Some("audio"));
    if let Some(inbound) = audio("inbound-rtp") {
        stats.received = count(inbound, "packetsReceived");
        #[expect(clippy::cast_possible_truncation, reason = "a count of packets")]
        let lost = number(inbound, "packetsLost").unwrap_or(0.0) as i64;
        stats.lost = lost;
        stats.jitter_ms = number(inbound, "jitter").map(|seconds| seconds * 1_000.0);
        stats.gaps = count(inbound, "concealmentEvents");
        stats.emitted = count(inbound, "jitterBufferEmittedCount");
        stats.buffered_s = number(inbound, "jitterBufferDelay").unwrap_or(0.0);
    }
    // What the far end says of our sound.
    stats.far_loss_pct =
        audio("remote-inbound-rtp").and_then(|row| number(row, "fractionLost")).map(|fraction| fraction * 100.0);
    let transport = rows.iter().find(|row| kind(row) == "transport");
    let selected = transport.and_then(|row| text(row, "selectedCandidatePairId")).and_then(by_id);
    // Firefox has no such row, and says it of the pair itself.
    let pair = |says: fn(&JsValue) -> bool| rows.iter().find(|row| kind(row) == "candidate-pair" && says(row));
    let selected = selected.or_else(|| pair(|row| flag(row, "selected")));
    let in_use = |row: &JsValue| flag(row, "nominated") && text(row, "state").as_deref() == Some("succeeded");
    if let Some(pair) = selected.or_else(|| pair(in_use)) {
        stats.rtt_ms = number(pair, "currentRoundTripTime").map(|seconds| seconds * 1_000.0);
        stats.responses = number(pair, "responsesReceived").map(whole);
        let local = text(pair, "localCandidateId").and_then(by_id);
        stats.candidate_type = local.and_then(|row| text(row, "candidateType"));
        stats.transport = local.and_then(|row| text(row, "relayProtocol").or_else(|| text(row, "protocol")));
        stats.bytes = count(pair, "bytesSent") + count(pair, "bytesReceived");
    }
    stats
}

fn number(row: &JsValue, name: &str) -> Option<f64> {
    Reflect::get(row, &JsValue::from_str(name)).ok()?.as_f64()
}

fn text(row: &JsValue, name: &str) -> Option<String> {
    Reflect::get(row, &JsValue::from_str(name)).ok()?.as_string()
}

fn flag(row: &JsValue, name: &str) -> bool {
    Reflect::get(row, &JsValue::from_str(name)).is_ok_and(|it| it.as_bool() == Some(true))
}

fn count(row: &JsValue, name: &str) -> u64 {
    number(row, name).map_or(0, whole)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of packets or checks")]
const fn whole(count: f64) -> u64 {
    count as u64
}
