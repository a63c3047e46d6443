//! The secrets that the store has accepted in this environment. They decide how many attempts a request gets while DynamoDB
//! throttles, never whether it is allowed.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::secret::SecretHash;

/// The maximum number of secrets that are remembered.
const MAX: usize = 1_024;

/// The accepted secrets.
#[derive(Default)]
pub(super) struct ProvenSecrets(Mutex<HashSet<SecretHash>>);

impl ProvenSecrets {
    /// Whether the store has accepted this secret, and has not rejected it since.
    pub(super) fn contains(&self, hash: &SecretHash) -> bool {
        self.hashes().contains(hash)
    }

    /// Remembers an accepted secret.
    pub(super) fn insert(&self, hash: &SecretHash) {
        let mut hashes = self.hashes();
        if hashes.contains(hash) {
            return;
        }
        if hashes.len() == MAX {
            // Secrets that are not used again would stay; the others are proven again by their next request.
            hashes.clear();
        }
        hashes.insert(hash.clone());
    }

    /// Forgets a rejected secret.
    pub(super) fn remove(&self, hash: &SecretHash) {
        self.hashes().remove(hash);
    }

    fn hashes(&self) -> MutexGuard<'_, HashSet<SecretHash>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_remembered_until_it_is_rejected_or_others_fill_the_memory() {
        let proven = ProvenSecrets::default();
        let hash = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            SecretHash::from_bytes(&bytes).expect("32 bytes")
        };
        for n in 0..MAX {
            proven.insert(&hash(n));
            proven.insert(&hash(n));
        }
        assert!(proven.contains(&hash(0)) && proven.contains(&hash(MAX - 1)));
        proven.remove(&hash(0));
        assert!(!proven.contains(&hash(0)));
        proven.insert(&hash(0));
        proven.insert(&hash(MAX));
        assert!(proven.contains(&hash(MAX)) && !proven.contains(&hash(1)));
    }
}
