//! Where settings come from, as data: nothing here is read twice, and tests bring their own.

use std::{collections::HashMap, convert::Infallible, ffi::OsString, fs, io, path::Path};

use axum::http::Uri;
use clap::{Arg, CommandFactory as _, FromArgMatches as _, error::ErrorKind};
use secrecy::SecretString;
use toml::{Table, Value};

use super::Config;
use crate::engine::interview::cost::MicroUsd;

/// The file with the settings, and its copy inside the binary.
const FILE: &str = "Leptos.toml";
const BUILT_IN: &str = include_str!("../../../Leptos.toml");

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Help or version: to be printed, nothing is wrong.
    #[error("{0}")]
    Shown(String),
    /// A value does not fit, or an argument is unknown.
    #[error("{0}")]
    Value(String),
    #[error("{file}: {reason}")]
    File { file: String, reason: String },
}

/// Environment and files, without the command line.
#[derive(Debug, Default)]
pub struct Sources {
    environment: HashMap<String, String>,
    settings: Table,
}

impl Sources {
    /// Environment, `.env` and `Leptos.toml` of this process.
    ///
    /// # Errors
    /// A file exists and cannot be read or understood.
    pub fn of_process() -> Result<Self, ConfigError> {
        let mut environment = dotenv(Path::new(".env"))?;
        environment.extend(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        let beside_binary = std::env::current_exe().ok().and_then(|it| Some(it.parent()?.join(FILE)));
        let file = [Some(Path::new(FILE).to_owned()), beside_binary].into_iter().flatten().find(|it| it.is_file());
        let mut sources = Self { environment, settings: Table::new() };
        sources.add_settings("built-in Leptos.toml", BUILT_IN)?;
        if let Some(file) = file {
            let name = file.display().to_string();
            let text = fs::read_to_string(&file).map_err(|error| bad_file(&name, &error))?;
            sources.add_settings(&name, &text)?;
        }
        Ok(sources)
    }

    /// The built-in file and these variables alone.
    ///
    /// # Errors
    /// None in practice: a test reads the built-in file.
    pub fn of_environment(variables: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut sources = Self { environment, settings: Table::new() };
        sources.add_settings("built-in Leptos.toml", BUILT_IN)?;
        Ok(sources)
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(|it| it.trim()).filter(|it| !it.is_empty())
    }

    /// Lays the tables of a `Leptos.toml` over what is there.
    fn add_settings(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let mut file: Table = text.parse().map_err(|error: toml::de::Error| bad_file(name, &error.message()))?;
        let leptos =
            ["package", "metadata", "leptos"].iter().try_fold(&file, |table, key| table.get(*key)?.as_table()).cloned();
        let own = match file.remove("vivavoce") {
            Some(Value::Table(own)) => own,
            Some(_) => return Err(bad_file(name, &"`vivavoce` must be a table")),
            None => Table::new(),
        };
        let command = Config::command();
        if let Some(unknown) = own.keys().find(|key| !command.get_arguments().any(|argument| key_of(argument) == **key))
        {
            return Err(bad_file(name, &format_args!("unknown setting `{unknown}` in [vivavoce]")));
        }
        self.settings.extend(leptos.unwrap_or_default());
        self.settings.extend(own);
        Ok(())
    }

    /// Parses `arguments` with everything else as their defaults, so that one parser checks every source.
    pub(super) fn parse(&self, arguments: impl IntoIterator<Item = OsString>) -> Result<Config, ConfigError> {
        let command = Config::command().mut_args(|argument| self.with_default(argument));
        let matches = command.try_get_matches_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ConfigError::Shown(error.to_string()),
            _ => ConfigError::Value(first_line(&error)),
        })?;
        Config::from_arg_matches(&matches).map_err(|error| ConfigError::Value(first_line(&error)))
    }

    fn with_default(&self, argument: Arg) -> Arg {
        let Some(variable) = argument.get_env().and_then(|it| it.to_str()).map(str::to_owned) else { return argument };
        let value = self
            .environment(&variable)
            .map(str::to_owned)
            .or_else(|| self.settings.get(&key_of(&argument)).map(text_of))
            .or_else(|| (argument.get_id() == "provider_key").then(random_key))
            .filter(|it| !it.is_empty());
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        // clap's own `env` would read the process' environment behind our back, and show its values in the help.
        let argument = argument.env(None::<&str>).required(false).help(format!("{help} [env: {variable}]"));
        match value {
            Some(value) => argument.default_value(value),
            None => argument,
        }
    }
}

