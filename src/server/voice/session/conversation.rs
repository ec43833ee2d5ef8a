//! The items of a session, in their order.

use super::parse::Fault;
use crate::engine::protocol::server::Item;

/// The oldest items make room for new ones, as the protocol's `truncation: auto` allows.
pub(super) const MAX_ITEMS: usize = 1_000;

/// What the items may hold together. A client that writes more has to delete first.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Sound of turns that is kept, in samples: two minutes. The oldest makes room.
const MAX_SAMPLES: usize = 120 * 16_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    item: Item,
    /// How much of our sound went out for it, in milliseconds.
    sounded_ms: Option<u64>,
    /// How long the candidate's turn was, in milliseconds.
    heard_ms: u64,
    /// The candidate's turn: 16 kHz, mono.
    sound: Option<Vec<i16>>,
    bytes: usize,
}

impl Entry {
    fn new(item: Item) -> Self {
        Self { bytes: size(&item), item, sounded_ms: None, heard_ms: 0, sound: None }
    }

    fn has_id(&self, id: &str) -> bool {
        self.item.id.as_deref() == Some(id)
    }

    fn text_bytes(&self) -> usize {
        let parts = self.item.content.iter().flatten();
        let content: usize =
            parts.map(|part| len(part.text.as_ref()) + len(part.transcript.iter().flatten().next())).sum();
        content + len(self.item.arguments.as_ref()) + len(self.item.output.as_ref())
    }
}

/// What an item takes, keys and all.
fn size(item: &Item) -> usize {
    serde_json::to_string(item).map_or(0, |it| it.len())
}

fn len(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

impl Conversation {
    pub(super) fn last_id(&self) -> Option<String> {
        self.entries.last()?.item.id.clone()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        self.entry(id).map(|entry| &entry.item)
    }

    pub(super) fn items(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.entries.iter().map(|entry| &entry.item)
    }

    /// The sound of a turn of the candidate's, if it is still there: 16 kHz, mono.
    pub(super) fn sound(&self, id: &str) -> Option<&[i16]> {
        self.entry(id)?.sound.as_deref()
    }

    /// Text in all items, in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        self.entries.iter().map(Entry::text_bytes).sum()
    }

    /// Sound in all turns of the candidate's, in milliseconds.
    pub(super) fn heard_ms(&self) -> u64 {
        self.entries.iter().map(|entry| entry.heard_ms).sum()
    }

    /// Puts the words of a turn of the candidate's where its sound is, if the item is still there.
    pub(super) fn write_down(&mut self, id: &str, words: &str) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.has_id(id)) else { return };
        let sound = entry.item.content.iter_mut().flatten().find(|part| part.kind == "input_audio");
        if let Some(part) = sound {
            part.transcript = Some(Some(words.to_owned()));
            entry.bytes = size(&entry.item);
        }
    }

    fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.has_id(id))
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }

    /// Adds an item of our own at the end.
    pub(super) fn push(&mut self, item: Item) {
        self.entries.push(Entry::new(item));
        self.make_room();
    }

    /// Adds a turn of the candidate's at the end.
    pub(super) fn push_turn(&mut self, item: Item, heard_ms: u64, sound: Option<Vec<i16>>) {
        self.entries.push(Entry { heard_ms, sound, ..Entry::new(item) });
        self.make_room();
        let samples = |entry: &Entry| entry.sound.as_ref().map_or(0, Vec::len);
        let mut total: usize = self.entries.iter().map(samples).sum();
        for entry in &mut self.entries {
            if total <= MAX_SAMPLES {
                break;
            }
            total -= entry.sound.take().map_or(0, |it| it.len());
        }
    }

    /// The newest item stays whatever it holds.
    fn make_room(&mut self) {
        while self.entries.len() > 1 && (self.entries.len() > MAX_ITEMS || self.bytes() > MAX_BYTES) {
            self.entries.remove(0);
        }
    }

    /// Adds a client's item after `previous` (`root` is the front, `None` the end) and answers with the id before it.
    pub(super) fn insert(&mut self, item: Item, previous: Option<&str>) -> Result<Option<String>, Fault> {
        if item.id.as_deref().is_some_and(|id| self.get(id).is_some()) {
            let message = "The conversation already has an item with this id.";
            return Err(Fault::new("item_create_duplicate_item_id", Some("item.id"), message));
        }
        let entry = Entry::new(item);
        if self.bytes() + entry.bytes > MAX_BYTES {
            return Err(Fault::invalid("item", "The conversation is full."));
        }
        let at = match previous {
            None => self.entries.len(),
            Some("root") => 0,
            Some(id) => {
                let found = self.entries.iter().position(|entry| entry.has_id(id));
                found.ok_or_else(|| Fault::invalid("previous_item_id", "There is no such item."))? + 1
            }
        };
        let before = at.checked_sub(1).and_then(|at| self.entries.get(at)).and_then(|entry| entry.item.id.clone());
        self.entries.insert(at, entry);
        if self.entries.len() > MAX_ITEMS {
            // Not the new one, wherever it stands.
            self.entries.remove(usize::from(at == 0));
        }
        Ok(before)
    }

    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.has_id(id));
        self.entries.len() < before
    }

    /// Replaces an item of ours with what became of it. `sounded_ms`: how much of it went out, if it was spoken.
    pub(super) fn settle(&mut self, item: Item, sounded_ms: Option<u64>) {
        let Some(id) = item.id.as_deref() else { return };
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.has_id(id)) {
            entry.bytes = size(&item);
            entry.item = item;
            entry.sounded_ms = sounded_ms;
        }
    }

    /// Forgets what was not heard of an item of ours. Its transcript goes with it, because which words were heard is
    /// only known while they are being said.
    pub(super) fn truncate(&mut self, id: &str, content_index: u32, audio_end_ms: u64) -> Result<(), Fault> {
        let no_item = || Fault::no_item("item_truncate_invalid_item_id");
        let entry = self.entries.iter_mut().find(|entry| entry.has_id(id)).ok_or_else(no_item)?;
        let sounded_ms = entry.sounded_ms.ok_or_else(|| {
            Fault::new("invalid_value", Some("item_id"), "Only model output audio messages can be truncated.")
        })?;
        check_end(sounded_ms, audio_end_ms)?;
        let index = usize::try_from(content_index).unwrap_or(usize::MAX);
        let part = entry.item.content.as_mut().and_then(|content| content.get_mut(index));
        let part = part.ok_or_else(no_content)?;
        if audio_end_ms < sounded_ms {
            part.transcript = Some(Some(String::new()));
        }
        entry.sounded_ms = Some(audio_end_ms);
        Ok(())
    }
}

