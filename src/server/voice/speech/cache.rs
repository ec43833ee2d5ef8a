//! Encoded speech of known texts, bounded by size, the least recently used thrown out first.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::{super::persona::Persona, script::Word};

/// What makes two utterances sound the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) text: Arc<str>,
    pub(super) persona: Persona,
}

impl Key {
    pub(super) fn new(text: &str, persona: &Persona) -> Self {
        Self { text: text.into(), persona: *persona }
    }
}

/// A whole utterance: its packets one after another, and its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rendered {
    opus: Bytes,
    /// Where each packet ends.
    ends: Vec<usize>,
    words: Vec<Word>,
}

impl Rendered {
    pub(super) fn new(packets: &[Bytes], words: Vec<Word>) -> Self {
        let ends = packets.iter().scan(0, |end, packet| {
            *end += packet.len();
            Some(*end)
        });
        Self { ends: ends.collect(), opus: packets.concat().into(), words }
    }

    pub(super) fn packet(&self, index: usize) -> Option<Bytes> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(self.opus.slice(start..end))
    }

    /// How many packets there are.
    pub(super) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    fn size(&self, key: &Key) -> usize {
        key.text.len()
            + self.opus.len()
            + size_of_val(self.ends.as_slice())
            + size_of_val(self.words.as_slice())
            + size_of::<Self>()
    }
}

#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    size: usize,
    /// Counts uses, so that the oldest can be told.
    clock: u64,
    entries: HashMap<Key, (u64, Arc<Rendered>)>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, size: 0, clock: 0, entries: HashMap::new() }
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<Arc<Rendered>> {
        self.clock += 1;
        let (used, rendered) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(Arc::clone(rendered))
    }

    /// Keeps `rendered`, unless it alone is more than the limit.
    pub(super) fn put(&mut self, key: Key, rendered: Rendered) {
        let size = rendered.size(&key);
        if size > self.limit {
            return;
        }
        self.remove(&key);
        while self.size + size > self.limit {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.size += size;
        self.entries.insert(key, (self.clock, Arc::new(rendered)));
    }

    fn remove(&mut self, key: &Key) {
        if let Some((key, (_, rendered))) = self.entries.remove_entry(key) {
            self.size -= rendered.size(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text, &Persona::mariam())
    }

    fn rendered(bytes: usize) -> Rendered {
        Rendered::new(&[vec![1; bytes / 2].into(), vec![2; bytes - bytes / 2].into()], Vec::new())
    }

    #[test]
    fn packets_come_back_as_they_went_in() {
        let packets = [Bytes::from_static(b"one"), Bytes::from_static(b"three"), Bytes::from_static(b"")];
        let rendered = Rendered::new(&packets, Vec::new());
        assert_eq!((0..4).map_while(|it| rendered.packet(it)).collect::<Vec<_>>(), packets);
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_size_stays_bounded() {
        let mut cache = Cache::new(10_000);
        cache.put(key("a"), rendered(4_000));
        cache.put(key("b"), rendered(4_000));
        assert!(cache.get(&key("a")).is_some());
        cache.put(key("c"), rendered(4_000));
        let kept = ["a", "b", "c"].map(|it| cache.get(&key(it)).is_some());
        assert_eq!(kept, [true, false, true]);

        cache.put(key("huge"), rendered(20_000));
        assert!(cache.get(&key("huge")).is_none(), "one text does not throw out all others");
        for text in 0..1_000 {
            cache.put(key(&text.to_string()), rendered(500));
            cache.put(key("again"), rendered(700));
            assert!(cache.size <= 10_000);
        }
        assert_eq!(cache.size, cache.entries.iter().map(|(key, (_, it))| it.size(key)).sum::<usize>());
    }

    #[test]
    fn another_persona_is_another_utterance() {
        let mut cache = Cache::new(10_000);
        cache.put(key("hello"), rendered(100));
        assert!(cache.get(&Key::new("hello", &Persona::adam())).is_none());
    }
}
