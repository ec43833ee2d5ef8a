//! The candidate's words: each turn's sound goes to a transcription server, if one is set up.
//!
//! Any server with the OpenAI audio API will do ("Create transcription", `POST /v1/audio/transcriptions`).

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::session::{Session, Turn};
use crate::engine::audio::wav;
use crate::server::config::Config;

/// The end of the endpoint's address. A base URL without it gets it.
const ENDPOINT: &str = "/audio/transcriptions";
/// For the connection.
const CONNECT: Duration = Duration::from_secs(3);
/// For one turn, waiting for a slot not counted. Whoever is slower is not worth waiting for: the turn stays without words.
const EXCHANGE: Duration = Duration::from_secs(30);
/// Turns that are sent at the same time, over all calls. More wait.
const SLOTS: usize = 8;
/// Turns that are sent or wait for it, over all calls, and of one call. One more fails at once.
const MAX_TURNS: usize = 64;
const MAX_TURNS_OF_ONE: usize = 4;
/// The largest answer that is read: ten minutes of quick speech are a tenth of it.
const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// Why a turn has no words.
#[derive(Debug, thiserror::Error)]
pub enum TranscribeError {
    #[error("The transcription server is not reachable.")]
    Unreachable(#[source] reqwest::Error),
    #[error("The transcription server answered {0}.")]
    Refused(StatusCode),
    #[error("The transcription server's answer is too large or not what was asked for.")]
    BadAnswer,
    #[error("Too many turns wait for their transcription.")]
    Busy,
    #[error("This server has nobody who writes down what is said.")]
    Nobody,
}

impl TranscribeError {
    /// The `code` of the `...transcription.failed` event.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "transcription_unreachable",
            Self::Refused(_) => "transcription_refused",
            Self::BadAnswer => "transcription_bad_answer",
            Self::Busy => "transcription_busy",
            Self::Nobody => "transcription_unavailable",
        }
    }
}

/// What a session asks for (`audio.input.transcription`), as far as it is ours to pass on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// ISO 639-1.
    pub language: Option<String>,
    /// Words that are likely to come.
    pub prompt: Option<String>,
}

/// A transcription server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transcriber(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Client,
    url: String,
    key: Option<SecretString>,
    model: String,
    slots: Semaphore,
    places: Semaphore,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

impl Transcriber {
    /// The server at `url`: the endpoint itself, or the base URL that it is under.
    ///
    /// # Errors
    /// [`TranscribeError::Unreachable`] if the TLS stack cannot be set up.
    pub fn new(url: &str, key: Option<SecretString>, model: &str) -> Result<Self, TranscribeError> {
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(TranscribeError::Unreachable)?;
        let url = if url.ends_with(ENDPOINT) { url.to_owned() } else { format!("{url}{ENDPOINT}") };
        let (slots, places) = (Semaphore::new(SLOTS), Semaphore::new(MAX_TURNS));
        Ok(Self(Arc::new(Inner { http, url, key, model: model.to_owned(), slots, places })))
    }

    /// The server that `config` names, if it names one.
    ///
    /// # Errors
    /// [`TranscribeError::Unreachable`] if the TLS stack cannot be set up.
    pub fn of(config: &Config) -> Result<Option<Self>, TranscribeError> {
        let (Some(url), Some(model)) = (config.transcription_url.as_deref(), config.transcription()) else {
            return Ok(None);
        };
        Self::new(url, config.transcription_key.clone(), model).map(Some)
    }

