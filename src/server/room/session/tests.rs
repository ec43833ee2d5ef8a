use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing_subscriber::fmt::MakeWriter;

use super::super::{PageId, Seen, Sound};
use super::calls::Way;
use super::*;
use crate::api::Exchanged;
use crate::engine::interview::EndReason;
use crate::engine::protocol::room::{AiState, PageMessage, PageStats, RoomEvent, RoomMessage};
use crate::server::config::Config;

fn session() -> Session {
    let config = Config::with_environment(&[]).unwrap();
    let provider = Provider::of(&config, config.provider_addr).unwrap();
    let limits =
        Limits { idle: Duration::from_secs(600), cost_cap: None, spend: Spend::new(None), metrics: Metrics::default() };
    Session::open("s", Plan::practice(5), None, provider, MemoryLog::default(), limits, TaskTracker::new())
}

/// A page comes, and this is what it is told.
fn join(session: &mut Session, seen: Option<Seen>) -> mpsc::Receiver<RoomMessage> {
    let (lane, events) = mpsc::channel(512);
    session.join(Page::new(PageId(u64::from(session.joins)), lane, Sound::new(), Arc::default()), seen);
    events
}

fn first(mut events: mpsc::Receiver<RoomMessage>) -> RoomEvent {
    events.try_recv().unwrap().event
}

/// What was logged, as JSON.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Listens on this thread, which is the only one that runs the tasks of a test. Were there but one subscriber, a line that
    /// another test comes to first would be off for good.
    fn listen(&self) -> (DefaultGuard, Dispatch) {
        let subscriber = tracing_subscriber::fmt().json().with_writer(self.clone()).finish();
        (set_default(subscriber), Dispatch::new(NoSubscriber::default()))
    }

    /// The lines of sessions.
    fn sessions(&self) -> Vec<Value> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = written.split(|it| *it == b'\n').filter_map(|it| serde_json::from_slice::<Value>(it).ok());
        lines.map(|mut it| it["fields"].take()).filter(|it| it["message"] == "session").collect()
    }
}

/// What a page tells that was loaded at `began` and has been there for a while.
fn stats(began: f64, negotiations: u32, relay_seconds: u32, candidate: &str) -> PageMessage {
    PageMessage::Stats(Box::new(PageStats {
        stream_started_at: Some(began),
        negotiation_ms: Some(began * 100.0),
        negotiations,
        first_audio_ms: Some(began * 1_000.0),
        latency_sum_ms: 300.0 * f64::from(negotiations),
        response_count: negotiations,
        candidate_type: Some(candidate.to_owned()),
        relay_seconds,
        relay_bytes: 10 * u64::from(relay_seconds),
        ice_restarts: negotiations - 1,
        stalls: 1,
        gaps: 2,
        ..PageStats::default()
    }))
}

/// S003-11, S003-29, S004-14..17: whoever loads the page again takes nothing back of what was measured before.
#[tokio::test]
async fn the_line_of_a_session_sums_up_all_its_pages() {
    let (mut session, log) = (session(), Log::default());
    let _listening = log.listen();
    for message in [stats(1.0, 1, 100, "relay"), stats(1.0, 3, 200, "relay"), stats(2.0, 1, 4, "host")] {
        session.page_says(&message);
    }
    session.direct(Input::End(EndReason::Finished));
    let lines = log.sessions();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for (field, expected) in [
        ("ended", Value::from("finished")),
        ("negotiation_ms", 100.0.into()),
        ("negotiations", 3.into()),
        ("first_audio_ms", 1_000.0.into()),
        ("latency_sum_ms", 1_200.0.into()),
        ("response_count", 4.into()),
        ("latency_mean_ms", 300.0.into()),
        ("relay_seconds", 204.into()),
        ("relay_bytes", 2_040.into()),
        ("ice_restarts", 2.into()),
        ("stalls", 2.into()),
        ("gaps", 4.into()),
        ("candidate_type", "host".into()),
    ] {
        assert_eq!(lines[0][field], expected, "{field}");
    }
}

/// What a page says in words of its own is none of ours: the log has one of few.
#[tokio::test]
async fn the_line_of_a_session_has_no_words_of_a_page() {
    let (mut session, log) = (session(), Log::default());
    let _listening = log.listen();
    let said = |it: &str| Some(it.repeat(9_000));
    let stats = PageStats { candidate_type: said("you"), transport: said("and me"), ..PageStats::default() };
    session.page_says(&PageMessage::Stats(Box::new(stats)));
    session.direct(Input::End(EndReason::Finished));
    let lines = log.sessions();
    assert_eq!((&lines[0]["candidate_type"], &lines[0]["transport"]), (&"other".into(), &"other".into()));
}

