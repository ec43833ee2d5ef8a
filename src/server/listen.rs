//! The accept loop. axum's own sets no header time-out and does not wait for its connections' end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// What one listener grants its clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// Until a request's head is complete, from the moment that the connection is ready for one. It ends idle
    /// connections too.
    pub head: Duration,
    /// For requests in flight, once the server is asked to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 2_000, head: Duration::from_secs(5), drain: Duration::from_secs(10) }
    }
}

/// Serves `router` until `shutdown`, then lets requests in flight finish.
///
/// HTTP/1.1 with upgrades; TLS and HTTP/2 are a proxy's. Handlers find the client's address as `ConnectInfo<SocketAddr>`.
/// A connection that was upgraded belongs to its handler, which must watch `shutdown` itself.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let accept = async {
            // A closed semaphore cannot be: nobody closes it.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), shutdown.clone(), limits);
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, or a client that left at once. Either passes.
                tracing::warn!(%error, "could not accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "closing connections that did not finish in time");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: CancellationToken, limits: Limits) {
    // Captions and signalling are small and urgent.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::Notify,
        task::JoinHandle,
        time::Instant,
    };

    use super::*;

    const BRISK: Limits = Limits { connections: 2, head: Duration::from_millis(200), drain: Duration::from_secs(2) };

    async fn start(router: Router) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        (address, shutdown.clone(), tokio::spawn(serve(listener, router, shutdown, BRISK)))
    }

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn handlers_learn_the_address_of_the_client() {
        let router = Router::new()
            .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }));
        let (address, ..) = start(router).await;
        assert!(ask(address).await.ends_with("127.0.0.1"));
    }

    #[tokio::test]
    async fn silent_and_dawdling_clients_are_shown_out_and_free_their_place() {
        let (address, ..) = start(Router::new().route("/", get(|| async { "here" }))).await;
        let begin = Instant::now();
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut dawdling = TcpStream::connect(address).await.unwrap();
        dawdling.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        // Both places are taken: this one waits for them to be thrown out.
        let answer = timeout(Duration::from_secs(5), ask(address)).await.expect("a place becomes free");
        assert!(answer.ends_with("here"));
        assert!(begin.elapsed() >= BRISK.head);
        let mut rest = Vec::new();
        silent.read_to_end(&mut rest).await.unwrap();
        dawdling.read_to_end(&mut rest).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_in_flight_is_answered_before_the_server_ends() {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
            move || async move {
                entered.notify_one();
                leave.notified().await;
                "done"
            }
        };
        let (address, shutdown, server) = start(Router::new().route("/", get(handler))).await;
        let answer = tokio::spawn(ask(address));
        entered.notified().await;
        shutdown.cancel();
        leave.notify_one();
        assert!(answer.await.unwrap().ends_with("done"));
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_never_ends_does_not_keep_the_server() {
        let (address, shutdown, server) = start(Router::new().route("/", get(std::future::pending::<()>))).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        shutdown.cancel();
        timeout(Duration::from_secs(5), server).await.unwrap().unwrap();
    }
}
