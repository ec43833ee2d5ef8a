//! A whole server on loopback.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};
use vivavoce::server::App;
use vivavoce::server::config::Config;
use vivavoce::server::listen::{self, Limits};
use vivavoce::server::router::router;

use super::LIMIT;

/// A running server.
pub(crate) struct House {
    app: App,
    pub(crate) origin: String,
    pub(crate) http: reqwest::Client,
}

impl Drop for House {
    fn drop(&mut self) {
        self.app.shutdown.cancel();
    }
}

impl House {
    pub(crate) async fn open(environment: &[(&str, &str)]) -> Self {
        Self::with_buffer(environment, None).await
    }

    /// One for which the kernel keeps about so many bytes that are not taken by the far end.
    pub(crate) async fn with_buffer(environment: &[(&str, &str)], buffer: Option<u32>) -> Self {
        let app = App::start(Config::with_environment(environment).unwrap()).await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = buffer {
            // What is accepted inherits it.
            socket.set_send_buffer_size(bytes).unwrap();
        }
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1_024).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(listen::serve(listener, router(app.clone()), app.shutdown.clone(), Limits::default()));
        Self { app, origin, http: reqwest::Client::new() }
    }

    /// Stops as the binary does: everything ends before this does.
    pub(crate) async fn stop(self) {
        self.app.shutdown.cancel();
        self.app.tasks.close();
        timeout(LIMIT, self.app.tasks.wait()).await.unwrap();
    }

    /// What it says of itself.
    pub(crate) async fn ready(&self) -> (u16, Value) {
        let answer = self.http.get(format!("{}/readyz", self.origin)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The value of one line of `/metrics`.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = self.app.metrics.render(0);
        let value = text.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{line} in {text}")).parse().unwrap()
    }

    pub(crate) fn calls(&self) -> usize {
        self.app.voice.as_ref().unwrap().sessions()
    }

    pub(crate) async fn until_calls(&self, count: usize) {
        let start = Instant::now();
        while self.calls() != count {
            assert!(start.elapsed() < Duration::from_secs(8), "{} calls", self.calls());
            sleep(Duration::from_millis(5)).await;
        }
    }
}
