//! The embedded provider: a Realtime server with a voice and ears of its own, and no language model.
//!
//! [`Provider`] owns the sessions; [`serve::router`] is its face over HTTP. A call is one task that owns
//! the peer connection and the session; everybody else writes into its mailbox. A session over a WebSocket is one task
//! that owns the socket.

pub mod call;
pub mod ears;
pub mod flood;
pub mod g711;
pub mod keys;
pub mod lexicon;
pub mod persona;
pub mod serve;
pub mod session;
pub mod socket;
pub mod sound;
pub mod speech;
pub mod transcribe;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::WebSocket;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::call::{Call, Command};
use self::keys::{KeyError, Keys};
use self::session::{Session, Transport};
use self::speech::{Speaker, SpeechError};
use self::transcribe::{Desk, TranscribeError, Transcriber};
use crate::engine::protocol::session::{Refusal, SessionConfig};
use crate::server::clock;
use crate::server::config::Config;
use crate::server::rtc::{OfferError, Peer, Port};

/// How the embedded provider is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What clients carry as bearer key.
    pub key: SecretString,
    /// Sessions at the same time, over WebRTC and WebSocket together; one more is refused with 429.
    pub max_sessions: usize,
    /// A peer that was not heard for so long is gone.
    pub gone_after: Duration,
    /// A peer that never connected is gone after this.
    pub connect_within: Duration,
    /// The longest that a session may last.
    pub session_limit: Duration,
    /// Who writes down what the candidates say, if anybody does.
    pub transcriber: Option<Transcriber>,
}

impl Settings {
    /// The defaults, with a key.
    #[must_use]
    pub fn new(key: SecretString) -> Self {
        Self {
            key,
            max_sessions: 100,
            gone_after: Duration::from_secs(10),
            connect_within: Duration::from_secs(20),
            session_limit: Duration::from_secs(60 * 60),
            transcriber: None,
        }
    }
}

impl TryFrom<&Config> for Settings {
    type Error = StartError;

    fn try_from(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            transcriber: Transcriber::of(config)?,
            // A session that comes back after a cut has two calls until the lost one is noticed.
            max_sessions: usize::try_from(config.max_sessions).unwrap_or(usize::MAX).saturating_mul(2),
            ..Self::new(config.provider_key.clone())
        })
    }
}

/// Why the provider could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Voice(#[from] SpeechError),
    #[error(transparent)]
    Transcriber(#[from] TranscribeError),
}

