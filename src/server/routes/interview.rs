//! The interview API behind the server functions.

use crate::api::{ApiError, Exchanged, Readiness, Ticket};
use crate::engine::interview::report::Report;

pub async fn ready() -> Result<Readiness, ApiError> {
    Err(ApiError::Internal)
}
pub async fn ephemeral_token(
    _request_id: String,
    _minutes: u32,
    _consent: bool,
    _session_id: Option<String>,
    _application_id: Option<String>,
) -> Result<Ticket, ApiError> {
    Err(ApiError::Internal)
}
pub async fn sdp_exchange(
    _request_id: String,
    _session_id: String,
    _client_secret: String,
    _offer: String,
    _restart: bool,
) -> Result<Exchanged, ApiError> {
    Err(ApiError::Internal)
}
pub async fn finish(_request_id: String, _session_id: String) -> Result<Report, ApiError> {
    Err(ApiError::Internal)
}
pub async fn report(_session_id: String) -> Result<Report, ApiError> {
    Err(ApiError::Internal)
}
