//! The rooms and events of the stand-in. They are kept in memory. With a journal, each change is written there first.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::event::Event;
use super::journal::{Change, Journal};
use super::room::Room;

/// Rooms and events.
#[derive(Default)]
pub(super) struct Store {
    rooms: HashMap<Uuid, Room>,
    creation_order: Vec<Uuid>,
    events: HashMap<Uuid, Vec<Event>>,
    journal: Option<Journal>,
}

impl Store {
    /// Loads the journal at `path`. Later changes are appended to it.
    pub(super) fn with_journal(path: &Path) -> io::Result<Self> {
        let (journal, changes) = Journal::open(path)?;
        let mut store = Self::default();
        for change in changes {
            store.apply(change);
        }
        store.journal = Some(journal);
        Ok(store)
    }

    /// All rooms in order of creation.
    pub(super) fn rooms(&self) -> Vec<Room> {
        self.creation_order
            .iter()
            .filter_map(|id| self.rooms.get(id))
            .cloned()
            .collect()
    }

    /// The room with this id.
    pub(super) fn room(&self, id: Uuid) -> Option<&Room> {
        self.rooms.get(&id)
    }

    /// A room's events, in the order in which they were stored.
    pub(super) fn events(&self, room_id: Uuid) -> &[Event] {
        self.events.get(&room_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first stored event with this room, set and label.
    pub(super) fn original(&self, room_id: Uuid, set: &str, label: &str) -> Option<&Event> {
        self.events(room_id)
            .iter()
            .find(|event| event.set == set && event.label.as_deref() == Some(label))
    }

    /// Stores a room. It replaces a room with the same id.
    pub(super) fn put_room(&mut self, room: Room) -> io::Result<()> {
        self.change(Change::Room(room))
    }

    /// Sets the event's original, stores the event, and returns it.
    pub(super) fn push_event(&mut self, mut event: Event) -> io::Result<Event> {
        let original = event
            .label
            .as_ref()
            .and_then(|label| self.original(event.room_id, &event.set, label));
        if let Some(original) = original {
            (event.original_occurred_at, event.original_created_by) =
                (original.original_occurred_at, original.original_created_by.clone());
        }
        self.change(Change::Event(event.clone()))?;
        Ok(event)
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(&change)?;
        }
        self.apply(change);
        Ok(())
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Room(room) => {
                let id = room.id;
                if self.rooms.insert(id, room).is_none() {
                    self.creation_order.push(id);
                }
            }
            Change::Event(event) => self.events.entry(event.room_id).or_default().push(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::event_service::event::NewEvent;
    use crate::event_service::{RoomKind, RoomTime, jsonb};

    /// The path of a journal for one test. The file is removed after the test.
    struct JournalFile(PathBuf);

    impl JournalFile {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("event-service-{}.jsonl", Uuid::new_v4())))
        }
    }

    impl Drop for JournalFile {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn room() -> Room {
        Room {
            id: Uuid::new_v4(),
            audience: "school.example.org".to_owned(),
            classroom_id: Uuid::new_v4(),
            kind: RoomKind::P2P,
            // The end is not after the start: closing a room in its first second leaves this.
            time: RoomTime {
                start: 100,
                end: Some(100),
            },
            tags: Some(serde_json::json!({"scope": "math"})),
            preserve_history: true,
            created_at: 100,
        }
    }

    fn event(room: &Room, label: Option<&str>, occurred_at: i64, data: &serde_json::Value) -> Event {
        Event::new(NewEvent {
            id: Uuid::new_v4(),
            room_id: room.id,
            kind: "message".to_owned(),
            set: "messages".to_owned(),
            label: label.map(str::to_owned),
            attribute: None,
            removed: false,
            created_at: 100_000,
            occurred_at,
            created_by: format!("http.account-{occurred_at}"),
            account: format!("account-{occurred_at}"),
            stored_data: jsonb::text(data),
        })
    }

    #[test]
    fn rooms_and_events_survive_a_restart() {
        let file = JournalFile::new();
        let (first, second) = (room(), room());
        let mut store = Store::with_journal(&file.0).unwrap();
        store.put_room(first.clone()).unwrap();
        store.put_room(second.clone()).unwrap();
        let updated = Room { tags: None, ..first };
        store.put_room(updated.clone()).unwrap();
        let unreadable = event(&updated, None, 1, &serde_json::json!(f64::MAX));
        let null = event(&updated, None, 2, &serde_json::Value::Null);
        store.push_event(unreadable.clone()).unwrap();
        store.push_event(null.clone()).unwrap();
        drop(store);

        let store = Store::with_journal(&file.0).unwrap();
        assert_eq!(store.rooms(), [updated.clone(), second]);
        assert_eq!(store.events(updated.id), [unreadable, null]);
        assert_eq!(store.events(updated.id)[0].data(), None);
        assert_eq!(store.events(updated.id)[1].data(), Some(serde_json::Value::Null));
    }

    #[test]
    fn an_incomplete_last_line_is_dropped_and_the_next_change_follows_the_complete_ones() {
        let file = JournalFile::new();
        let (kept, incomplete, later) = (room(), room(), room());
        let mut store = Store::with_journal(&file.0).unwrap();
        store.put_room(kept.clone()).unwrap();
        store.put_room(incomplete).unwrap();
        drop(store);
        let content = fs::read(&file.0).unwrap();
        fs::write(&file.0, &content[..content.len() - 10]).unwrap();

        let mut store = Store::with_journal(&file.0).unwrap();
        assert_eq!(store.rooms(), std::slice::from_ref(&kept));
        store.put_room(later.clone()).unwrap();
        drop(store);
        assert_eq!(Store::with_journal(&file.0).unwrap().rooms(), [kept, later]);
    }

    #[test]
    fn a_complete_line_that_is_not_a_change_is_an_error() {
        let file = JournalFile::new();
        fs::write(&file.0, "{}\n").unwrap();
        assert!(Store::with_journal(&file.0).is_err());
    }

    #[test]
    fn versions_of_a_label_keep_the_first_ones_author_and_time() {
        let room = room();
        let mut store = Store::default();
        let data = serde_json::json!({});
        store.push_event(event(&room, Some("m1"), 1, &data)).unwrap();
        let second = store.push_event(event(&room, Some("m1"), 2, &data)).unwrap();
        let other = store.push_event(event(&room, Some("m2"), 3, &data)).unwrap();
        let unlabelled = store.push_event(event(&room, None, 4, &data)).unwrap();
        assert_eq!(
            (second.original_occurred_at, second.original_created_by.as_str()),
            (1, "http.account-1")
        );
        assert_eq!(other.original_occurred_at, 3);
        assert_eq!(unlabelled.original_occurred_at, 4);
    }
}