/// The name of a setting in `Leptos.toml`.
fn key_of(argument: &Arg) -> String {
    argument.get_id().as_str().replace('_', "-")
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A sum in US dollars, up to a million.
pub(super) fn usd(text: &str) -> Result<MicroUsd, String> {
    let dollars: f64 = text.parse().map_err(|_| "not a number of dollars".to_owned())?;
    if !(0.0..=1e6).contains(&dollars) {
        return Err("0 to 1000000 dollars".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10^12")]
    Ok((dollars * 1e6).round() as MicroUsd)
}

/// 256 random bits in hexadecimal.
fn random_key() -> String {
    rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dotenv(file: &Path) -> Result<HashMap<String, String>, ConfigError> {
    match dotenvy::from_path_iter(file) {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(|error| bad_file(".env", &error)),
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(bad_file(".env", &error)),
    }
}

fn bad_file(file: &str, reason: &dyn ToString) -> ConfigError {
    ConfigError::File { file: file.to_owned(), reason: reason.to_string() }
}

/// clap explains at length; a log wants one line.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

pub(super) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

/// A base URL without the slash at its end.
pub(super) fn base_url(text: &str) -> Result<String, &'static str> {
    let fits = text
        .parse::<Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none());
    if fits {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("expected an address like https://api.openai.com/v1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(environment: &[(&str, &str)], file: &str) -> Result<Sources, ConfigError> {
        let mut sources = Sources::of_environment(environment)?;
        sources.add_settings("Leptos.toml", file)?;
        Ok(sources)
    }

    fn max_sessions(arguments: &[&str], environment: &[(&str, &str)], file: &str) -> u32 {
        let arguments = std::iter::once("vivavoce").chain(arguments.iter().copied()).map(OsString::from);
        sources(environment, file).unwrap().parse(arguments).unwrap().max_sessions
    }

    #[test]
    fn command_line_wins_over_environment_over_file_over_built_in() {
        let file = "[vivavoce]\nmax-sessions = 3";
        assert_eq!(max_sessions(&[], &[], ""), 100);
        assert_eq!(max_sessions(&[], &[], file), 3);
        assert_eq!(max_sessions(&[], &[("MAX_SESSIONS", "4")], file), 4);
        assert_eq!(max_sessions(&["--max-sessions", "5"], &[("MAX_SESSIONS", "4")], file), 5);
        assert_eq!(max_sessions(&[], &[("MAX_SESSIONS", "")], file), 3);
    }

    #[test]
    fn leptos_options_come_from_their_own_table_and_lists_from_arrays() {
        let file =
            "[package.metadata.leptos]\nsite-addr = \"127.0.0.1:4000\"\n[vivavoce]\npublic-ip = [\"1.2.3.4\", \"::1\"]";
        let config = sources(&[], file).unwrap().parse(["vivavoce".into()]).unwrap();
        assert_eq!(config.site_addr.port(), 4000);
        assert_eq!(config.public_ip.len(), 2);
        assert_eq!(config.leptos_options().output_name.as_ref(), "vivavoce");
    }

    #[test]
    fn a_bad_setting_is_one_line_that_names_it() {
        for (environment, file, expected) in [
            (("LEPTOS_SITE_ADDR", "nowhere"), "", "invalid value 'nowhere' for '--site-addr <ADDR>'"),
            (("SESSION_MINUTES", "0"), "", "invalid value '0' for '--session-minutes <MINUTES>'"),
            (("PUBLIC_URL", "example.org"), "", "--public-url"),
            (("OPENAI_BASE_URL", "example.org"), "", "--openai-base-url"),
            (("CORS_ORIGINS", "https://a.example,nonsense"), "", "'nonsense' for '--cors-origins"),
            (("LOG_FORMAT", "xml"), "", "--log-format"),
            (("PRACTICE", ""), "[vivavoce]\nmax-sesions = 1", "unknown setting `max-sesions`"),
            (("PRACTICE", ""), "[vivavoce", "Leptos.toml: "),
        ] {
            let error =
                sources(&[environment], file).and_then(|it| it.parse(["vivavoce".into()])).unwrap_err().to_string();
            assert!(error.contains(expected) && error.lines().count() == 1, "{error:?} should name {expected:?}");
        }
    }

    #[test]
    fn dotenv_is_optional_but_must_be_readable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        assert!(dotenv(&file).unwrap().is_empty());
        fs::write(&file, "# comment\nMAX_SESSIONS=7\nOPENAI_API_KEY=\n").unwrap();
        assert_eq!(dotenv(&file).unwrap()["MAX_SESSIONS"], "7");
        fs::write(&file, "not a line\n").unwrap();
        assert!(dotenv(&file).is_err());
    }
}
