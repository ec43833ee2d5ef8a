//! What can be set, and where a value comes from.
//!
//! Every setting has one name on the command line, one in the environment and one in `Leptos.toml`. The first of these
//! that has it wins: command line, environment, `.env`, `Leptos.toml` of the working directory or beside the binary, and
//! the copy of it that was built in, which holds every default.

mod media;
mod origin;
mod provider;
mod sources;

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
};

use clap::{ArgAction, Parser, ValueEnum, builder::BoolishValueParser};
use leptos::config::LeptosOptions;
use secrecy::SecretString;

use crate::engine::interview::cost::MicroUsd;

pub use self::{
    media::{IcePolicy, VoiceRoute},
    origin::{BadOrigin, Origin},
    provider::{Preset, ProviderKind},
    sources::{ConfigError, Sources},
};

/// All settings of one server. Made once at start; `Debug` shows no secret.
#[derive(Clone, Debug, Parser)]
#[command(name = "vivavoce", version, about, max_term_width = 110)]
pub struct Config {
    /// Address and port of the page
    #[arg(long, env = "LEPTOS_SITE_ADDR", value_name = "ADDR")]
    pub site_addr: SocketAddr,
    /// Origin that people type, when a proxy stands in front (https://interviews.example.org)
    #[arg(long, env = "PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Origin>,
    /// Foreign origins that may call the API, separated by commas
    #[arg(long, env = "CORS_ORIGINS", value_name = "URLS", value_delimiter = ',')]
    pub cors_origins: Vec<Origin>,

    /// Listener of the embedded interviewer; port 0 takes any free one
    #[arg(long, env = "VIVAVOCE_PROVIDER_ADDR", value_name = "ADDR")]
    pub provider_addr: SocketAddr,
    /// Key of the embedded interviewer; random when unset
    #[arg(long, env = "VIVAVOCE_PROVIDER_KEY", value_name = "KEY", value_parser = sources::secret, hide_default_value = true)]
    pub provider_key: SecretString,
    /// Server that writes down what candidates say to the embedded interviewer (OpenAI audio API)
    #[arg(long, env = "TRANSCRIPTION_URL", value_name = "URL", value_parser = sources::base_url)]
    pub transcription_url: Option<String>,
    /// Key of that server, if it wants one
    #[arg(long, env = "TRANSCRIPTION_KEY", value_name = "KEY", value_parser = sources::secret, hide_default_value = true)]
    pub transcription_key: Option<SecretString>,
    /// UDP port of the media, one for all calls; 0 takes any free one
    #[arg(long, env = "VIVAVOCE_RTC_PORT", value_name = "PORT")]
    pub rtc_port: u16,
    /// TCP port of the media, for networks without UDP (443 passes nearly everywhere); unset, there is none
    #[arg(long, env = "VIVAVOCE_RTC_TCP_PORT", value_name = "PORT")]
    pub rtc_tcp_port: Option<u16>,
    /// Addresses to advertise for media behind NAT, separated by commas
    #[arg(long, env = "PUBLIC_IP", value_name = "IPS", value_delimiter = ',')]
    pub public_ip: Vec<IpAddr>,

    /// What WebRTC means here: a call between browser and provider, or one with this server, which carries the sound
    #[arg(long, env = "VOICE_ROUTE", value_name = "ROUTE", value_enum)]
    pub voice_route: VoiceRoute,
    /// Whether the page proposes WebRTC; else it proposes WebSocket
    #[arg(long, env = "USE_WEBRTC", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub use_webrtc: bool,
    /// Whether an interview goes on by WebSocket where WebRTC fails
    #[arg(long, env = "WEBRTC_FALLBACK", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub webrtc_fallback: bool,
    /// Give the browser no control of the provider: this server carries all sound
    #[arg(long, env = "SEALED", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub sealed: bool,
    /// STUN servers for the browser, separated by commas, or "off"; unset, two public ones for a hosted provider
    #[arg(long, env = "STUN_URLS", value_name = "URLS", value_delimiter = ',', value_parser = media::stun_url)]
    pub stun_urls: Vec<String>,
    /// TURN servers for the browser, separated by commas
    #[arg(long, env = "TURN_URLS", value_name = "URLS", value_delimiter = ',', value_parser = media::turn_url)]
    pub turn_urls: Vec<String>,
    /// Secret shared with the TURN servers, for credentials that are made per session
    #[arg(long, env = "TURN_SECRET", value_name = "SECRET", value_parser = sources::secret, hide_default_value = true)]
    pub turn_secret: Option<SecretString>,
    /// Seconds for which such a credential opens a TURN server
    #[arg(long, env = "TURN_TTL", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(60..=86_400))]
    pub turn_ttl: u32,
    /// Which candidates the browser may use
    #[arg(long, env = "ICE_POLICY", value_name = "POLICY", value_enum)]
    pub ice_policy: IcePolicy,

