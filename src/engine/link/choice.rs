//! Which route is taken: what configuration offers, what the candidate chose of it, and what has failed.

use serde::{Deserialize, Serialize};

use super::Route;

/// How the sound is to travel, as the candidate chose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// WebRTC, and the Socket where WebRTC does not come through.
    #[default]
    Automatic,
    /// WebRTC and nothing else.
    WebRtc,
    /// The Socket and nothing else.
    WebSocket,
}

impl Choice {
    pub const ALL: [Self; 3] = [Self::Automatic, Self::WebRtc, Self::WebSocket];

    /// Those that a server offers. Without leave to fall back Automatic would promise what it cannot keep (S003-07).
    pub fn offered(fallback: bool) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |it| fallback || *it != Self::Automatic)
    }

    /// Its value in the radio group, and on the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::WebRtc => "webrtc",
            Self::WebSocket => "websocket",
        }
    }

    /// The choice of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Automatic => "Automatic",
            Self::WebRtc => "WebRTC",
            Self::WebSocket => "WebSocket",
        }
    }

    /// What it means, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Automatic => "WebRTC, or WebSocket if your network blocks it",
            Self::WebRtc => "Lowest delay; some networks block it",
            Self::WebSocket => "Works wherever web pages do",
        }
    }
}

/// Why the link went on over the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// This browser has no WebRTC.
    Unsupported,
    /// ICE failed, or found nothing to try.
    Ice,
    /// Negotiation took too long (S003-20).
    Timeout,
    /// The exchange was refused in a way that a WebSocket may get past.
    Refused,
    /// A call that had worked could not be mended.
    Lost,
}

impl Fallback {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unsupported, Self::Ice, Self::Timeout, Self::Refused, Self::Lost];

    /// Its name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Ice => "ice",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}

/// The routes of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routes {
    choice: Choice,
    /// Which route WebRTC means.
    webrtc: Route,
    /// The page's address names the route: the server's configuration does not change it.
    pinned: bool,
    /// Configuration lets Automatic fall back (S003-07).
    fallback: bool,
    /// Automatic has fallen back.
    fallen: bool,
    /// The choice that the call in use was made by, and whether it had fallen back.
    used: (Choice, bool),
}

impl Default for Routes {
    fn default() -> Self {
        Self::new(Choice::Automatic, true)
    }
}

impl Routes {
    /// The routes before anything failed.
    #[must_use]
    pub const fn new(choice: Choice, fallback: bool) -> Self {
        Self { choice, webrtc: Route::Direct, pinned: false, fallback, fallen: false, used: (choice, false) }
    }

    /// The same, where the page's address names a route.
    #[must_use]
    pub const fn pinned(self, route: Option<Route>) -> Self {
        match route {
            Some(webrtc @ (Route::Direct | Route::Relay)) => Self { webrtc, pinned: true, ..self },
            Some(Route::Socket) | None => self,
        }
    }

    /// What the candidate chose.
    #[must_use]
    pub const fn choice(&self) -> Choice {
        self.choice
    }

    /// Which route WebRTC means.
    #[must_use]
    pub const fn webrtc(&self) -> Route {
        self.webrtc
    }

    /// The route that is wanted, as if nothing had failed.
    #[must_use]
    pub const fn wanted(&self) -> Route {
        match self.choice {
            Choice::Automatic | Choice::WebRtc => self.webrtc,
            Choice::WebSocket => Route::Socket,
        }
    }

    /// The route of the next attempt.
    #[must_use]
    pub const fn next(&self) -> Route {
        if self.fallen { Route::Socket } else { self.wanted() }
    }

    /// Whether the Socket is left to fall back to.
    #[must_use]
    pub const fn can_fall_back(&self) -> bool {
        self.fallback && !self.fallen && matches!(self.choice, Choice::Automatic)
    }

    /// Whether a browser without WebRTC can have a call.
    #[must_use]
    pub const fn can_do_without_webrtc(&self) -> bool {
        self.can_fall_back() || matches!(self.next(), Route::Socket)
    }

    /// Whether the Socket is only a makeshift.
    #[must_use]
    pub const fn has_fallen(&self) -> bool {
        self.fallen
    }

