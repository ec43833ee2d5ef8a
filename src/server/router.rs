//! The router: pages, files, API, and the layers around them.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
    middleware,
    response::{IntoResponse as _, Response},
};
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer,
};

use super::{App, faults, headers, limit, routes, site};

/// For a whole request, its body included. WebSockets are upgraded long before.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests that change something: so many at once from one address, and one more every so often.
const BURST: u32 = 120;
const REFILL: Duration = Duration::from_millis(50);
/// How often addresses that may send as many as any are forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// Everything that the server answers. A task of its own goes with it, until the server stops.
pub fn router(app: App) -> Router {
    let pace = GovernorConfigBuilder::default()
        .key_extractor(limit::ByClient(Arc::clone(&app.config)))
        .methods(vec![Method::POST])
        .period(REFILL)
        .burst_size(BURST)
        .finish();
    let router = site::add_to(faults::add_to(routes::routes()))
        .layer(RequestBodyLimitLayer::new(limit::MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), limit::guard));
    // None only for a period or a burst of zero.
    let router = match pace {
        Some(pace) => {
            // The layer keeps every address that it has ever met.
            let (limiter, shutdown) = (Arc::clone(pace.limiter()), app.shutdown.clone());
            app.tasks.spawn(async move {
                let mut again = tokio::time::interval(FORGET);
                while shutdown.run_until_cancelled(again.tick()).await.is_some() {
                    limiter.retain_recent();
                }
            });
            router.layer(GovernorLayer::new(pace).error_handler(|error| limit::too_quick(&error)))
        }
        None => router,
    };
    router
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
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