/// A server that is replaced in the middle of an interview still says what was measured in it; and nothing twice.
#[tokio::test]
async fn a_server_that_stops_logs_the_session_that_runs() {
    for (over, ended) in [(false, "shutdown"), (true, "finished")] {
        let (mut session, log, shutdown) = (session(), Log::default(), CancellationToken::new());
        let _listening = log.listen();
        session.page_says(&stats(1.0, 1, 7, "relay"));
        if over {
            session.direct(Input::End(EndReason::Finished));
        }
        shutdown.cancel();
        let (_mailbox, inbox) = mpsc::channel(1);
        session.run(inbox, shutdown, Duration::from_secs(60), || ()).await;
        let lines = log.sessions();
        assert_eq!((lines.len(), &lines[0]["ended"]), (1, &Value::from(ended)));
        assert_eq!(lines[0]["relay_seconds"], 7);
    }
}

#[tokio::test]
async fn a_page_that_comes_is_a_sign_of_the_candidate() {
    let mut session = session();
    let alone = session.director.poll_timeout();
    let _page = join(&mut session, None);
    assert!(session.director.poll_timeout() > alone);
}

/// A page that missed more than is kept is told everything, and not a part of it.
#[tokio::test]
async fn a_page_that_missed_too_much_is_welcomed_anew() {
    for (missed, welcomed) in [(1, false), (400, false), (401, true), (1_000, true)] {
        let mut session = session();
        drop(join(&mut session, None));
        let seen = Seen { epoch: session.numbering, after: session.events };
        (0..missed).for_each(|_| session.tell(RoomEvent::AiState { state: AiState::Thinking }));
        let told = first(join(&mut session, Some(seen)));
        assert_eq!(matches!(told, RoomEvent::Welcome(_)), welcomed, "{missed} events: {told:?}");
    }
}

/// A session whose page has call 1 on the Socket route and tries call 2 with the provider itself, and then loses its room
/// channel. Answers what it has seen.
fn torn() -> (Session, Seen) {
    let mut session = session();
    let page = join(&mut session, None);
    session.page_says(&PageMessage::Call { epoch: Epoch(1), after: None, heard: 0 });
    session.calls += 1;
    let (reply, _answered) = oneshot::channel();
    let made = (Exchanged { answer: String::new(), call: session.calls }, "rtc_2".to_owned());
    session.inside(session.attempt, FromTask::Made { answer: Ok(made), restart: false, reply });
    assert_eq!((number(&session), session.pending.is_some(), session.orphan_until()), (Some(1), true, None));
    let seen = Seen { epoch: session.numbering, after: session.events };
    drop(page);
    session.page = None;
    session.end_orphan();
    assert_eq!((number(&session), session.pending.is_some()), (Some(1), true), "who knows which of them is in use?");
    assert!(session.orphan_until().is_some() && session.pending_until().is_none(), "both wait");
    (session, seen)
}

fn number(session: &Session) -> Option<u32> {
    session.call.as_ref().map(|it| it.number)
}

/// S003-20: a try that came to nothing takes no call from a page whose room channel breaks.
#[tokio::test]
async fn a_page_that_is_back_for_its_call_has_it_and_nothing_else() {
    let (mut session, seen) = torn();
    let _page = join(&mut session, Some(seen));
    session.page_says(&PageMessage::Call { epoch: Epoch(3), after: Some(1), heard: 0 });
    session.end_orphan();
    assert_eq!((number(&session), session.calls), (Some(1), 2), "the same call");
    assert!(session.pending.is_none() && session.orphan_until().is_none());
}

/// A page that was on the new call already has lost its leave of the old one with the room channel, and no more.
#[tokio::test]
async fn a_page_that_is_back_with_another_call_is_led_on_that() {
    for word in [PageMessage::Ready, PageMessage::Bye { epoch: Epoch(1) }] {
        let (mut session, seen) = torn();
        let _page = join(&mut session, Some(seen));
        assert_eq!(number(&session), Some(1), "nothing is said yet");
        session.page_says(&word);
        assert_eq!(number(&session), Some(2), "{word:?}");
        assert!(session.call.as_ref().is_some_and(Call::is_direct) && session.pending.is_none(), "{word:?}");
    }
    let (mut session, _) = torn();
    if let Some(Call { way: Way::Socket { until, .. }, .. }) = &mut session.call {
        *until = Some(Instant::now());
    }
    session.drop_overdue();
    session.end_orphan();
    assert_eq!(number(&session), Some(2), "nobody came back for the other one");
}

/// A page that was loaded anew has neither.
#[tokio::test]
async fn a_page_that_is_loaded_anew_during_a_try_has_no_call() {
    let (mut session, _) = torn();
    let _page = join(&mut session, None);
    assert_eq!((number(&session), session.pending.is_some()), (None, false));
}
