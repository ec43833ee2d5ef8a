//! The door of the pages: the room channel, of which the newest page has the only end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;

use super::message::{PageId, Seen, ToSession};
use super::{Rooms, Sound};
use crate::api::ApiError;
use crate::engine::protocol::room::{PageMessage, RoomMessage};

/// Room events that wait for one page.
const PAGE_QUEUE: usize = 512;

/// A page's end of the room channel.
#[derive(Debug)]
pub struct PageLane {
    page: PageId,
    mailbox: mpsc::Sender<ToSession>,
    /// Ends when the session does not want this page any more.
    pub events: mpsc::Receiver<RoomMessage>,
    /// Sound both ways, for as long as the page has a call on the Socket route.
    pub sound: Sound,
    replaced: Arc<AtomicBool>,
}

impl PageLane {
    /// Hands on what the page says. False when the session is gone.
    pub async fn send(&self, message: PageMessage) -> bool {
        self.mailbox.send(ToSession::Page { page: self.page, message }).await.is_ok()
    }

    /// Whether the session is gone.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Whether another page has the room now.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    /// The page is gone.
    pub async fn leave(&self) {
        _ = self.mailbox.send(ToSession::Left { page: self.page }).await;
    }
}

impl Rooms {
    /// Opens the room channel of a session that the cookie owns. `seen`: what a page that comes back need not be told again.
    ///
    /// # Errors
    /// [`ApiError::Session`] if it does not.
    pub async fn join(&self, session_id: &str, cookie: Option<&str>, seen: Option<Seen>) -> Result<PageLane, ApiError> {
        let entry = self.owned(session_id, cookie)?;
        let page = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.pages += 1;
            PageId(inner.pages)
        };
        let (lane, events) = mpsc::channel(PAGE_QUEUE);
        let (sound, replaced) = (Sound::new(), Arc::<AtomicBool>::default());
        let join = ToSession::Join { page, lane, sound: sound.clone(), replaced: Arc::clone(&replaced), seen };
        entry.mailbox.send(join).await.map_err(|_| ApiError::Over)?;
        Ok(PageLane { page, mailbox: entry.mailbox, events, sound, replaced })
    }
}
