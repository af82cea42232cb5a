//! Entries by key, bounded in number and bytes: what was not used for longest goes first, what is too old is not found.
//! Time comes from outside.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use kailash_core::{Text, Value, exec::Monotonic};

/// What an entry takes beside its key and value, in bytes.
const ENTRY_BYTES: usize = 160;

/// Entries by namespace and key.
#[derive(Debug)]
pub(super) struct Lru {
    max_entries: usize,
    max_bytes: usize,
    bytes: usize,
    entries: HashMap<(Text, Text), Entry>,
    /// Keys by their last use.
    used: BTreeMap<u64, (Text, Text)>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    bytes: usize,
    until: Option<Monotonic>,
    used: u64,
}

impl Lru {
    /// An empty one.
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let (entries, used) = (HashMap::new(), BTreeMap::new());
        Self { max_entries, max_bytes, bytes: 0, entries, used, uses: 0 }
    }

    /// The value of `key`, which counts as a use.
    pub(super) fn get(&mut self, namespace: &Text, key: &Text, now: Monotonic) -> Option<Value> {
        let id = (namespace.clone(), key.clone());
        if !self.is_fresh(&id, now) {
            self.forget(&id);
            return None;
        }
        let entry = self.entries.get_mut(&id)?;
        self.used.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.used.insert(self.uses, id);
        Some(entry.value.clone())
    }

    /// Whether `key` has a value, which is no use of it.
    pub(super) fn contains(&self, namespace: &Text, key: &Text, now: Monotonic) -> bool {
        self.is_fresh(&(namespace.clone(), key.clone()), now)
    }

    /// Gives `key` a value for `ttl`, for ever without; others go to make room. False if it is larger than everything may
    /// be; then the key has no value.
    pub(super) fn set(
        &mut self,
        namespace: &Text,
        key: &Text,
        value: Value,
        ttl: Option<Duration>,
        now: Monotonic,
    ) -> bool {
        let id = (namespace.clone(), key.clone());
        self.forget(&id);
        let bytes = ENTRY_BYTES + 2 * (namespace.len() + key.len()) + weight(&value);
        if bytes > self.max_bytes || self.max_entries == 0 {
            return false;
        }
        while self.entries.len() >= self.max_entries || self.bytes + bytes > self.max_bytes {
            let Some((_, oldest)) = self.used.pop_first() else { break };
            self.forget(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.used.insert(self.uses, id.clone());
        let until = ttl.map(|ttl| now.after(ttl));
        self.entries.insert(id, Entry { value, bytes, until, used: self.uses });
        true
    }

    /// Forgets `key`; whether it had a value.
    pub(super) fn remove(&mut self, namespace: &Text, key: &Text, now: Monotonic) -> bool {
        let id = (namespace.clone(), key.clone());
        let was = self.is_fresh(&id, now);
        self.forget(&id);
        was
    }

    /// Forgets all of a namespace; how many values there were.
    pub(super) fn clear(&mut self, namespace: &Text, now: Monotonic) -> usize {
        let ids: Vec<_> = self.entries.keys().filter(|(of, _)| of == namespace).cloned().collect();
        let fresh = ids.iter().filter(|id| self.is_fresh(id, now)).count();
        ids.iter().for_each(|id| self.forget(id));
        fresh
    }

    /// How many entries there are, and the bytes they take.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn is_fresh(&self, id: &(Text, Text), now: Monotonic) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.until.is_none_or(|until| now < until))
    }

    fn forget(&mut self, id: &(Text, Text)) {
        if let Some(entry) = self.entries.remove(id) {
            self.bytes -= entry.bytes;
            self.used.remove(&entry.used);
        }
    }
}

/// About how many bytes `value` takes.
fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(array) => array.len() * 8,
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(map) => map.iter().map(|(key, value)| 32 + key.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => 0,
    };
    size_of::<Value>() + inside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::default().after(Duration::from_secs(seconds))
    }

    fn text(text: &str) -> Text {
        text.into()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut cache = Lru::new(2, 1 << 20);
        let n = text("n");
        for key in ["a", "b"] {
            assert!(cache.set(&n, &text(key), key.into(), None, at(0)));
        }
        assert_eq!(cache.get(&n, &text("a"), at(0)), Some("a".into()));
        assert!(cache.contains(&n, &text("b"), at(0)), "asking for it is no use");
        cache.set(&n, &text("c"), "c".into(), None, at(0));
        assert_eq!(cache.get(&n, &text("b"), at(0)), None);
        assert_eq!(cache.get(&n, &text("a"), at(0)), Some("a".into()));
    }

    #[test]
    fn what_is_too_old_is_not_found_and_takes_no_room() {
        let mut cache = Lru::new(10, 1 << 20);
        let n = text("n");
        cache.set(&n, &text("a"), 1.into(), Some(Duration::from_secs(5)), at(10));
        assert_eq!(cache.get(&n, &text("a"), at(14)), Some(1.into()));
        assert!(!cache.contains(&n, &text("a"), at(15)));
        assert_eq!(cache.get(&n, &text("a"), at(15)), None);
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn a_value_larger_than_everything_may_be_is_not_kept() {
        let mut cache = Lru::new(10, 1000);
        let n = text("n");
        assert!(cache.set(&n, &text("a"), 1.into(), None, at(0)));
        assert!(!cache.set(&n, &text("a"), "x".repeat(1000).into(), None, at(0)));
        assert_eq!(cache.get(&n, &text("a"), at(0)), None, "the old value is not given for the new one");
    }

    #[test]
    fn namespaces_are_apart() {
        let mut cache = Lru::new(10, 1 << 20);
        cache.set(&text("n"), &text("a"), 1.into(), None, at(0));
        cache.set(&text("m"), &text("a"), 2.into(), None, at(0));
        assert_eq!(cache.clear(&text("n"), at(0)), 1);
        assert_eq!(cache.get(&text("m"), &text("a"), at(0)), Some(2.into()));
        assert!(cache.remove(&text("m"), &text("a"), at(0)) && !cache.remove(&text("m"), &text("a"), at(0)));
        assert_eq!(cache.size(), (0, 0));
    }

    proptest! {
        #[test]
        fn bounds_hold_and_books_balance(steps in prop::collection::vec((0_u8..4, 0_u8..12, 0_usize..400, 0_u64..9), 1..200)) {
            let (mut cache, n) = (Lru::new(5, 1500), text("n"));
            for (time, (what, key, size, ttl)) in steps.into_iter().enumerate() {
                let (key, now) = (text(&key.to_string()), at(time as u64));
                match what {
                    0 | 1 => {
                        let ttl = (ttl > 0).then(|| Duration::from_secs(ttl));
                        let kept = cache.set(&n, &key, "x".repeat(size).into(), ttl, now);
                        prop_assert_eq!(cache.contains(&n, &key, now), kept);
                    }
                    2 => drop(cache.get(&n, &key, now)),
                    _ => drop(cache.remove(&n, &key, now)),
                }
                let (entries, bytes) = cache.size();
                prop_assert!(entries <= 5 && bytes <= 1500);
                prop_assert_eq!(bytes, cache.entries.values().map(|entry| entry.bytes).sum::<usize>());
                prop_assert_eq!(cache.used.len(), entries);
            }
        }
    }
}
