//! A limit lets through exactly as many as it says, however many come at once.

use futures::future::join_all;
use serde_json::json;
use shared::time::Timestamp;
use tokio::time::{Duration, sleep};

use super::say;
use crate::App;

const LIMIT: usize = 60;
const AT_ONCE: usize = 1_000;

/// So many trials, each with a key of its own.
pub async fn run(trials: usize) {
    let app = App::start().await;
    let (mut exact, mut again) = (0, 0);
    while exact < trials {
        let key = app.key().with("limits", json!({ "per_minute": LIMIT })).create().await;
        let minute = Timestamp::now().minute();
        let answers = join_all((0..AT_ONCE).map(|_| async { key.push(&json!({ "title": "Hello" })).await })).await;
        if Timestamp::now().minute() != minute {
            // The minute ended meanwhile, and the limit with it.
            again += 1;
            continue;
        }
        let through = answers.iter().filter(|answer| answer.status == 202).count();
        let refused = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!((through, refused), (LIMIT, AT_ONCE - LIMIT), "trial {exact}");
        assert_eq!(key.uses().await, LIMIT as u64, "what is refused is not counted");
        for answer in answers.iter().filter(|answer| answer.status == 429) {
            let seconds: u64 = answer.header("Retry-After").expect("a header").parse().expect("seconds");
            assert!((1..=60).contains(&seconds));
        }
        exact += 1;
        // What was sent is delivered to nobody; let the queue run dry now and then.
        sleep(Duration::from_millis(1)).await;
    }
    say(&format!(
        "limits: {trials} trials of {AT_ONCE} at once with a limit of {LIMIT} per minute: exactly {LIMIT} each; \
         {again} trials crossed the end of a minute and were done again"
    ));
    app.delivered().await;
    app.stop().await;
}