/// Why there is no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Offer(#[from] OfferError),
    #[error(transparent)]
    Session(#[from] Refusal),
    #[error("There are as many sessions as this server takes.")]
    Busy,
    #[error("The server is stopping.")]
    Stopping,
    /// In the service's own words.
    #[error("No session found for the provided call_id")]
    Unknown,
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// An ephemeral key that was made.
#[derive(Clone, Debug)]
pub struct Minted {
    pub value: SecretString,
    /// Seconds since the Unix epoch.
    pub expires_at: u64,
    /// The session that it starts, as it is echoed.
    pub session: Value,
}

/// The provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

/// Every session by name. One over a WebSocket takes no commands.
type Places = HashMap<String, Option<mpsc::Sender<Command>>>;

#[derive(Debug)]
struct Inner {
    settings: Settings,
    port: Port,
    speaker: Speaker,
    places: Mutex<Places>,
    keys: Mutex<Keys>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

impl Provider {
    /// Loads the voice. Calls receive on `port`.
    ///
    /// # Errors
    /// [`StartError`] if the voice is damaged.
    pub fn start(settings: Settings, port: Port) -> Result<Self, StartError> {
        let speaker = Speaker::new()?;
        let (tasks, closed) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self(Arc::new(Inner {
            settings,
            port,
            speaker,
            places: Mutex::default(),
            keys: Mutex::default(),
            tasks,
            closed,
        })))
    }

    /// Ends all calls with a good-bye.
    pub async fn close(&self) {
        self.0.closed.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        lock(&self.0.places).len()
    }

    /// The voice, for texts that are known before they are needed: see [`Speaker::warm`].
    #[must_use]
    pub fn speaker(&self) -> &Speaker {
        &self.0.speaker
    }

    /// The configuration of a session that a client starts with `start`. It has no end yet.
    ///
    /// # Errors
    /// [`CallError::Session`].
    pub fn configure(&self, start: &Value) -> Result<SessionConfig, CallError> {
        let config = SessionConfig::new(&format!("sess_{:016x}", rand::random::<u64>()), 0);
        Ok(config.started_with(start)?)
    }

    /// Makes an ephemeral key that starts one session, within `seconds`.
    ///
    /// # Errors
    /// [`CallError::Session`] or [`CallError::Key`].
    pub fn mint(&self, start: &Value, seconds: u64) -> Result<Minted, CallError> {
        let config = self.configure(start)?;
        let (session, now) = (config.echo(), clock::unix_s());
        let expires_at = now + seconds;
        let value = lock(&self.0.keys).mint(config, expires_at, now)?.into();
        Ok(Minted { value, expires_at, session })
    }

    /// Whether an ephemeral key would start a session.
    ///
    /// # Errors
    /// [`KeyError`] but [`KeyError::Full`].
    pub fn check(&self, key: &str) -> Result<(), KeyError> {
        lock(&self.0.keys).check(key, clock::unix_s()).map(drop)
    }

    /// Uses an ephemeral key up, unless its session could not be told to its client.
    ///
    /// # Errors
    /// [`CallError::Key`] or [`CallError::Session`].
    pub fn redeem(&self, key: &str, transport: Transport) -> Result<SessionConfig, CallError> {
        let (mut keys, now) = (lock(&self.0.keys), clock::unix_s());
        transport.carries(keys.check(key, now)?)?;
        Ok(keys.redeem(key, now)?)
    }

    /// Starts a call and answers with its id and the SDP answer. The call is freed by itself when nobody connects. `config`
    /// is asked for once nothing else can fail: it may use a key up.
    ///
    /// # Errors
    /// [`CallError`] but [`CallError::Unknown`].
    pub fn create(
        &self,
        offer: &str,
        config: impl FnOnce() -> Result<SessionConfig, CallError>,
    ) -> Result<(String, String), CallError> {
        let Inner { settings, port, tasks, closed, .. } = &*self.0;
        let id = format!("rtc_{:032x}", rand::random::<u128>());
        let (commands, inbox) = mpsc::channel(call::MAILBOX);
        // Freed on every way out, a panic included.
        let place = self.place(id.clone(), Some(commands))?;
        let (registration, datagrams) = port.demux().register();
        let (peer, answer) = Peer::answer(port, registration, offer, Instant::now())?;
        let config = config()?;
        Transport::Call.carries(&config)?;
        let session = self.session(config, Transport::Call);
        let call = Call::new(id.clone(), peer, datagrams, inbox, session, self.desk(), settings);
        let stop = closed.child_token();
        tasks.spawn(async move {
            let _place = place;
            Box::pin(call.run(stop)).await;
        });
        Ok((id, answer))
    }

    /// A place for a session over a WebSocket, and what serves it there. `config` is asked for once there is a place: it may
    /// use a key up.
    ///
    /// # Errors
    /// [`CallError`] but [`CallError::Unknown`].
    pub fn open(
        &self,
        config: &dyn Fn() -> Result<SessionConfig, CallError>,
    ) -> Result<impl FnOnce(WebSocket) -> BoxFuture<'static, ()> + use<>, CallError> {
        let place = self.place(format!("socket_{:032x}", rand::random::<u128>()), None)?;
        let config = config()?;
        let (session, desk) = (self.session(config, Transport::Socket), self.desk());
        let (limit, stop, task) = (self.0.settings.session_limit, self.0.closed.child_token(), self.0.tasks.token());
        Ok(move |socket| {
            let serving = Box::pin(socket::serve(socket, session, desk, limit, stop));
            async move {
                let _held = (place, task);
                serving.await;
            }
            .boxed()
        })
    }

    /// The mailbox of a call.
    ///
    /// # Errors
    /// [`CallError::Unknown`] once the call is over, or if it never was.
    pub fn call(&self, id: &str) -> Result<mpsc::Sender<Command>, CallError> {
        lock(&self.0.places).get(id).cloned().flatten().ok_or(CallError::Unknown)
    }

    fn desk(&self) -> Desk {
        Desk::new(self.0.settings.transcriber.clone())
    }

    fn session(&self, config: SessionConfig, transport: Transport) -> Session {
        let config = config.expiring_at(clock::unix_s() + self.0.settings.session_limit.as_secs());
        Session::new(config, transport, self.0.speaker.clone(), rand::random())
    }

    fn room(&self, places: &Places) -> Result<(), CallError> {
        if self.0.closed.is_cancelled() {
            return Err(CallError::Stopping);
        }
        if places.len() >= self.0.settings.max_sessions { Err(CallError::Busy) } else { Ok(()) }
    }

    /// Takes a place for a session, until the guard goes.
    fn place(&self, name: String, commands: Option<mpsc::Sender<Command>>) -> Result<Place, CallError> {
        let mut places = lock(&self.0.places);
        self.room(&places)?;
        places.insert(name.clone(), commands);
        drop(places);
        Ok(Place { provider: self.clone(), name })
    }
}

// A panic elsewhere cannot leave either half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A session's place in the list.
struct Place {
    provider: Provider,
    name: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.provider.0.places).remove(&self.name);
    }
}
