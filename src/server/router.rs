//! The router: pages, files, API, and the layers around them.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    middleware,
    response::{IntoResponse as _, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer,
};

use super::{App, headers, routes, site};

/// The longest request body: an offer of 64 KiB, escaped as JSON, with room to spare.
const MAX_BODY_BYTES: usize = 160 * 1024;
/// For a whole request, its body included. WebSockets are upgraded long before.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that the server answers.
pub fn router(app: App) -> Router {
    site::add_to(routes::routes(), &app)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::map_response_with_state(app.clone(), headers::complete))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .with_state(app)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic hook has logged it already.
    (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side").into_response()
}

/// Method and path; never the query, a header or a body, which may hold secrets or what a candidate said.
fn span(request: &Request<Body>) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}
