//! 16 senders race a change of their key: no request that starts after the response to the change is allowed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::print::print_line;
use crate::actors::Key;
use crate::app::App;

const SENDERS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Delete,
    Disable,
    Narrow,
}

/// One request of a sender.
struct Attempt {
    started: Instant,
    ended: Instant,
    allowed: bool,
}

/// The result of one trial.
struct Trial {
    later: usize,
    later_allowed: usize,
    raced: bool,
}

/// Measures this many trials of each change.
pub async fn run(trials: usize) {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    for change in [Change::Delete, Change::Disable, Change::Narrow] {
        let (mut later, mut later_allowed, mut raced) = (0, 0, 0);
        for _ in 0..trials {
            let trial = trial(&app, change).await;
            later += trial.later;
            later_allowed += trial.later_allowed;
            raced += usize::from(trial.raced);
        }
        print_line(&format!(
            "revocation: {change:?}: {trials} trials, {SENDERS} senders: {later} requests started after the response \
             to the change, {later_allowed} of them were allowed; in {raced} trials one was allowed before and one was in \
             flight at the response"
        ));
        assert_eq!(later_allowed, 0, "{change:?}");
        assert!(later >= trials * SENDERS, "every sender sends again after the change");
        assert!(raced * 10 >= trials * 9, "too few trials raced");
    }
    app.stop().await;
}

async fn trial(app: &App, change: Change) -> Trial {
    let key = app.key().channels(&["news", "ops"]).create().await;
    let admin = app.admin().await;
    let (allowed, changed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let body = json!({ "title": "Race", "dry_run": true });
    let senders = futures::future::join_all((0..SENDERS).map(|_| race(&key, &body, &allowed, &changed)));
    let edit = async {
        // The change starts in the middle of the race, when several requests have been allowed.
        while allowed.load(Ordering::Relaxed) < 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let path = format!("/keys/{}", key.id);
        let response = match change {
            Change::Delete => admin.delete(&path).await,
            Change::Disable => admin.patch(&path, &json!({ "status": "inactive" })).await,
            Change::Narrow => admin.patch(&path, &json!({ "channels": ["news"] })).await,
        };
        let responded = Instant::now();
        changed.store(true, Ordering::SeqCst);
        assert!(matches!(response.status, 200 | 204), "{}", response.text);
        responded
    };
    let (attempts, responded) = futures::future::join(senders, edit).await;
    let attempts: Vec<Attempt> = attempts.into_iter().flatten().collect();
    let later = attempts.iter().filter(|attempts| attempts.started > responded);
    let before = attempts.iter().any(|attempts| attempts.allowed && attempts.ended < responded);
    let in_flight = attempts.iter().any(|attempts| attempts.started < responded && attempts.ended > responded);

    Trial {
        later: later.clone().count(),
        later_allowed: later.filter(|attempts| attempts.allowed).count(),
        raced: before && in_flight,
    }
}

/// Sends to the channel that the change removes, until one request has started after the change.
async fn race(key: &Key<'_>, body: &Value, allowed: &AtomicUsize, changed: &AtomicBool) -> Vec<Attempt> {
    let mut all = Vec::new();
    loop {
        let last = changed.load(Ordering::SeqCst);
        let started = Instant::now();
        let response = key.push_to("ops", body).await;
        let attempts = Attempt { started, ended: Instant::now(), allowed: response.status == 200 };
        assert!(response.status < 500, "{}", response.text);
        allowed.fetch_add(usize::from(attempts.allowed), Ordering::Relaxed);
        all.push(attempts);
        if last {
            return all;
        }
    }
}
