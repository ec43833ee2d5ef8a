//! The embedded provider: a Realtime server with a voice and ears of its own, and no language model.
//!
//! [`Provider`] owns the UDP port and the calls; [`serve::router`] is its face over HTTP. A call is one task that owns the
//! peer connection, the ears and the session; everybody else writes into its mailbox.

pub mod call;
pub mod codec;
pub mod ears;
pub mod flood;
pub mod jitter;
pub mod lexicon;
pub mod persona;
pub mod serve;
pub mod session;
pub mod speech;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::call::{Call, Command};
use self::session::Session;
use self::speech::{Speaker, SpeechError};
use crate::engine::protocol::session::{Refusal, SessionConfig};
use crate::server::clock;
use crate::server::config::Config;
use crate::server::rtc::{OfferError, Peer, Port, PortError, PortSettings};

/// How the embedded provider is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What clients carry as bearer key.
    pub key: SecretString,
    /// UDP port of all calls. Zero takes any free one.
    pub port: u16,
    /// Addresses to advertise besides this machine's own.
    pub public_ips: Vec<IpAddr>,
    /// Calls at the same time; one more is refused with 429.
    pub max_calls: usize,
    /// A peer that was not heard for so long is gone.
    pub gone_after: Duration,
    /// A peer that never connected is gone after this.
    pub connect_within: Duration,
    /// The longest that a session may last.
    pub session_limit: Duration,
}

impl Settings {
    /// The defaults, with a key.
    #[must_use]
    pub fn new(key: SecretString) -> Self {
        Self {
            key,
            port: 0,
            public_ips: Vec::new(),
            max_calls: 100,
            gone_after: Duration::from_secs(10),
            connect_within: Duration::from_secs(20),
            session_limit: Duration::from_secs(60 * 60),
        }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            port: config.rtc_port,
            public_ips: config.public_ip.clone(),
            // A session that comes back after a cut has two calls until the lost one is noticed.
            max_calls: usize::try_from(config.max_sessions).unwrap_or(usize::MAX).saturating_mul(2),
            ..Self::new(config.provider_key.clone())
        }
    }
}

/// Why the provider could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Voice(#[from] SpeechError),
}

/// Why there is no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Offer(#[from] OfferError),
    #[error(transparent)]
    Session(#[from] Refusal),
    #[error("there are as many calls as this server takes")]
    Busy,
    #[error("the server is stopping")]
    Stopping,
    #[error("no session found for the provided call_id")]
    Unknown,
}

/// The provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    port: Port,
    speaker: Speaker,
    calls: Mutex<HashMap<String, mpsc::Sender<Command>>>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

impl Provider {
    /// Opens the UDP port and loads the voice.
    ///
    /// # Errors
    /// [`StartError`] if the port is taken or the voice is damaged.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let port = Port::open(&PortSettings { port: settings.port, public_ips: settings.public_ips.clone() }).await?;
        let speaker = Speaker::new()?;
        let (tasks, closed) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self(Arc::new(Inner { settings, port, speaker, calls: Mutex::default(), tasks, closed })))
    }

    /// Ends all calls with a good-bye and frees the port.
    pub async fn close(&self) {
        self.0.closed.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.port.close();
    }

    /// How many calls there are.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.lock().len()
    }

    /// The voice, for texts that are known before they are needed: see [`Speaker::warm`].
    #[must_use]
    pub fn speaker(&self) -> &Speaker {
        &self.0.speaker
    }

    /// Starts a call and answers with its id and the SDP answer. The call is freed by itself when nobody connects.
    ///
    /// # Errors
    /// [`CallError`] but [`CallError::Unknown`].
    pub fn create(&self, offer: &str, start: &Value) -> Result<(String, String), CallError> {
        let Inner { settings, port, speaker, tasks, closed, .. } = &*self.0;
        if closed.is_cancelled() {
            return Err(CallError::Stopping);
        }
        if self.calls() >= settings.max_calls {
            return Err(CallError::Busy);
        }
        let seed: u32 = rand::random();
        let config =
            SessionConfig::new(&format!("sess_{seed:08x}"), clock::unix_s() + settings.session_limit.as_secs());
        let session = Session::new(config.started_with(start)?, speaker.clone(), seed);
        let (registration, datagrams) = port.demux().register();
        let (peer, answer) = Peer::answer(port, registration, offer, Instant::now())?;

        let id = format!("rtc_{:032x}", rand::random::<u128>());
        let (commands, inbox) = mpsc::channel(call::MAILBOX);
        self.lock().insert(id.clone(), commands);
        let call = Call::new(id.clone(), peer, datagrams, inbox, session, settings);
        let (provider, stop, name) = (self.clone(), closed.child_token(), id.clone());
        tasks.spawn(async move {
            // Freed on every way out, a panic included.
            let _place = Place { provider, name };
            Box::pin(call.run(stop)).await;
        });
        Ok((id, answer))
    }

    /// The mailbox of a call.
    ///
    /// # Errors
    /// [`CallError::Unknown`] once the call is over, or if it never was.
    pub fn call(&self, id: &str) -> Result<mpsc::Sender<Command>, CallError> {
        self.lock().get(id).cloned().ok_or(CallError::Unknown)
    }

    // A panic elsewhere cannot leave the map half written.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Command>>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place in the list.
struct Place {
    provider: Provider,
    name: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.provider.lock().remove(&self.name);
    }
}
