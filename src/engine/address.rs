//! The addresses of the site, and what is at each of them.

use super::wording::is_application_id;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// What this is, and one click into a practice interview.
    Start,
    /// Lobby, room and report; with the id of an application the same page (S003-50).
    Interview {
        application_id: Option<String>,
    },
    /// The id in the path cannot be that of an application.
    BadApplication,
    NotFound,
}

impl Address {
    /// Reads the path of a URL.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        match path {
            "" => Self::Start,
            "/interview" => Self::Interview { application_id: None },
            _ => match path.strip_prefix("/interview/new/") {
                Some(id) if is_application_id(id) => Self::Interview { application_id: Some(id.to_owned()) },
                Some(id) if !id.contains('/') => Self::BadApplication,
                _ => Self::NotFound,
            },
        }
    }

    /// What the browser's tab says at first.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Start => "Practise a job interview by voice",
            Self::Interview { .. } => "Before you start",
            Self::BadApplication => "Link not valid",
            Self::NotFound => "Not found",
        }
    }

    /// Whether there is anything at this address.
    #[must_use]
    pub const fn exists(&self) -> bool {
        matches!(self, Self::Start | Self::Interview { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s003_50_paths_lead_where_they_should() {
        let interview = |id: Option<&str>| Address::Interview { application_id: id.map(str::to_owned) };
        for (path, expected) in [
            ("/", Address::Start),
            ("/interview", interview(None)),
            ("/interview/", interview(None)),
            ("/interview/new/app_1-B", interview(Some("app_1-B"))),
            ("/interview/new/", Address::NotFound),
            ("/interview/new/a%20b", Address::BadApplication),
            ("/interview/new/a/b", Address::NotFound),
            ("/interviews", Address::NotFound),
            ("/no/such/page", Address::NotFound),
        ] {
            assert_eq!(Address::of(path), expected, "{path}");
        }
    }
}