    /// Which provider conducts the interviews; unset, key and base URL tell
    #[arg(long, env = "PROVIDER", value_name = "NAME", value_enum)]
    pub provider: Option<Preset>,
    /// Key of a hosted provider; with it that provider conducts the interviews
    #[arg(long, env = "OPENAI_API_KEY", value_name = "KEY", value_parser = sources::secret, hide_default_value = true)]
    pub openai_api_key: Option<SecretString>,
    /// Base URL of a provider that speaks the OpenAI Realtime protocol
    #[arg(long, env = "OPENAI_BASE_URL", value_name = "URL", value_parser = sources::base_url)]
    pub openai_base_url: Option<String>,
    /// Model that the hosted provider is asked for
    #[arg(long, env = "OPENAI_REALTIME_MODEL", value_name = "NAME")]
    pub realtime_model: String,
    /// Model that writes the candidate's words down, at a hosted provider or at TRANSCRIPTION_URL; "off" for none
    #[arg(long, env = "OPENAI_TRANSCRIPTION_MODEL", value_name = "NAME")]
    pub transcription_model: String,
    /// Voice that the hosted provider is asked for
    #[arg(long, env = "OPENAI_REALTIME_VOICE", value_name = "NAME")]
    pub realtime_voice: String,
    /// Stay with the embedded interviewer even if there is a key
    #[arg(long, env = "OPENAI_REALTIME_DISABLED", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub realtime_disabled: bool,
    /// Let anybody who reaches this server start an interview that a hosted provider bills
    #[arg(long, env = "PRACTICE", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub practice: bool,

    /// What one session may cost at a hosted provider before it says goodbye, in US dollars; unset, there is no limit
    #[arg(long, env = "COST_CAP_SESSION", value_name = "USD", value_parser = sources::usd)]
    pub cost_cap_session: Option<MicroUsd>,
    /// What all sessions of a day (UTC) may cost before no new one is started, in US dollars
    #[arg(long, env = "COST_CAP_DAY", value_name = "USD", value_parser = sources::usd)]
    pub cost_cap_day: Option<MicroUsd>,

    /// Sessions that may be open at once
    #[arg(long, env = "MAX_SESSIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_sessions: u32,
    /// Sessions that one address may have open at once
    #[arg(long, env = "MAX_SESSIONS_PER_IP", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_sessions_per_ip: u32,
    /// Minutes after which a session without a sign of life ends
    #[arg(long, env = "IDLE_MINUTES", value_name = "MINUTES", value_parser = clap::value_parser!(u16).range(1..=240))]
    pub idle_minutes: u16,
    /// The longest that an interview may take, in minutes
    #[arg(long, env = "SESSION_MINUTES", value_name = "MINUTES", value_parser = clap::value_parser!(u16).range(1..=240))]
    pub session_minutes: u16,
    /// Seconds that connecting may take as a whole
    #[arg(long, env = "CONNECT_TIMEOUT", value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=300))]
    pub connect_timeout: u16,

    /// Bearer token that opens /metrics; without it, and without METRICS_ADDR, there is no such page
    #[arg(long, env = "METRICS_TOKEN", value_name = "TOKEN", value_parser = sources::secret, hide_default_value = true)]
    pub metrics_token: Option<SecretString>,
    /// Address and port where /metrics is served by itself, to whoever reaches it
    #[arg(long, env = "METRICS_ADDR", value_name = "ADDR")]
    pub metrics_addr: Option<SocketAddr>,
    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", value_enum)]
    pub log_format: LogFormat,
    /// What is logged, in the notation of tracing's EnvFilter
    #[arg(long, env = "RUST_LOG", value_name = "FILTER")]
    pub log_filter: String,

