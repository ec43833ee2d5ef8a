//! What the server answers besides the page itself: the API's second addresses, the room channel, the negotiation of
//! relayed calls, and how it is doing.

pub mod health;
pub mod interview;
pub mod metrics;
mod page_socket;
pub mod room_channel;
pub mod webrtc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{any, get, post};
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{ResponseOptions, handle_server_fns_with_context};

use super::App;
use crate::api::ApiError;

/// Second addresses of server functions: same bodies, limits and answers (S001-08, S001-15).
const SECOND_ADDRESSES: [(&str, &str); 2] = [
    ("/api/realtime-session", "/api/interview/ephemeral-token"),
    ("/api/webrtc-exchange", "/api/interview/sdp-exchange"),
];

/// An offer as one shot. Guarded like the API.
pub const OFFER: &str = "/webrtc/offer";

/// All of them, to be merged into the router.
pub fn routes() -> Router<App> {
    let mut router = Router::new()
        .route("/ws/interview", get(room_channel::join))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::beside_the_page))
        .route("/ws/webrtc", get(webrtc::negotiate))
        .route(OFFER, post(webrtc::offer))
        .route("/webrtc/answer", get(webrtc::answer));
    for (second, first) in SECOND_ADDRESSES {
        router = router.route(second, any(move |app, request| forward(app, request, Uri::from_static(first))));
    }
    router
}

async fn forward(app: axum::extract::State<App>, mut request: Request, to: Uri) -> Response<Body> {
    *request.uri_mut() = to;
    let app = app.0;
    let response = handle_server_fns_with_context(move || provide_context(app.clone()), request).await;
    axum::response::IntoResponse::into_response(response)
}

/// Gives the running server function the HTTP status of its error, and says when to come back. Does nothing outside a
/// request.
pub fn set_status(error: &ApiError) {
    if let (Some(response), Ok(status)) = (use_context::<ResponseOptions>(), StatusCode::from_u16(error.status())) {
        response.set_status(status);
        if let Some(seconds) = error.retry_after_s() {
            response.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}