    /// Says which route WebRTC means for this session.
    pub fn told(&mut self, webrtc: Route) {
        if !self.pinned && webrtc != Route::Socket {
            self.webrtc = webrtc;
        }
    }

    /// The candidate chooses. What failed before is tried again.
    pub fn choose(&mut self, choice: Choice) {
        self.choice = choice;
        self.fallen = false;
    }

    /// WebRTC is given up for now.
    pub fn fall_back(&mut self) {
        self.fallen = true;
    }

    /// WebRTC works, or is to be tried as if it never had failed.
    pub fn recover(&mut self) {
        self.fallen = false;
    }

    /// There is a call as it was chosen.
    pub fn settle(&mut self) {
        self.used = (self.choice, self.fallen);
    }

    /// A change did not work out: `route` stays. That is what Automatic is for; any other choice gives way to the one before.
    pub fn stay(&mut self, route: Route) {
        if matches!(route, Route::Socket) && self.can_fall_back() {
            self.fall_back();
        } else if self.next() != route {
            (self.choice, self.fallen) = self.used;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S000-26, S003-07: which route a choice means, and whether the Socket is left when WebRTC fails.
    #[test]
    fn a_choice_says_the_route_and_whether_there_is_another() {
        for (choice, fallback, first, after) in [
            (Choice::Automatic, true, Route::Direct, Route::Socket),
            (Choice::Automatic, false, Route::Direct, Route::Direct),
            (Choice::WebRtc, true, Route::Direct, Route::Direct),
            (Choice::WebSocket, true, Route::Socket, Route::Socket),
        ] {
            let mut routes = Routes::new(choice, fallback);
            assert_eq!(routes.next(), first, "{choice:?} {fallback}");
            if routes.can_fall_back() {
                routes.fall_back();
            }
            assert_eq!(routes.next(), after, "{choice:?} {fallback}");
            assert_eq!(routes.wanted(), first, "{choice:?} {fallback}");
        }
    }

    #[test]
    fn the_server_says_what_webrtc_means_unless_the_address_does() {
        let mut routes = Routes::default();
        routes.told(Route::Relay);
        assert_eq!(routes.next(), Route::Relay);
        routes.told(Route::Socket);
        assert_eq!(routes.next(), Route::Relay, "the Socket is no WebRTC");
        let mut routes = Routes::default().pinned(Some(Route::Direct));
        routes.told(Route::Relay);
        assert_eq!(routes.next(), Route::Direct);
    }

    #[test]
    fn a_choice_that_does_not_work_out_is_not_shown_as_if_it_did() {
        use Choice::{Automatic, WebRtc, WebSocket};
        for (used, fallen, chosen, fallback, stays, after) in [
            (WebSocket, false, WebRtc, true, Route::Socket, WebSocket),
            (WebSocket, false, WebRtc, false, Route::Socket, WebSocket),
            (WebSocket, false, Automatic, false, Route::Socket, WebSocket),
            (Automatic, true, WebRtc, true, Route::Socket, Automatic),
            (WebRtc, false, WebSocket, true, Route::Direct, WebRtc),
            (Automatic, false, WebSocket, true, Route::Direct, Automatic),
            // It may fall back, and does.
            (WebSocket, false, Automatic, true, Route::Socket, Automatic),
        ] {
            let mut routes = Routes::new(used, fallback);
            if fallen {
                routes.fall_back();
            }
            routes.settle();
            routes.choose(chosen);
            routes.stay(stays);
            assert_eq!((routes.choice(), routes.next()), (after, stays), "{used:?} to {chosen:?}, {fallback}");
        }
    }

    /// S003-07: what is not done is not promised.
    #[test]
    fn automatic_is_offered_where_it_may_fall_back() {
        assert_eq!(Choice::offered(true).collect::<Vec<_>>(), Choice::ALL);
        assert_eq!(Choice::offered(false).collect::<Vec<_>>(), [Choice::WebRtc, Choice::WebSocket]);
    }

    #[test]
    fn names_lead_back_to_their_choice() {
        for choice in Choice::ALL {
            assert_eq!(Choice::named(choice.name()), Some(choice));
        }
        assert_eq!(Choice::named("carrier pigeon"), None);
    }
}
