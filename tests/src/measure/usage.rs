//! Sends with one key and with many, 64 in flight: the counters agree with the answers to the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::say;
use crate::{App, Key};

const IN_FLIGHT: usize = 64;

/// So many sends with one key, and so many with 100 keys.
pub async fn run(sends: usize) {
    let app = App::start().await;
    for keys in [1, 100] {
        let mut made = Vec::new();
        for _ in 0..keys {
            made.push(app.key().create().await);
        }
        let Tally { through, refused, broken } = send(&made, sends).await;
        let mut counted = 0;
        for key in &made {
            counted += usize::try_from(key.uses().await).expect("a count");
        }

        say(&format!(
            "usage: {keys} keys, {sends} sends, {IN_FLIGHT} in flight: {through} authorised, {counted} counted, \
             difference {}, {refused} refused, {broken} with 5xx",
            counted.abs_diff(through)
        ));
        assert_eq!((counted, refused, broken), (through, 0, 0));
    }
    app.delivered().await;
    app.stop().await;
}

struct Tally {
    through: usize,
    refused: usize,
    broken: usize,
}

async fn send(keys: &[Key<'_>], sends: usize) -> Tally {
    let next = Arc::new(AtomicUsize::new(0));
    let body = json!({ "title": "Hello" });
    let worker = async || {
        let mut tally = Tally { through: 0, refused: 0, broken: 0 };
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= sends {
                return tally;
            }
            match keys[turn % keys.len()].push(&body).await.status {
                202 => tally.through += 1,
                500.. => tally.broken += 1,
                _ => tally.refused += 1,
            }
        }
    };
    let tallies = futures::future::join_all((0..IN_FLIGHT).map(|_| worker())).await;
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum();

    Tally { through: sum(|t| t.through), refused: sum(|t| t.refused), broken: sum(|t| t.broken) }
}
