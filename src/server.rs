//! The server: router, sessions, the director that conducts an interview, WebRTC, and the embedded provider.

pub mod auth;
pub mod clock;
pub mod config;
pub mod headers;
pub mod limit;
pub mod listen;
pub mod provider;
pub mod room;
pub mod router;
pub mod routes;
pub mod rtc;
pub mod site;
pub mod voice;

use std::sync::Arc;

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::config::Config;

/// Everything a handler or a server function may need. Cheap to clone: fields are handles.
#[derive(Clone, Debug)]
pub struct App {
    /// What was set at start.
    pub config: Arc<Config>,
    /// What Leptos wants to know of it.
    pub leptos: LeptosOptions,
    /// Cancelled when the server is asked to stop.
    pub shutdown: CancellationToken,
    /// Tasks that outlive a request (sessions, sockets). The server waits for them at the end.
    pub tasks: TaskTracker,
}

impl App {
    /// A server that has not begun to listen.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let leptos = config.leptos_options();
        Self { config: Arc::new(config), leptos, shutdown: CancellationToken::new(), tasks: TaskTracker::new() }
    }
}

impl FromRef<App> for LeptosOptions {
    fn from_ref(app: &App) -> Self {
        app.leptos.clone()
    }
}