    /// The words of a turn. `pcm`: 16 bit mono at [`RATE_HZ`](crate::engine::audio::RATE_HZ).
    ///
    /// # Errors
    /// [`TranscribeError`]: the turn stays without words.
    pub async fn transcribe(&self, pcm: &[i16], hints: &Hints) -> Result<String, TranscribeError> {
        let Inner { http, url, key, model, slots, places } = &*self.0;
        let _place = places.try_acquire().map_err(|_| TranscribeError::Busy)?;
        // Never closed.
        let _slot = slots.acquire().await.map_err(|_| TranscribeError::Busy)?;
        let sound = Part::bytes(wav(pcm)).file_name("turn.wav").mime_str("audio/wav");
        let mut form = Form::new()
            .part("file", sound.map_err(TranscribeError::Unreachable)?)
            .text("model", model.clone())
            .text("response_format", "json");
        for (name, value) in [("language", &hints.language), ("prompt", &hints.prompt)] {
            if let Some(value) = value {
                form = form.text(name, value.clone());
            }
        }
        let mut request = http.post(url).multipart(form);
        if let Some(key) = key {
            request = request.bearer_auth(key.expose_secret());
        }
        let response = request.send().await.map_err(TranscribeError::Unreachable)?;
        if !response.status().is_success() {
            return Err(TranscribeError::Refused(response.status()));
        }
        let answer: Answer = serde_json::from_slice(&read(response).await?).map_err(|_| TranscribeError::BadAnswer)?;
        Ok(answer.text.trim().to_owned())
    }
}

/// The turns of one session that are being written down. Dropping it gives them up.
#[derive(Debug)]
pub struct Desk {
    transcriber: Option<Transcriber>,
    tasks: JoinSet<Written>,
}

/// What became of a turn.
#[derive(Debug)]
pub struct Written {
    item_id: String,
    samples: usize,
    words: Result<String, TranscribeError>,
}

impl Desk {
    /// A desk at which `transcriber` writes, or nobody.
    #[must_use]
    pub fn new(transcriber: Option<Transcriber>) -> Self {
        Self { transcriber, tasks: JoinSet::new() }
    }

    /// Takes the turns that `session` wants written down.
    pub fn take(&mut self, session: &mut Session) {
        while let Some(Turn { item_id, pcm, hints }) = session.poll_turn() {
            let samples = pcm.len();
            let Some(transcriber) = self.transcriber.clone() else {
                session.transcribed(item_id, samples, Err(TranscribeError::Nobody));
                continue;
            };
            if self.tasks.len() >= MAX_TURNS_OF_ONE {
                session.transcribed(item_id, samples, Err(TranscribeError::Busy));
                continue;
            }
            self.tasks.spawn(async move {
                let words = transcriber.transcribe(&pcm, &hints).await;
                if let Err(error) = &words {
                    tracing::warn!(%error, "a turn stays without words");
                }
                Written { item_id, samples, words }
            });
        }
    }

    /// Whether a turn is being written down.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// The next turn that is done. None at once while nothing is under way.
    pub async fn next(&mut self) -> Option<Written> {
        loop {
            // A task that failed has said so.
            if let Ok(written) = self.tasks.join_next().await? {
                return Some(written);
            }
        }
    }
}

impl Written {
    /// Tells the session.
    pub fn tell(self, session: &mut Session) {
        session.transcribed(self.item_id, self.samples, self.words);
    }
}