    /// Name of the browser part's files
    #[arg(long, env = "LEPTOS_OUTPUT_NAME", value_name = "NAME")]
    pub output_name: String,
    /// Folder of the built site
    #[arg(long, env = "LEPTOS_SITE_ROOT", value_name = "FOLDER")]
    pub site_root: String,
    /// Folder of the browser part's files, inside the site
    #[arg(long, env = "LEPTOS_SITE_PKG_DIR", value_name = "FOLDER")]
    pub site_pkg_dir: String,
    /// Port of cargo-leptos' reload socket
    #[arg(long, env = "LEPTOS_RELOAD_PORT", value_name = "PORT")]
    pub reload_port: u16,
    /// DEV or PROD, as Leptos understands it
    #[arg(long = "leptos-env", id = "env", env = "LEPTOS_ENV", value_name = "ENV")]
    pub env: LeptosEnv,
    /// Whether the browser part's files carry a content hash
    #[arg(long, env = "LEPTOS_HASH_FILES", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = ArgAction::Set)]
    pub hash_files: bool,

    /// Whether `cargo leptos watch` started this server and reloads its page.
    #[arg(skip)]
    pub watched: bool,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Leptos' own idea of the environment: a `Dev` page may carry the reload script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum LeptosEnv {
    #[value(alias = "dev", alias = "development")]
    Dev,
    #[value(alias = "prod", alias = "production")]
    Prod,
}

impl Config {
    /// The settings of this process: its arguments, its environment and the files around it.
    ///
    /// # Errors
    /// [`ConfigError::Shown`] when the arguments ask for help or the version, otherwise what is wrong, in one line.
    pub fn of_process() -> Result<Self, ConfigError> {
        Self::load(std::env::args_os(), &Sources::of_process()?)
    }

    /// Defaults with `environment` over them, as if the variables were set and no file existed.
    ///
    /// # Errors
    /// The first variable whose value does not fit.
    pub fn with_environment(environment: &[(&str, &str)]) -> Result<Self, ConfigError> {
        Self::load([OsString::from("vivavoce")], &Sources::of_environment(environment)?)
    }

    /// Defaults, on any free port.
    #[cfg(test)]
    #[must_use]
    pub fn for_tests() -> Self {
        Self::with_environment(&[("LEPTOS_SITE_ADDR", "127.0.0.1:0")]).expect("the defaults fit")
    }

    fn load(arguments: impl IntoIterator<Item = OsString>, sources: &Sources) -> Result<Self, ConfigError> {
        let mut config: Self = sources.parse(arguments)?;
        config.watched = sources.environment("LEPTOS_WATCH").is_some();
        config
            .check_provider()
            .and_then(|()| config.check_media())
            .map_err(|why| ConfigError::Value(why.to_owned()))?;
        Ok(config)
    }

    /// Whether anybody may start an interview without an invitation: where nobody is billed, nobody else can reach us,
    /// or the owner said so.
    #[must_use]
    pub fn open_start(&self) -> bool {
        matches!(self.provider_kind(), ProviderKind::Embedded) || self.site_addr.ip().is_loopback() || self.practice
    }

