//! What a cached record weighs, and caches that are bounded by it.

use moka::sync::Cache;

use super::clients::ClientRecord;
use super::standing::Standing;

/// What the kept records of each kind may weigh: 64 MiB in all. How many those are hangs on what
/// applications put into their requests and their metadata, so that a number would bound nothing.
pub(super) const STANDINGS: u64 = 40 << 20;
pub(super) const CLIENTS: u64 = 16 << 20;
pub(super) const TOKENS: u64 = 8 << 20;

/// What an entry of a cache weighs beside what is in it: the bookkeeping.
const ENTRY: usize = 256;

impl Standing {
    /// The bytes it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        let a = &self.authorization;
        let texts = [
            &a.id,
            &a.consent_id,
            &a.user_id,
            &a.client_id,
            &a.session_id,
            &a.resource,
            &a.acr,
            &a.amr,
            &self.username,
        ];
        let maybe = [&a.nonce, &a.revoke_reason, &self.consent_last_used.1];
        let lengths = texts.into_iter().chain(maybe.into_iter().flatten()).map(String::len);
        size_of::<Self>()
            + lengths.sum::<usize>()
            + IN_MEMORY * (json_bytes(&a.scope) + json_bytes(&a.claims))
            + self.dead_generations.len() * size_of::<i64>()
    }
}

impl ClientRecord {
    /// The bytes it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + IN_MEMORY * json_bytes(&self.metadata)
    }
}

/// How many bytes a byte of JSON takes once it is read into maps, lists and strings, roughly.
const IN_MEMORY: usize = 4;

fn json_bytes(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

/// A cache that forgets when its entries weigh more than `most` bytes.
pub(super) fn weighed<T: Clone + Send + Sync + 'static>(
    most: u64,
    weight: impl Fn(&T) -> usize + Send + Sync + 'static,
) -> Cache<String, (i64, T)> {
    let entry = move |key: &String, (_, kept): &(i64, T)| {
        u32::try_from(ENTRY + key.len() + weight(kept)).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(most).weigher(entry).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_bounded_by_what_its_entries_weigh_and_not_by_their_number() {
        let cache = weighed(1 << 20, Vec::len);
        for number in 0..100 {
            cache.insert(format!("large-{number}"), (1, vec![0_u8; 100_000]));
        }
        cache.run_pending_tasks();
        assert!(cache.weighted_size() <= 1 << 20, "{}", cache.weighted_size());
        assert!((1..=10).contains(&cache.entry_count()), "{}", cache.entry_count());
    }
}
