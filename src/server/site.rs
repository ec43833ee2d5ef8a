//! The site: pages that Leptos renders, and the files that belong to them.
//!
//! The one place of the server that knows the page.

mod files;

use any_spawner::Executor;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use leptos::{
    nonce::use_nonce,
    prelude::{provide_context, use_context},
};
use leptos_axum::{ResponseOptions, handle_server_fns_with_context, render_app_to_stream_with_context};

use super::{App, faults, headers::content_security_policy};
use crate::engine::address::Address;
use crate::engine::interview::plan::House;
use crate::ui::shell::{Assets, shell};

/// Whether this binary (or, in a development build, the disk) holds a browser part to send.
#[must_use]
pub fn is_built(app: &App) -> bool {
    assets(app).is_some()
}

/// Adds the pages, the server functions and the files to `router`. Server functions find the [`App`] by `use_context`.
pub fn add_to(router: Router<App>) -> Router<App> {
    // Rendering spawns. A second router finds the executor set, which is as well.
    _ = Executor::init_tokio();
    router
        .route("/", get(page))
        .route("/interview", get(page))
        .route("/interview/new/{application_id}", get(page))
        .route("/api/{*function}", any(server_function))
        .fallback(file_or_not_found)
}

async fn server_function(State(app): State<App>, request: Request) -> Response {
    let context = move || provide_context(app.clone());
    handle_server_fns_with_context(context, request).await.into_response()
}

/// What a rendering page finds as context; it also announces the nonce of its inline script.
fn page_context(app: &App) -> impl Fn() + Clone + Send + Sync + 'static {
    let reload_port = app.config.watched.then_some(app.config.reload_port);
    move || {
        // A server function runs in the same context, without a page and without a nonce.
        if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
            && let Some(policy) = content_security_policy(Some(&nonce), reload_port)
        {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
}

/// The page at the request's address, with the status of what is there.
async fn page(State(app): State<App>, request: Request) -> Response {
    let address = Address::of(request.uri().path());
    let found = address.exists();
    let context = page_context(&app);
    let house = house(&app);
    let view = move || shell(app.leptos.clone(), assets(&app), address.clone(), house);
    let mut response = render_app_to_stream_with_context(context, view)(request.map(Body::new)).await;
    if !found {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

fn house(app: &App) -> House {
    let config = &app.config;
    House {
        longest: u32::from(config.session_minutes),
        transcribes: app.rooms.provider().transcribes(),
        webrtc: config.webrtc_route(),
        use_webrtc: config.use_webrtc,
        fallback: config.webrtc_fallback,
        sealed: config.sealed,
    }
}

/// A release holds one set of names for ever; a development build looks again, since the next build renames them.
fn assets(app: &App) -> Option<Assets> {
    let (folder, name) = (&app.leptos.site_pkg_dir, &app.leptos.output_name);
    let newest = |extension| files::newest(folder, name, extension).map(|path| format!("/{path}"));
    Some(Assets { first: faults::SCRIPT, js: newest("js")?, wasm: newest("wasm")?, css: newest("css") })
}

/// Files of the site; for anything else the page that says so, or a word where a page is no use.
async fn file_or_not_found(State(app): State<App>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::NOT_FOUND, "not found").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(file) = files::respond(path, &app.leptos.site_pkg_dir, request.headers()) {
        return file;
    }
    let asks_for_a_page = path.rsplit('/').next().is_some_and(|last| !last.contains('.')) && !path.starts_with("api/");
    if !asks_for_a_page {
        return (StatusCode::NOT_FOUND, "not found").into_response();
    }
    page(State(app), request).await
}