    /// Whether pages of the foreign `origin` (the value of an `Origin` header) may call the API.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let Ok(origin) = origin.parse::<Origin>() else { return false };
        self.cors_origins.contains(&origin) || (self.watched && origin.is_local())
    }

    /// The same settings as Leptos wants them.
    #[must_use]
    pub fn leptos_options(&self) -> LeptosOptions {
        LeptosOptions::builder()
            .output_name(self.output_name.as_str())
            .site_root(self.site_root.as_str())
            .site_pkg_dir(self.site_pkg_dir.as_str())
            .site_addr(self.site_addr)
            .reload_port(u32::from(self.reload_port))
            .env(match self.env {
                LeptosEnv::Dev => leptos::config::Env::DEV,
                LeptosEnv::Prod => leptos::config::Env::PROD,
            })
            .hash_files(self.hash_files)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = Config::with_environment(&[]).unwrap();
        assert_eq!(config.site_addr.to_string(), "127.0.0.1:3000");
        assert_eq!(config.provider_addr.to_string(), "127.0.0.1:0");
        assert_eq!((config.realtime_model.as_str(), config.realtime_voice.as_str()), ("gpt-realtime-2.1", "marin"));
        assert_eq!((config.max_sessions, config.max_sessions_per_ip), (100, 20));
        assert_eq!((config.idle_minutes, config.session_minutes, config.connect_timeout), (10, 30, 30));
        assert!(config.cors_origins.is_empty() && config.public_ip.is_empty() && config.public_url.is_none());
        assert!(!config.practice && !config.watched && !config.sealed);
        assert_eq!((config.ice_policy, config.turn_ttl), (IcePolicy::All, 900));
        assert!(config.turn_urls.is_empty() && config.metrics_token.is_none() && config.metrics_addr.is_none());
    }

    #[test]
    fn a_cost_cap_is_a_sum_in_dollars_or_absent() {
        for (value, expected) in [
            ("", Some(None)),
            ("1.5", Some(Some(1_500_000))),
            ("0.01", Some(Some(10_000))),
            ("-1", None),
            ("NaN", None),
            ("1e12", None),
        ] {
            let config = Config::with_environment(&[("COST_CAP_SESSION", value)]);
            assert_eq!(config.ok().map(|it| it.cost_cap_session), expected, "{value}");
        }
    }

    #[test]
    fn an_open_start_that_costs_money_needs_loopback_or_practice() {
        for (environment, expected) in [
            (&[("LEPTOS_SITE_ADDR", "0.0.0.0:80")][..], true),
            (&[("OPENAI_API_KEY", "k")], true),
            (&[("OPENAI_API_KEY", "k"), ("LEPTOS_SITE_ADDR", "0.0.0.0:80")], false),
            (&[("OPENAI_API_KEY", "k"), ("LEPTOS_SITE_ADDR", "0.0.0.0:80"), ("PRACTICE", "1")], true),
        ] {
            assert_eq!(Config::with_environment(environment).unwrap().open_start(), expected, "{environment:?}");
        }
    }

    #[test]
    fn foreign_origins_are_listed_or_local_under_watch() {
        let listed =
            Config::with_environment(&[("CORS_ORIGINS", "https://a.example, http://b.example:8080/")]).unwrap();
        let watched = Config::with_environment(&[("LEPTOS_WATCH", "true")]).unwrap();
        for (config, origin, expected) in [
            (&listed, "https://a.example", true),
            (&listed, "http://b.example:8080", true),
            (&listed, "http://a.example", false),
            (&listed, "http://localhost:5173", false),
            (&listed, "null", false),
            (&watched, "http://localhost:5173", true),
            (&watched, "http://127.0.0.1:8000", true),
            (&watched, "http://localhost.evil.example", false),
            (&watched, "https://a.example", false),
        ] {
            assert_eq!(config.allows_origin(origin), expected, "{origin}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let config = Config::with_environment(&[
            ("OPENAI_API_KEY", "hush"),
            ("VIVAVOCE_PROVIDER_KEY", "hush"),
            ("TRANSCRIPTION_KEY", "hush"),
            ("TURN_SECRET", "hush"),
            ("METRICS_TOKEN", "hush"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        let help = Config::load(
            ["vivavoce".into(), "--help".into()],
            &Sources::of_environment(&[("OPENAI_API_KEY", "hush")]).unwrap(),
        );
        let Err(ConfigError::Shown(help)) = help else { panic!("{help:?}") };
        assert!(help.contains("OPENAI_API_KEY") && help.contains("--max-sessions") && !help.contains("hush"), "{help}");
    }

    #[test]
    fn a_random_provider_key_differs_from_start_to_start() {
        let key = || Config::with_environment(&[]).unwrap().provider_key.expose_secret().to_owned();
        assert_eq!(key().len(), 64);
        assert_ne!(key(), key());
    }
}
