//! The log of every session: what was decided, in order. In memory; the director writes, resume and report read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::interview::record::Record;

/// A record did not fit: its number is not the next one. Somebody else conducts this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {given} came where {expected} was next")]
pub struct OutOfOrder {
    pub given: u64,
    pub expected: u64,
}

/// The log in memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog(Arc<Mutex<HashMap<String, Vec<Record>>>>);

impl MemoryLog {
    /// Appends record `number` (counted from 0) of `session`.
    ///
    /// # Errors
    /// [`OutOfOrder`] unless it is the next one.
    pub fn append(&self, session: &str, number: u64, record: Record) -> Result<(), OutOfOrder> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = all.entry(session.to_owned()).or_default();
        let expected = log.len() as u64;
        if number != expected {
            return Err(OutOfOrder { given: number, expected });
        }
        log.push(record);
        Ok(())
    }

    /// The records of `session` from `from` on. An unknown session has none.
    #[must_use]
    pub fn read(&self, session: &str, from: u64) -> Vec<Record> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        all.get(session).map(|log| log.iter().skip(skip).cloned().collect()).unwrap_or_default()
    }

    /// Whether nothing broke while a record was written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.0.is_poisoned()
    }

    /// Breaks while it is written.
    #[cfg(test)]
    pub(in crate::server) fn damage(&self) {
        let broken = self.clone();
        let thread = std::thread::spawn(move || {
            let _held = broken.0.lock();
            panic!("on purpose");
        });
        assert!(thread.join().is_err());
    }

    /// Forgets a session for good.
    pub fn forget(&self, session: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::interview::EndReason;

    #[test]
    fn records_keep_their_order_and_each_number_is_written_once() {
        let log = MemoryLog::default();
        let record = |at_ms| Record::Ended { reason: EndReason::Finished, at_ms };
        assert_eq!(log.append("s", 0, record(0)), Ok(()));
        assert_eq!(log.append("s", 1, record(1)), Ok(()));
        assert_eq!(log.append("s", 1, record(2)), Err(OutOfOrder { given: 1, expected: 2 }));
        assert_eq!(log.read("s", 1), [record(1)]);
        assert_eq!(log.read("t", 0), []);
        log.forget("s");
        assert_eq!(log.read("s", 0), []);
    }

    #[test]
    fn a_log_that_broke_while_it_was_written_says_so() {
        let log = MemoryLog::default();
        assert!(log.is_whole());
        log.damage();
        assert!(!log.is_whole());
    }
}
