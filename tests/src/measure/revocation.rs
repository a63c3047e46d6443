//! 16 senders race a change of their key: once the change has answered, no request that begins later gets through.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::say;
use crate::{App, Key};

const SENDERS: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Delete,
    Disable,
    Narrow,
}

/// One request of a sender.
struct Sent {
    began: Instant,
    ended: Instant,
    through: bool,
}

/// What one trial showed.
struct Trial {
    later: usize,
    later_through: usize,
    raced: bool,
}

/// So many trials of each change.
pub async fn run(trials: usize) {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    for change in [Change::Delete, Change::Disable, Change::Narrow] {
        let (mut later, mut later_through, mut raced) = (0, 0, 0);
        for _ in 0..trials {
            let trial = trial(&app, change).await;
            later += trial.later;
            later_through += trial.later_through;
            raced += usize::from(trial.raced);
        }
        say(&format!(
            "revocation: {change:?}: {trials} trials, {SENDERS} senders: {later} requests began after the change had \
             answered, {later_through} of them got through; in {raced} trials one was let through before and one was in \
             flight when the change answered"
        ));
        assert_eq!(later_through, 0, "{change:?}");
        assert!(later >= trials * SENDERS, "every sender tries again after the change");
        assert!(raced * 10 >= trials * 9, "the race was not a race");
    }
    app.stop().await;
}

async fn trial(app: &App, change: Change) -> Trial {
    let key = app.key().channels(&["news", "ops"]).create().await;
    let admin = app.admin().await;
    let (through, changed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let body = json!({ "title": "Race", "dry_run": true });
    let senders = futures::future::join_all((0..SENDERS).map(|_| race(&key, &body, &through, &changed)));
    let edit = async {
        // The change begins in the middle of the race, when several have been let through.
        while through.load(Ordering::Relaxed) < 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let path = format!("/keys/{}", key.id);
        let answer = match change {
            Change::Delete => admin.delete(&path).await,
            Change::Disable => admin.patch(&path, &json!({ "status": "inactive" })).await,
            Change::Narrow => admin.patch(&path, &json!({ "channels": ["news"] })).await,
        };
        let answered = Instant::now();
        changed.store(true, Ordering::SeqCst);
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
        answered
    };
    let (sent, answered) = futures::future::join(senders, edit).await;
    let sent: Vec<Sent> = sent.into_iter().flatten().collect();
    let later = sent.iter().filter(|sent| sent.began > answered);
    let before = sent.iter().any(|sent| sent.through && sent.ended < answered);
    let in_flight = sent.iter().any(|sent| sent.began < answered && sent.ended > answered);

    Trial {
        later: later.clone().count(),
        later_through: later.filter(|sent| sent.through).count(),
        raced: before && in_flight,
    }
}

/// Sends to a channel that the change takes away, until one request has begun after the change.
async fn race(key: &Key<'_>, body: &Value, through: &AtomicUsize, changed: &AtomicBool) -> Vec<Sent> {
    let mut all = Vec::new();
    loop {
        let last = changed.load(Ordering::SeqCst);
        let began = Instant::now();
        let answer = key.push_to("ops", body).await;
        let sent = Sent { began, ended: Instant::now(), through: answer.status == 200 };
        assert!(answer.status < 500, "{}", answer.text);
        through.fetch_add(usize::from(sent.through), Ordering::Relaxed);
        all.push(sent);
        if last {
            return all;
        }
    }
}
