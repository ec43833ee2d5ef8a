//! `/v1/realtime/calls`: offers in, answers out.

use axum::Extension;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::{QueryRejection, StringRejection};
use axum::extract::{FromRequest as _, Multipart, Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::auth::Credential;
use super::error::ServeError;
use crate::server::voice::call::Command;
use crate::server::voice::session::Transport;
use crate::server::voice::{CallError, Provider};

/// The service's own: an answer is plain text to it.
const ANSWER_TYPE: &str = "text/plain; charset=utf-8";

/// `POST /v1/realtime/calls`: multipart with `sdp` and `session`, or the offer alone.
pub(super) async fn create(
    State(provider): State<Provider>,
    Extension(credential): Extension<Credential>,
    request: Request,
) -> Result<Response, ServeError> {
    match content_type(request.headers()).as_str() {
        "multipart/form-data" => {
            let (offer, session) = form(request).await?;
            // What an ephemeral key starts is in the key.
            let session = match credential.standard() {
                Ok(()) => session.ok_or(ServeError::Missing("session"))?,
                Err(_) => Value::Null,
            };
            answer(&provider, &credential, &offer, &session)
        }
        "application/sdp" => {
            let offer = body(String::from_request(request, &()).await)?;
            answer(&provider, &credential, &offer, &json!({}))
        }
        _ => Err(ServeError::ContentType),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Preview {
    model: Option<String>,
}

/// `POST /v1/realtime?model=`: the address of the retired preview, with the offer alone.
pub(super) async fn preview(
    State(provider): State<Provider>,
    Extension(credential): Extension<Credential>,
    target: Result<Query<Preview>, QueryRejection>,
    request: Request,
) -> Result<Response, ServeError> {
    let Query(target) = target.map_err(|_| ServeError::Invalid("model"))?;
    if content_type(request.headers()) != "application/sdp" {
        return Err(ServeError::ContentType);
    }
    let offer = body(String::from_request(request, &()).await)?;
    answer(&provider, &credential, &offer, &json!({ "model": target.model }))
}

fn answer(provider: &Provider, credential: &Credential, offer: &str, session: &Value) -> Result<Response, ServeError> {
    let (id, answer) = provider.create(offer, || credential.session(provider, session, Transport::Call))?;
    let location = format!("/v1/realtime/calls/{id}");
    Ok((StatusCode::CREATED, [(LOCATION, location.as_str()), (CONTENT_TYPE, ANSWER_TYPE)], answer).into_response())
}

/// `PATCH /v1/realtime/calls/{id}`: a new offer of the same peer.
pub(super) async fn restart(
    State(provider): State<Provider>,
    Extension(credential): Extension<Credential>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ServeError> {
    credential.standard()?;
    let call = provider.call(&id)?;
    if content_type(request.headers()) != "application/sdp" {
        return Err(ServeError::ContentType);
    }
    let offer = body(String::from_request(request, &()).await)?;
    let (answer, answered) = oneshot::channel();
    // A call that ends meanwhile drops both ends.
    call.send(Command::Restart { offer, answer }).await.map_err(|_| CallError::Unknown)?;
    let answer = answered.await.map_err(|_| CallError::Unknown)?.map_err(CallError::Offer)?;
    Ok(([(CONTENT_TYPE, ANSWER_TYPE)], answer).into_response())
}

/// `POST /v1/realtime/calls/{id}/hangup`.
pub(super) async fn hang_up(
    State(provider): State<Provider>,
    Extension(credential): Extension<Credential>,
    Path(id): Path<String>,
) -> Result<StatusCode, ServeError> {
    credential.standard()?;
    let call = provider.call(&id)?;
    call.send(Command::Hangup).await.map_err(|_| CallError::Unknown)?;
    Ok(StatusCode::OK)
}

async fn form(request: Request) -> Result<(String, Option<Value>), ServeError> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|rejection: MultipartRejection| {
        // No boundary: the only thing that can be wrong before the first part.
        ServeError::Body(rejection.status())
    })?;
    let (mut offer, mut session) = (None, None);
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("sdp") => offer = Some(field.text().await?),
            Some("session") => session = Some(field.text().await?),
            // Read to its end, so that the next one is found.
            _ => drop(field.bytes().await?),
        }
    }
    let offer = offer.ok_or(ServeError::Missing("sdp"))?;
    let session = session.map(|it| serde_json::from_str(&it).map_err(|_| ServeError::Invalid("session")));
    Ok((offer, session.transpose()?))
}

fn body(read: Result<String, StringRejection>) -> Result<String, ServeError> {
    read.map_err(|rejection| ServeError::Body(rejection.status()))
}

/// The media type without its parameters.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