/// Whether sound of `sounded_ms` can end at `audio_end_ms`.
pub(super) fn check_end(sounded_ms: u64, audio_end_ms: u64) -> Result<(), Fault> {
    if audio_end_ms <= sounded_ms {
        return Ok(());
    }
    let message = format!("Audio content of {sounded_ms}ms is already shorter than {audio_end_ms}ms");
    Err(Fault::invalid("audio_end_ms", &message))
}

pub(super) fn no_content() -> Fault {
    Fault::invalid("content_index", "The item has no such content.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str) -> Item {
        Item { id: Some(id.to_owned()), kind: "message".to_owned(), ..Item::default() }
    }

    #[test]
    fn items_go_where_their_predecessor_is() {
        let mut it = Conversation::default();
        assert_eq!(it.insert(item("b"), None), Ok(None));
        assert_eq!(it.insert(item("a"), Some("root")), Ok(None));
        assert_eq!(it.insert(item("c"), Some("b")), Ok(Some("b".to_owned())));
        assert_eq!(it.insert(item("bb"), Some("b")), Ok(Some("b".to_owned())));
        let order: Vec<_> = it.entries.iter().map(|entry| entry.item.id.clone().unwrap()).collect();
        assert_eq!(order, ["a", "b", "bb", "c"]);
        assert_eq!(it.insert(item("c"), None).unwrap_err().code, "item_create_duplicate_item_id");
        assert_eq!(it.insert(item("d"), Some("nobody")).unwrap_err().param.as_deref(), Some("previous_item_id"));
    }

    #[test]
    fn the_oldest_items_make_room() {
        let mut it = Conversation::default();
        for n in 0..MAX_ITEMS + 5 {
            it.push(item(&n.to_string()));
        }
        assert_eq!(it.entries.len(), MAX_ITEMS);
        assert!(it.get("0").is_none());
        assert!(it.get("5").is_some());
        assert_eq!(it.insert(item("front"), Some("root")), Ok(None));
        assert!(it.get("front").is_some() && it.get("5").is_none());
        assert_eq!(it.entries.len(), MAX_ITEMS);
    }

    #[test]
    fn the_oldest_sound_makes_room() {
        let mut it = Conversation::default();
        for id in ["a", "b", "c"] {
            it.push_turn(item(id), 50_000, Some(vec![1; 50 * 16_000]));
        }
        assert!(it.sound("a").is_none() && it.get("a").is_some());
        assert_eq!((it.sound("b").map(<[_]>::len), it.sound("c").map(<[_]>::len)), (Some(800_000), Some(800_000)));
        assert_eq!(it.heard_ms(), 150_000);
    }
}
