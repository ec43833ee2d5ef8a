//! The recordings of the candidate's answers. One that goes on with another microphone has several parts.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::clock::now;
use super::super::recorder::{ObjectUrl, Take};
use super::{Event, Inner};
use crate::engine::link::view::Recording;

#[derive(Default)]
pub(super) struct Recordings {
    /// The answer under way. The last part is being recorded.
    open: RefCell<Vec<Part>>,
    /// Of answers that are over, and their data maybe still on its way.
    closing: RefCell<Vec<(u32, Part)>>,
    kept: RefCell<Vec<(Recording, ObjectUrl)>>,
}

/// A recording by one microphone.
struct Part {
    take: Take,
    /// Its data, which comes when it is stopped, or when its microphone goes away.
    url: Rc<RefCell<Option<ObjectUrl>>>,
    /// How long was spoken in it. Zero while it is under way.
    spoken_ms: u64,
}

impl Inner {
    /// Records from here on, so that the first word of an answer is on it.
    pub(super) fn start_recording(&self) {
        if self.session.options.borrow().record && self.media.recordings.open.borrow().is_empty() {
            self.record_part();
        }
    }

    /// Another microphone has taken the place of the one before: the recording goes on with that.
    pub(super) fn record_on(&self) {
        let so_far = self.view.borrow().answer_so_far(now()).map_or(0, |(_, spoken_ms)| spoken_ms);
        // Out of the cell first: no borrow is held while the browser is called.
        let mut parts = self.media.recordings.open.take();
        let before = spoken(&parts);
        let Some(last) = parts.last_mut() else { return };
        last.spoken_ms = so_far.saturating_sub(before);
        last.take.stop();
        // Nobody needs a recording of silence.
        parts.retain(|it| it.spoken_ms > 0);
        self.media.recordings.open.replace(parts);
        self.record_part();
    }

    fn record_part(&self) {
        // `stream.clone()` would be the DOM's method: another stream, with live tracks that nobody stops.
        let stream = self.media.mic.borrow().as_ref().map(|mic| Clone::clone(mic.stream()));
        let Some(stream) = stream else { return };
        let url = Rc::default();
        let take = {
            let (push, url) = (self.pusher(), Rc::clone(&url));
            Take::start(&stream, move |data| {
                RefCell::replace(&url, Some(data));
                push(Event::Recorded);
            })
        };
        match take {
            Ok(take) => self.media.recordings.open.borrow_mut().push(Part { take, url, spoken_ms: 0 }),
            Err(error) => leptos::logging::warn!("recording: {error}"),
        }
    }

    /// Nobody answered: the recording is thrown away.
    pub(super) fn drop_recording(&self) {
        drop(self.media.recordings.open.take());
    }

    /// The answer is complete.
    pub(super) fn stop_recording(&self, question: u32, spoken_ms: u64) {
        let mut parts = self.media.recordings.open.take();
        let before = spoken(&parts);
        if let Some(last) = parts.last_mut().filter(|it| it.spoken_ms == 0) {
            last.spoken_ms = spoken_ms.saturating_sub(before);
            last.take.stop();
        }
        self.media.recordings.closing.borrow_mut().extend(parts.into_iter().map(|part| (question, part)));
        self.keep_recordings();
    }

    /// The interview ends in the middle of an answer.
    pub(super) fn finish_recording(&self) {
        let answer = self.view.borrow().answer_so_far(now());
        match answer {
            Some((question, spoken_ms)) => self.stop_recording(question, spoken_ms),
            None => self.drop_recording(),
        }
    }

    /// Keeps what has its data and its question.
    pub(super) fn keep_recordings(&self) {
        let recordings = &self.media.recordings;
        let mut waiting = Vec::new();
        for (question, part) in recordings.closing.take() {
            match part.url.take() {
                Some(url) => {
                    let recording = Recording { question, url: url.as_str().to_owned(), spoken_ms: part.spoken_ms };
                    recordings.kept.borrow_mut().push((recording, url));
                }
                None => waiting.push((question, part)),
            }
        }
        recordings.closing.replace(waiting);
        let all = recordings.kept.borrow().iter().map(|(recording, _)| recording.clone()).collect();
        self.screen.recordings.show(all);
    }
}

fn spoken(parts: &[Part]) -> u64 {
    parts.iter().map(|it| it.spoken_ms).sum()
}
