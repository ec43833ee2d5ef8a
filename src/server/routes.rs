//! The routes that are not pages: API and WebSockets.

use axum::Router;

use super::App;

/// All of them, to be merged into the router.
pub fn routes() -> Router<App> {
    Router::new()
}