async fn read(response: Response) -> Result<Vec<u8>, TranscribeError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(TranscribeError::Unreachable)?);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(TranscribeError::BadAnswer);
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::Router;
    use axum::extract::Multipart;
    use axum::http::{HeaderMap, header};
    use axum::response::IntoResponse as _;
    use axum::routing::post;

    use serde_json::json;

    use super::super::session::Transport;
    use super::super::speech::Speaker;
    use super::*;
    use crate::engine::protocol::server::ServerEvent;
    use crate::engine::protocol::session::SessionConfig;

    /// A transcription server that says what it got, or fails as the model's name tells it to.
    async fn server() -> SocketAddr {
        async fn transcribe(headers: HeaderMap, mut form: Multipart) -> axum::response::Response {
            let mut got = String::new();
            let mut model = String::new();
            while let Some(field) = form.next_field().await.unwrap() {
                let (name, kind) = (field.name().unwrap().to_owned(), field.content_type().map(str::to_owned));
                let bytes = field.bytes().await.unwrap();
                match name.as_str() {
                    "file" => got += &format!("{} {}..., ", kind.unwrap(), String::from_utf8_lossy(&bytes[..4])),
                    _ => got += &format!("{name}={}, ", String::from_utf8_lossy(&bytes)),
                }
                if name == "model" {
                    model = String::from_utf8_lossy(&bytes).into_owned();
                }
            }
            let key = headers.get(header::AUTHORIZATION).map_or("nobody", |it| it.to_str().unwrap());
            match model.as_str() {
                "never" => std::future::pending().await,
                "refuses" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                "talks" => "x".repeat(MAX_ANSWER_BYTES + 1).into_response(),
                "mumbles" => r#"{"words":1}"#.into_response(),
                _ => axum::Json(json!({ "text": format!(" {got}{key} ") })).into_response(),
            }
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/audio/transcriptions", post(transcribe));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    #[tokio::test]
    async fn a_turn_is_sent_as_wav_with_what_the_session_said_of_it() {
        let base = format!("http://{}/v1", server().await);
        let hints = Hints { language: Some("en".to_owned()), prompt: None };
        let with_key = Transcriber::new(&base, Some("k".into()), "m").unwrap();
        let text = with_key.transcribe(&[1, 2, 3], &hints).await.unwrap();
        assert_eq!(text, "audio/wav RIFF..., model=m, response_format=json, language=en, Bearer k");
        let endpoint = Transcriber::new(&format!("{base}{ENDPOINT}"), None, "m").unwrap();
        let text = endpoint.transcribe(&[], &Hints::default()).await.unwrap();
        assert_eq!(text, "audio/wav RIFF..., model=m, response_format=json, nobody");
    }

    #[tokio::test]
    async fn whatever_goes_wrong_has_its_code() {
        let base = format!("http://{}/v1", server().await);
        for (base, model, code) in [
            (base.as_str(), "refuses", "transcription_refused"),
            (&base, "talks", "transcription_bad_answer"),
            (&base, "mumbles", "transcription_bad_answer"),
            ("http://127.0.0.1:1/v1", "m", "transcription_unreachable"),
        ] {
            let it = Transcriber::new(base, None, model).unwrap();
            let error = it.transcribe(&[0; 10], &Hints::default()).await.unwrap_err();
            assert_eq!(error.code(), code, "{model}");
        }
    }

    /// A turn too many fails at once: of one session, and of all together.
    #[tokio::test]
    async fn turns_that_would_wait_too_long_are_refused() {
        let base = format!("http://{}/v1", server().await);
        let transcriber = Transcriber::new(&base, None, "never").unwrap();
        let config =
            SessionConfig::new("sess_test", 0).updated(&json!({ "audio": { "input": { "transcription": {} } } }));
        let mut session = Session::new(config.unwrap(), Transport::Call, Speaker::new().unwrap(), 7);
        let mut desk = Desk::new(Some(transcriber.clone()));
        for _ in 0..=MAX_TURNS_OF_ONE {
            session.listen(&[0; 16 * 200]);
            session.client(r#"{"type":"input_audio_buffer.commit"}"#);
        }
        desk.take(&mut session);
        let failed = || {
            session.poll().and_then(|it| match it.event {
                ServerEvent::InputTranscriptFailed { error, .. } => Some(error.code),
                _ => None,
            })
        };
        let told: Vec<_> = std::iter::repeat_with(failed).take(5 * MAX_TURNS_OF_ONE).flatten().collect();
        assert_eq!(told, [Some("transcription_busy".to_owned())]);

        let hints = Hints::default();
        let mut others: Vec<_> = (0..MAX_TURNS).map(|_| Box::pin(transcriber.transcribe(&[], &hints))).collect();
        for it in &mut others {
            assert!(futures::poll!(it).is_pending());
        }
        let error = transcriber.transcribe(&[], &hints).await.unwrap_err();
        assert!(matches!(error, TranscribeError::Busy), "{error}");
        others.pop();
        assert!(futures::poll!(Box::pin(transcriber.transcribe(&[], &hints))).is_pending(), "there is a place again");
    }
}
