//! Which provider conducts the interviews, and whether what was set for it fits together.

use axum::http::{HeaderValue, Uri};
use clap::ValueEnum;
use secrecy::{ExposeSecret as _, SecretString};

use super::Config;

/// Where OpenAI answers when no base URL is set.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// The end of every Azure resource's GA base URL.
const AZURE_PATH: &str = "/openai/v1";
/// The domain of Azure's resources.
const AZURE_DOMAIN: &str = ".openai.azure.com";
/// What `OPENAI_TRANSCRIPTION_MODEL` says when nothing is to be written down.
const OFF: &str = "off";

/// How a provider elsewhere wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// OpenAI itself.
    Openai,
    /// Azure OpenAI: the key travels as `api-key`, and calls are made with an ephemeral key alone.
    Azure,
    /// Any other server of the OpenAI Realtime protocol. The key is optional.
    Compatible,
}

/// Who speaks and listens.
#[derive(Clone, Debug)]
pub enum ProviderKind {
    /// The interviewer inside this binary.
    Embedded,
    /// A server of the OpenAI Realtime protocol elsewhere.
    Hosted {
        preset: Preset,
        /// Without a slash at the end: `https://api.openai.com/v1`.
        base_url: String,
        /// A compatible server may do without.
        key: Option<SecretString>,
    },
}

impl Config {
    /// Who conducts the interviews.
    #[must_use]
    pub fn provider_kind(&self) -> ProviderKind {
        let Some(preset) = self.preset().filter(|_| !self.realtime_disabled) else { return ProviderKind::Embedded };
        let base_url = self.openai_base_url.as_deref().unwrap_or(OPENAI_BASE_URL);
        ProviderKind::Hosted { preset, base_url: base_url.to_owned(), key: self.openai_api_key.clone() }
    }

    /// The model that writes the candidate's words down, wherever that happens. None: nobody does.
    #[must_use]
    pub fn transcription(&self) -> Option<&str> {
        Some(self.transcription_model.as_str()).filter(|it| !it.eq_ignore_ascii_case(OFF))
    }

    /// What `PROVIDER` says, or failing that what key and base URL mean.
    fn preset(&self) -> Option<Preset> {
        self.provider.or(match (&self.openai_base_url, &self.openai_api_key) {
            (Some(base_url), _) if is_azure(base_url) => Some(Preset::Azure),
            (Some(_), _) => Some(Preset::Compatible),
            (None, Some(_)) => Some(Preset::Openai),
            (None, None) => None,
        })
    }

    /// Whether the settings of the provider fit together: what does not, in one line.
    pub(super) fn check_provider(&self) -> Result<(), &'static str> {
        let odd = |key: &SecretString| HeaderValue::from_str(key.expose_secret()).is_err();
        if self.transcription_key.as_ref().is_some_and(odd) {
            return Err("TRANSCRIPTION_KEY holds a character that no key has");
        }
        let ProviderKind::Hosted { preset, base_url, key } = self.provider_kind() else { return Ok(()) };
        match preset {
            Preset::Openai if key.is_none() => return Err("PROVIDER=openai needs OPENAI_API_KEY"),
            Preset::Azure if self.openai_base_url.is_none() || key.is_none() => {
                return Err(
                    "PROVIDER=azure needs OPENAI_BASE_URL (https://NAME.openai.azure.com/openai/v1) and OPENAI_API_KEY",
                );
            }
            Preset::Azure if !base_url.ends_with(AZURE_PATH) => {
                return Err("PROVIDER=azure needs an OPENAI_BASE_URL that ends in /openai/v1");
            }
            Preset::Compatible if self.openai_base_url.is_none() => {
                return Err("PROVIDER=compatible needs OPENAI_BASE_URL (https://HOST/v1)");
            }
            Preset::Openai | Preset::Azure | Preset::Compatible => {}
        }
        // Anything else cannot be sent as a header, which would be found out with the first candidate in the room.
        if key.is_some_and(|key| !key.expose_secret().bytes().all(|it| it.is_ascii_graphic())) {
            return Err("OPENAI_API_KEY holds a character that no key has");
        }
        Ok(())
    }
}

