//! A session on a virtual clock, with a provider that does what it is told.

use serde_json::json;

use super::*;
use crate::engine::protocol::server::{ContentAt, Response};

pub(super) const RULES: Rules = Rules {
    patience: Patience {
        wait: Duration::from_millis(1_600),
        silence: Duration::from_millis(400),
        padding: Duration::from_millis(300),
    },
    exact: true,
    transcription: None,
    idle: Duration::from_secs(600),
    began_at: 1_000_000_000_000,
    prices: Prices::FREE,
    cost_cap: None,
};

pub(super) struct Sim {
    pub(super) now: Tick,
    pub(super) director: Director,
    pub(super) told: Vec<RoomEvent>,
    pub(super) log: Vec<Record>,
    /// What the provider was asked to say.
    pub(super) said: Vec<String>,
    pub(super) hung_up: bool,
    pub(super) cancels: u32,
    pub(super) responses: u32,
    /// Responses that this call was asked for and that were not made.
    pub(super) owed: u32,
    pub(super) items: u32,
    pub(super) interruptible: bool,
    /// What a new call was told of the old ones.
    pub(super) replayed: Vec<String>,
}

impl Sim {
    pub(super) fn new(minutes: u32) -> Self {
        let opened = Record::Opened { plan: Plan::practice(minutes), application_id: None, started_at: 0 };
        let state = State::fold("s", [&opened]);
        Self {
            now: Tick::ZERO,
            director: Director::new(RULES, state, Tick::ZERO),
            told: vec![],
            log: vec![opened],
            said: vec![],
            hung_up: false,
            cancels: 0,
            responses: 0,
            owed: 0,
            items: 0,
            interruptible: false,
            replayed: vec![],
        }
    }

    /// In the room, with the greeting asked for.
    pub(super) fn entered(minutes: u32) -> Self {
        let mut sim = Self::new(minutes);
        sim.send(Input::CallOpen);
        sim.send(Input::Page(&PageMessage::Ready));
        sim
    }

    /// The first question was asked and the candidate may speak.
    pub(super) fn asked(minutes: u32) -> Self {
        let mut sim = Self::entered(minutes);
        sim.speak_out(4_000);
        sim.speak_out(3_000);
        sim
    }

    pub(super) fn send(&mut self, input: Input<'_>) {
        let opens = matches!(input, Input::CallOpen | Input::CarriedOpen);
        if opens {
            self.owed = 0;
        }
        self.director.handle(self.now, input);
        self.carry_out();
        if opens {
            // The least that a server says to our opening.
            self.director.handle(self.now, Input::Provider(&ServerEvent::SessionUpdated { session: json!({}) }));
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.director.poll_command() {
            match command {
                Command::Append(record) => self.log.push(record),
                Command::Tell(event) => self.told.push(event),
                Command::Send(ClientEvent::ResponseCreate { response: Some(params) }) => {
                    self.owed += 1;
                    let metadata = params.metadata.unwrap_or_default();
                    let say: Vec<_> =
                        (0..16).filter_map(|n| metadata.get(&format!("say{n}"))?.as_str().map(str::to_owned)).collect();
                    self.said.push(say.concat());
                }
                Command::Send(ClientEvent::SessionUpdate { session }) => {
                    self.interruptible = session["audio"]["input"]["turn_detection"]["interrupt_response"] == true;
                }
                Command::Send(ClientEvent::ConversationItemCreate { item, .. }) => {
                    self.replayed.extend(item.content.into_iter().flatten().filter_map(|it| it.text));
                }
                Command::Send(ClientEvent::ResponseCancel { .. }) => self.cancels += 1,
                Command::Send(other) => panic!("{other:?}"),
                Command::Hangup => self.hung_up = true,
            }
        }
    }

    pub(super) fn wait(&mut self, ms: u64) {
        let until = self.now.after(Duration::from_millis(ms));
        while let Some(at) = self.director.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.send(Input::Timeout);
        }
        self.now = until;
    }

    pub(super) fn provider(&mut self, event: &ServerEvent) {
        self.send(Input::Provider(event));
    }

    pub(super) fn begin(&mut self) -> String {
        self.responses += 1;
        self.owed = self.owed.saturating_sub(1);
        let id = format!("resp{}", self.responses);
        self.provider(&ServerEvent::ResponseCreated { response: Response { id: id.clone(), ..Response::default() } });
        self.provider(&ServerEvent::OutputStarted { response_id: id.clone() });
        let at =
            ContentAt { response_id: id.clone(), item_id: format!("ai{}", self.responses), ..ContentAt::default() };
        let delta = self.said.last().cloned().unwrap_or_default();
        self.provider(&ServerEvent::OutputTranscriptDelta { at, delta });
        id
    }

    /// The provider says what it was asked to, for `ms`.
    pub(super) fn speak_out(&mut self, ms: u64) {
        let id = self.begin();
        self.wait(ms);
        let response = Response { id: id.clone(), status: "completed".to_owned(), ..Response::default() };
        self.provider(&ServerEvent::ResponseDone { response });
        self.provider(&ServerEvent::OutputStopped { response_id: id });
        if self.director.parting().is_some() {
            self.wait(400);
        }
    }

    pub(super) fn start_talking(&mut self) {
        self.items += 1;
        let (audio_start_ms, item_id) = (self.now.as_ms().saturating_sub(300), format!("u{}", self.items));
        self.provider(&ServerEvent::SpeechStarted { audio_start_ms, item_id });
    }

    pub(super) fn stop_talking(&mut self) {
        self.wait(400);
        let (audio_end_ms, item_id) = (self.now.as_ms(), format!("u{}", self.items));
        self.provider(&ServerEvent::SpeechStopped { audio_end_ms, item_id });
    }

    /// The words of what was said last are known.
    pub(super) fn transcribe(&mut self, text: &str) {
        self.transcribe_item(self.items, text);
    }

    pub(super) fn transcribe_item(&mut self, item: u32, text: &str) {
        self.provider(&ServerEvent::InputTranscriptCompleted {
            item_id: format!("u{item}"),
            content_index: 0,
            transcript: text.to_owned(),
            usage: serde_json::Value::Null,
            logprobs: None,
            languages: None,
        });
    }

    /// The candidate speaks for `ms` and waits until the turn is over.
    pub(super) fn answer(&mut self, ms: u64) {
        self.start_talking();
        self.wait(ms);
        self.stop_talking();
        self.wait(1_200);
    }

    pub(super) fn answers(&self) -> Vec<usize> {
        self.director.state().report().questions.iter().map(|it| it.answers.len()).collect()
    }

    pub(super) fn last_said(&self) -> &str {
        self.said.last().map_or("", String::as_str)
    }
}
