//! The parts without which no interview can be conducted, and which of them is broken.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::App;
use super::rtc::Port;
use crate::api::ApiError;

/// How long the provider's answer holds: anybody may ask us, and shall not make us ask the provider each time.
const FRESH: Duration = Duration::from_secs(5);

/// A part that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// `provider`, `budget`, `media port`, `log` or `server`.
    pub part: &'static str,
    pub why: &'static str,
}

/// Looks at the parts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Known>>>);

/// What the provider answered lately.
#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    why: Option<&'static str>,
}

impl Health {
    /// The parts of `app` that are broken now.
    pub async fn broken(&self, app: &App) -> Vec<Broken> {
        let provider = self.provider(app).await;
        Self::parts(app, provider)
    }

    /// The parts of `app` that are known to be broken. Waits for nobody: of the provider it has the answer of before, if there
    /// is one.
    #[must_use]
    pub fn known(&self, app: &App) -> Vec<Broken> {
        let provider = self.0.try_lock().ok().and_then(|it| it.as_ref()?.why);
        Self::parts(app, provider)
    }

    fn parts(app: &App, provider: Option<&'static str>) -> Vec<Broken> {
        let mut broken = Vec::new();
        if app.shutdown.is_cancelled() {
            broken.push(Broken { part: "server", why: "stopping" });
        }
        if let Some(why) = provider {
            broken.push(Broken { part: "provider", why });
        }
        if app.rooms.is_out_of_money() {
            broken.push(Broken { part: "budget", why: "spent" });
        }
        if !app.port.as_ref().is_none_or(Port::is_open) {
            broken.push(Broken { part: "media port", why: "closed" });
        }
        if !app.rooms.log().is_whole() {
            broken.push(Broken { part: "log", why: "damaged" });
        }
        broken
    }

    /// What is wrong with the provider. Whoever asks meanwhile waits for the same answer.
    async fn provider(&self, app: &App) -> Option<&'static str> {
        let mut known = self.0.lock().await;
        if let Some(Known { at, why }) = *known
            && at.elapsed() < FRESH
        {
            return why;
        }
        let why = match app.rooms.provider().probe().await.map_err(|error| error.logged()) {
            Ok(()) => None,
            Err(ApiError::Upstream { fault, .. }) => Some(fault.name()),
            Err(_) => Some("refused"),
        };
        *known = Some(Known { at: Instant::now(), why });
        why
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::Config;
    use crate::server::provider::Provider;

    #[tokio::test]
    async fn a_log_that_broke_is_named() {
        let config = Config::with_environment(&[]).unwrap();
        let provider = Provider::of(&config, config.provider_addr).unwrap();
        let app = App::new(config, provider);
        let log = Broken { part: "log", why: "damaged" };
        assert!(!app.health.broken(&app).await.contains(&log));
        app.rooms.log().damage();
        assert!(app.health.broken(&app).await.contains(&log));
    }
}
