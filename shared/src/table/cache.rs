//! Ready chats in memory. They never change, so the age is bounded only for operators, and the number for memory.

use crate::chat::{Chat, ChatId};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The chats used last, each with the time it was read.
#[derive(Debug)]
pub(super) struct ReadyChats {
    chats: LruCache<ChatId, (Instant, Arc<Chat>)>,
    age: Duration,
}

impl ReadyChats {
    pub(super) fn new(entries: usize, age: Duration) -> Self {
        Self {
            chats: LruCache::new(NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN)),
            age,
        }
    }

    pub(super) fn get(&mut self, chat_id: ChatId, now: Instant) -> Option<Arc<Chat>> {
        let (read_at, chat) = self.chats.get(&chat_id)?;
        (now.duration_since(*read_at) < self.age).then(|| Arc::clone(chat))
    }

    pub(super) fn insert(&mut self, chat: Arc<Chat>, now: Instant) {
        self.chats.put(chat.content.chat_id(), (now, chat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Audience, Content, Scope};
    use uuid::Uuid;

    fn chat(scope: &str) -> Arc<Chat> {
        let content = Content {
            audience: Audience::parse("a").unwrap(),
            scope: Scope::parse(scope).unwrap(),
            tags: None,
        };
        Arc::new(Chat {
            content,
            created_at: 0,
            event_room_id: Uuid::nil(),
        })
    }

    #[test]
    fn a_chat_is_forgotten_when_it_is_old_or_crowded_out() {
        let age = Duration::from_secs(60);
        let mut chats = ReadyChats::new(2, age);
        let (start, id) = (Instant::now(), |scope| chat(scope).content.chat_id());
        for scope in ["a", "b", "c"] {
            chats.insert(chat(scope), start);
        }
        assert!(chats.get(id("a"), start).is_none());
        assert!(chats.get(id("b"), start + age - Duration::from_millis(1)).is_some());
        assert!(chats.get(id("b"), start + age).is_none());
    }
}
