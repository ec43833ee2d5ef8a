//! Sound on its way between a page and a call: what nobody takes in time is dropped, the oldest first.
//!
//! Events have a queue of their own and are never dropped. Sound is worth something for a moment only, and a page whose
//! network is slow shall hear what is said now.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::engine::audio::MOST_KEPT;

/// A bounded queue with one end to put sound in and one to take it out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    waiting: Mutex<VecDeque<Bytes>>,
    most: usize,
    news: Notify,
}

/// What a page hears and says on the Socket route.
#[derive(Clone, Debug)]
pub struct Sound {
    pub to_page: Lane,
    pub from_page: Lane,
}

impl Sound {
    /// Frames of 20 ms that wait for a page: three seconds. More would be heard long after it was said.
    const TO_PAGE: usize = 150;
    /// And for us: a second more than a page sends at once after its line was cut.
    const FROM_PAGE: usize = MOST_KEPT + 50;

    #[must_use]
    pub fn new() -> Self {
        Self { to_page: Lane::new(Self::TO_PAGE), from_page: Lane::new(Self::FROM_PAGE) }
    }

    /// Forgets what waits, both ways.
    pub fn clear(&self) {
        self.to_page.clear();
        self.from_page.clear();
    }
}

impl Default for Sound {
    fn default() -> Self {
        Self::new()
    }
}

impl Lane {
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Inner { waiting: Mutex::default(), most, news: Notify::new() }))
    }

    /// Puts a frame in, and drops the oldest if there are too many.
    pub fn push(&self, frame: Bytes) {
        {
            let mut waiting = self.waiting();
            if waiting.len() >= self.0.most {
                waiting.pop_front();
            }
            waiting.push_back(frame);
        }
        self.0.news.notify_one();
    }

    /// Takes the oldest frame, and waits for one. Can be given up without loss.
    pub async fn pop(&self) -> Bytes {
        loop {
            if let Some(frame) = self.try_pop() {
                return frame;
            }
            self.0.news.notified().await;
        }
    }

    /// Takes the oldest frame that is there.
    #[must_use]
    pub fn try_pop(&self) -> Option<Bytes> {
        self.waiting().pop_front()
    }

    /// Forgets what waits.
    pub fn clear(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Bytes>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_dropped_where_nobody_takes_it() {
        let lane = Lane::new(3);
        for n in 0..10 {
            lane.push(Bytes::from(vec![n]));
        }
        let left: Vec<_> = std::iter::from_fn(|| lane.try_pop()).map(|it| it[0]).collect();
        assert_eq!(left, [7, 8, 9]);
        lane.push(Bytes::new());
        lane.clear();
        assert_eq!(lane.try_pop(), None);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let lane = Lane::new(3);
        let waits = tokio::spawn({
            let lane = lane.clone();
            async move { (lane.pop().await, lane.pop().await) }
        });
        tokio::task::yield_now().await;
        lane.push(Bytes::from_static(b"a"));
        lane.push(Bytes::from_static(b"b"));
        assert_eq!(waits.await.unwrap(), (Bytes::from_static(b"a"), Bytes::from_static(b"b")));
    }
}
