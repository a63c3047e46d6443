//! Sends with one key and with many, 64 in flight: the counters equal the number of allowed requests exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::print::print_line;
use crate::actors::Key;
use crate::app::App;

const IN_FLIGHT: usize = 64;

/// Measures this many sends with one key, and as many with 100 keys.
pub async fn run(sends: usize) {
    let app = App::start().await;
    for keys in [1, 100] {
        let mut created = Vec::new();
        for _ in 0..keys {
            created.push(app.key().create().await);
        }
        let Tally { allowed, denied, failed } = send(&created, sends).await;
        let mut counted = 0;
        for key in &created {
            counted += usize::try_from(key.uses().await).expect("a count");
        }

        print_line(&format!(
            "usage: {keys} keys, {sends} sends, {IN_FLIGHT} in flight: {allowed} authorized, {counted} counted, \
             difference {}, {denied} denied, {failed} with 5xx",
            counted.abs_diff(allowed)
        ));
        assert_eq!((counted, denied, failed), (allowed, 0, 0));
    }
    app.delivered().await;
    app.stop().await;
}

struct Tally {
    allowed: usize,
    denied: usize,
    failed: usize,
}

async fn send(keys: &[Key<'_>], sends: usize) -> Tally {
    let next = Arc::new(AtomicUsize::new(0));
    let body = json!({ "title": "Hello" });
    let worker = async || {
        let mut tally = Tally { allowed: 0, denied: 0, failed: 0 };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= sends {
                return tally;
            }
            match keys[index % keys.len()].push(&body).await.status {
                202 => tally.allowed += 1,
                500.. => tally.failed += 1,
                _ => tally.denied += 1,
            }
        }
    };
    let tallies = futures::future::join_all((0..IN_FLIGHT).map(|_| worker())).await;
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum();

    Tally { allowed: sum(|t| t.allowed), denied: sum(|t| t.denied), failed: sum(|t| t.failed) }
}
