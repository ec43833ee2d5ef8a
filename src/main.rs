//! The server binary: settings, listener, a line that says where the page is, and an orderly end.

use std::{
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};
use tracing_subscriber::EnvFilter;
use vivavoce::server::{
    App, AppError,
    config::{Config, ConfigError, LogFormat},
    listen::{self, Limits},
    router::router,
    site,
};

/// For sessions and sockets to say goodbye.
const FAREWELL: Duration = Duration::from_secs(5);
/// For the first page, once the listener is there.
const FIRST_PAGE: Duration = Duration::from_secs(10);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("invalid value for RUST_LOG: {0}")]
    LogFilter(#[from] tracing_subscriber::filter::ParseError),
    #[error("cannot listen on {0}: {1} (LEPTOS_SITE_ADDR sets another address)")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the page does not answer at {0}")]
    NoPage(String),
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Config(ConfigError::Shown(text))) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            _ = writeln!(io::stderr(), "vivavoce: {error}");
            ExitCode::from(if matches!(error, StartError::Config(_) | StartError::LogFilter(_)) { 2 } else { 1 })
        }
    }
}

fn start() -> Result<(), StartError> {
    let config = Config::of_process()?;
    log_to_stderr(&config)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(config))
}

fn log_to_stderr(config: &Config) -> Result<(), StartError> {
    let log =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(&config.log_filter)?).with_writer(io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

async fn run(config: Config) -> Result<(), StartError> {
    let wanted = config.site_addr;
    let listener = TcpListener::bind(wanted).await.map_err(|error| StartError::Listen(wanted, error))?;
    let address = reachable(listener.local_addr()?);
    let public = config.public_url.as_ref().map_or_else(|| format!("http://{address}"), ToString::to_string);
    let app = App::start(config).await?;
    if !site::is_built(&app) {
        tracing::warn!("built without a browser part: pages can be read, not used (`make build` makes both)");
    }

    let stop = stop_signal()?;
    let server = tokio::spawn(listen::serve(listener, router(app.clone()), app.shutdown.clone(), Limits::default()));
    tokio::select! {
        () = stop => {}
        failed = ready(address, &public) => failed?,
    }
    tracing::info!("stopping");
    app.shutdown.cancel();
    app.tasks.close();
    if server.await.is_err() || timeout(FAREWELL, app.tasks.wait()).await.is_err() {
        tracing::warn!(left = app.tasks.len(), "some sessions did not end in time");
    }
    Ok(())
}

/// Says where the page is once it answers, then never returns.
async fn ready(address: SocketAddr, public: &str) -> Result<(), StartError> {
    let page = format!("http://{address}/");
    let answers = async {
        while !reqwest::get(&page).await.is_ok_and(|answer| answer.status().is_success()) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(FIRST_PAGE, answers).await.map_err(|_| StartError::NoPage(page.clone()))?;
    say(&format!("Vivavoce is ready: {public}\n"));
    std::future::pending().await
}

/// The address under which this machine reaches a listener that is bound to all of its own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    SocketAddr::new(ip, address.port())
}

/// Resolves when the process is asked to stop.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Prints for people; a closed pipe is not worth a crash.
fn say(text: &str) {
    let mut out = io::stdout();
    _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
