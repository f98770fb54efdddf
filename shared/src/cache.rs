//! Values that are kept in memory between requests. A cache bounds the number of its entries, to save memory, and their
//! age, to stay true. Time is an argument, so that tests can move it.

use crate::clock::Moment;
use lru::LruCache;
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most recently used values, each with the time when it became known.
pub(crate) struct Cache<K: Hash + Eq, V> {
    entries: Mutex<LruCache<K, (Moment, V)>>,
    age: Duration,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// Creates a cache of `entries` values at most, none older than `age`.
    pub(crate) fn new(entries: usize, age: Duration) -> Self {
        let entries = NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN);
        Self {
            entries: Mutex::new(LruCache::new(entries)),
            age,
        }
    }

    /// Returns the value of `key` and when it became known, unless it is too old.
    pub(crate) fn get_with_time<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Moment) -> Option<(Moment, V)>
    where
        K: Borrow<Q>,
    {
        let mut entries = self.lock();
        let (since, value) = entries.get(key)?;
        if now.since(*since) < self.age {
            return Some((*since, value.clone()));
        }
        entries.pop(key);
        None
    }

    /// Returns the value of `key`, unless it is too old.
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Moment) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get_with_time(key, now).map(|(_, value)| value)
    }

    /// Stores a value that became known `now`.
    pub(crate) fn insert(&self, key: K, value: V, now: Moment) {
        self.insert_since(key, value, now, now);
    }

    /// Stores a value that became known at `since`. Entries that are too old `now` are removed from the least recently
    /// used end.
    pub(crate) fn insert_since(&self, key: K, value: V, since: Moment, now: Moment) {
        let mut entries = self.lock();
        while entries
            .peek_lru()
            .is_some_and(|(_, (other, _))| now.since(*other) >= self.age)
        {
            entries.pop_lru();
        }
        entries.put(key, (since, value));
    }

    /// Removes a value.
    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.lock().pop(key);
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<K, (Moment, V)>> {
        // A panic under the lock can't leave an entry half written. At worst, one is missing.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("age", &self.age)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_forgotten_when_it_is_old_or_crowded_out() {
        let age = Duration::from_secs(60);
        let cache = Cache::new(2, age);
        let start = Moment::now();
        for key in ["a", "b", "c"] {
            cache.insert(key, key.to_owned(), start);
        }
        assert_eq!(cache.get("a", start), None);
        let just_before = Duration::from_millis(59_999);
        assert_eq!(cache.get("b", start + just_before).as_deref(), Some("b"));
        assert_eq!(cache.get("b", start + age), None);
        cache.remove("c");
        assert_eq!(cache.get("c", start), None);
    }

    #[test]
    fn old_values_make_room_before_the_cache_is_full() {
        let age = Duration::from_secs(60);
        let cache = Cache::new(10, age);
        let start = Moment::now();
        for key in 0..3 {
            cache.insert(key, (), start);
        }
        cache.insert(3, (), start + age);
        assert_eq!(cache.lock().len(), 1);
    }
}
