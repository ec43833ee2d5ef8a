//! The server: router, sessions, the director that conducts an interview, WebRTC, and the embedded provider.

pub mod auth;
pub mod carry;
pub mod clock;
pub mod config;
#[cfg(feature = "faults")]
pub mod faults;
#[path = "server/faults/inert.rs"]
#[cfg(not(feature = "faults"))]
pub mod faults;
pub mod headers;
pub mod health;
pub mod ice;
pub mod limit;
pub mod listen;
pub mod media;
pub mod metrics;
pub mod network;
pub mod provider;
pub mod relay;
pub mod room;
pub mod router;
pub mod routes;
pub mod rtc;
pub mod site;
pub mod voice;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::config::{Config, ProviderKind};
use self::health::Health;
use self::metrics::Metrics;
use self::provider::{Provider, ProviderError};
use self::room::Rooms;
use self::rtc::{Port, PortError, PortSettings};
use self::voice::persona::Persona;
use crate::engine::interview::plan::{Plan, lengths};

/// How often what was measured is summed up.
const SUM_UP: Duration = Duration::from_secs(5);

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
    /// Every session.
    pub rooms: Rooms,
    /// The sums of everything.
    pub metrics: Metrics,
    /// What is broken, if anything is.
    pub health: Health,
    /// The embedded interviewer, where it conducts the interviews.
    pub voice: Option<voice::Provider>,
    /// Where the media of every call is received.
    pub port: Option<Port>,
}

impl App {
    /// A server that has not begun to listen, and the provider that conducts its interviews.
    #[must_use]
    pub fn new(config: Config, provider: Provider) -> Self {
        let leptos = config.leptos_options();
        let config = Arc::new(config);
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let metrics = Metrics::default();
        let rooms = Rooms::new(Arc::clone(&config), provider, metrics.clone(), shutdown.clone(), tasks.clone());
        Self { config, leptos, shutdown, tasks, rooms, metrics, health: Health::default(), voice: None, port: None }
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("the embedded interviewer does not start: {0}")]
    Voice(#[from] voice::StartError),
    #[error("cannot listen on {0}: {1} (VIVAVOCE_PROVIDER_ADDR sets another address)")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("cannot listen on {0}: {1} (METRICS_ADDR sets another address)")]
    Metrics(SocketAddr, #[source] io::Error),
}

impl App {
    /// A server with the provider that its settings name; the embedded one is started with it.
    ///
    /// # Errors
    /// [`AppError`] when a port is taken or the voice is damaged.
    pub async fn start(config: Config) -> Result<Self, AppError> {
        let port = Port::open(&PortSettings::from(&config)).await?;
        let embedded = match config.provider_kind() {
            ProviderKind::Embedded => Some(embed(&config, port.clone()).await?),
            ProviderKind::Hosted { .. } => None,
        };
        let address = embedded.as_ref().map_or(config.provider_addr, |it| it.address);
        let provider = Provider::of(&config, address)?;
        let mut app = Self::new(config, provider);
        app.rooms = app.rooms.receiving_on(port.clone());
        app.port = Some(port);
        if let Some(Embedded { voice, listener, .. }) = embedded {
            warm(&voice, u32::from(app.config.session_minutes));
            app.voice = Some(voice.clone());
            let (router, limits) = (voice::serve::router(voice.clone()), listen::Limits::default());
            let shutdown = app.shutdown.clone();
            app.tasks.spawn(async move {
                listen::serve(listener, router, shutdown, limits).await;
                voice.close().await;
            });
        }
        let (metrics, shutdown) = (app.metrics.clone(), app.shutdown.clone());
        app.tasks.spawn(async move {
            let mut again = tokio::time::interval(SUM_UP);
            while shutdown.run_until_cancelled(again.tick()).await.is_some() {
                metrics.sum_up();
            }
        });
        if let Some(wanted) = app.config.metrics_addr {
            let listener = TcpListener::bind(wanted).await.map_err(|error| AppError::Metrics(wanted, error))?;
            let (router, shutdown) = (routes::metrics::alone(app.clone()), app.shutdown.clone());
            app.tasks.spawn(listen::serve(listener, router, shutdown, listen::Limits::default()));
        }
        Ok(app)
    }
}

struct Embedded {
    voice: voice::Provider,
    listener: TcpListener,
    address: SocketAddr,
}

async fn embed(config: &Config, port: Port) -> Result<Embedded, AppError> {
    let wanted = config.provider_addr;
    let voice = voice::Provider::start(voice::Settings::try_from(config)?, port)?;
    let listener = TcpListener::bind(wanted).await.map_err(|error| AppError::Listen(wanted, error))?;
    let address = listener.local_addr().map_err(|error| AppError::Listen(wanted, error))?;
    Ok(Embedded { voice, listener, address })
}

/// Makes ready what the practice interview is going to say, so that it costs nothing when it is said.
fn warm(voice: &voice::Provider, longest: u32) {
    let speaker = voice.speaker().clone();
    tokio::task::spawn_blocking(move || {
        for (minutes, ..) in lengths(longest) {
            for text in Plan::practice(minutes).known_texts() {
                speaker.warm([text.as_str()], &Persona::mariam());
            }
        }
    });
}

impl FromRef<App> for LeptosOptions {
    fn from_ref(app: &App) -> Self {
        app.leptos.clone()
    }
}