fn is_azure(base_url: &str) -> bool {
    base_url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| host.ends_with(AZURE_DOMAIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("OPENAI_API_KEY", "k");

    /// S003-65, S003-67
    #[test]
    fn provider_follows_key_base_url_and_switch() {
        let kind = |environment: &[(&str, &str)]| match Config::with_environment(environment).unwrap().provider_kind() {
            ProviderKind::Embedded => "embedded".to_owned(),
            ProviderKind::Hosted { preset, base_url, key } => {
                let key = key.map_or_else(|| "-".to_owned(), |it| it.expose_secret().to_owned());
                format!("{preset:?} {base_url} {key}")
            }
        };
        let azure = ("OPENAI_BASE_URL", "https://house.openai.azure.com/openai/v1/");
        for (environment, expected) in [
            (&[][..], "embedded"),
            (&[("OPENAI_API_KEY", "")], "embedded"),
            (&[KEY], "Openai https://api.openai.com/v1 k"),
            (&[("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/")], "Compatible http://127.0.0.1:9/v1 -"),
            (&[KEY, ("OPENAI_BASE_URL", "https://a.example/v1")], "Compatible https://a.example/v1 k"),
            (&[KEY, azure], "Azure https://house.openai.azure.com/openai/v1 k"),
            (&[KEY, azure, ("PROVIDER", "compatible")], "Compatible https://house.openai.azure.com/openai/v1 k"),
            (
                &[KEY, ("OPENAI_BASE_URL", "https://a.example/v1"), ("PROVIDER", "openai")],
                "Openai https://a.example/v1 k",
            ),
            (&[KEY, ("OPENAI_REALTIME_DISABLED", "1")], "embedded"),
            (&[("PROVIDER", "azure"), ("OPENAI_REALTIME_DISABLED", "1")], "embedded"),
        ] {
            assert_eq!(kind(environment), expected, "{environment:?}");
        }
    }

    #[test]
    fn a_preset_that_lacks_something_says_what_in_one_line() {
        let base = ("OPENAI_BASE_URL", "https://house.openai.azure.com/openai/v1");
        for (environment, expected) in [
            (&[("PROVIDER", "openai")][..], "OPENAI_API_KEY"),
            (&[("PROVIDER", "azure")], "OPENAI_BASE_URL (https://NAME.openai.azure.com/openai/v1) and OPENAI_API_KEY"),
            (&[("PROVIDER", "azure"), KEY], "OPENAI_BASE_URL"),
            (&[("PROVIDER", "azure"), base], "OPENAI_API_KEY"),
            (&[base], "OPENAI_API_KEY"),
            (&[("OPENAI_BASE_URL", "https://house.openai.azure.com"), KEY], "/openai/v1"),
            (&[("PROVIDER", "compatible"), KEY], "OPENAI_BASE_URL"),
            (&[("PROVIDER", "cohere")], "'cohere' for '--provider"),
            (&[("OPENAI_API_KEY", "a b")], "OPENAI_API_KEY"),
        ] {
            let error = Config::with_environment(environment).unwrap_err().to_string();
            assert!(error.contains(expected) && error.lines().count() == 1, "{error:?} should name {expected:?}");
        }
    }

    #[test]
    fn the_transcription_model_can_be_switched_off() {
        for (value, expected) in [
            ("", Some("gpt-4o-mini-transcribe")),
            ("my-deployment", Some("my-deployment")),
            ("off", None),
            ("OFF", None),
        ] {
            let config = Config::with_environment(&[("OPENAI_TRANSCRIPTION_MODEL", value)]).unwrap();
            assert_eq!(config.transcription(), expected, "{value:?}");
        }
    }
}
