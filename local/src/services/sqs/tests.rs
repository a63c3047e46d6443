//! The rules of redelivery, on a clock that the test moves, and what a journal brings back.

use tokio::time::{advance, timeout};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

fn settings() -> Vec<QueueSettings> {
    let queue = QueueSettings {
        name: "work".into(),
        visibility_timeout: TIMEOUT,
        retention: Duration::from_hours(24),
        delay: Duration::ZERO,
        dead_letters: Some("dead".into()),
        max_receives: Some(2),
    };
    let dead = QueueSettings { name: "dead".into(), dead_letters: None, max_receives: None, ..queue.clone() };
    vec![queue, dead]
}

fn queues() -> Queues {
    Queues::new(settings(), None)
}

fn work(queues: &Queues) -> &QueueSettings {
    queues.settings("work").expect("a queue")
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_deleted_comes_again_and_then_is_a_dead_letter() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None).expect("sent");
    for receives in 1..=2 {
        let received = queues.receive(work, 10, None);
        assert_eq!(received[0].receives, receives);
        advance(TIMEOUT.saturating_sub(Duration::from_millis(1))).await;
        assert!(queues.receive(work, 10, None).is_empty());
        assert_eq!(queues.counts(work), Counts { visible: 0, in_flight: 1, delayed: 0 });
        assert!(queues.bodies("dead").is_empty());
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!(queues.bodies("dead"), ["a"]);
    assert_eq!(queues.counts(work), Counts { visible: 0, in_flight: 0, delayed: 0 });
}

#[tokio::test(start_paused = true)]
async fn an_old_receipt_deletes_nothing() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None).expect("sent");
    let first = queues.receive(work, 1, None).remove(0).receipt.expect("a receipt");
    advance(TIMEOUT).await;
    let second = queues.receive(work, 1, None).remove(0).receipt.expect("a receipt");
    queues.delete(work, &first).expect("written");
    assert_eq!(queues.counts(work).in_flight, 1);
    queues.delete(work, &second).expect("written");
    assert_eq!(queues.counts(work).in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_when_a_message_becomes_visible() {
    let queues = queues();
    let work = work(&queues);
    let delay = Duration::from_secs(7);
    queues.send(work, "late".into(), Some(delay)).expect("sent");
    assert_eq!(queues.counts(work).delayed, 1);
    let before = Instant::now();
    assert_eq!(bodies(&queues.next(work, 1, None).await), ["late"]);
    assert_eq!(before.elapsed(), delay);
    let (received, ()) = tokio::join!(queues.next(work, 1, None), async {
        queues.send(work, "now".into(), None).expect("sent");
    });
    assert_eq!(bodies(&received), ["now"]);
    assert_eq!(before.elapsed(), delay);
    assert!(timeout(Duration::from_secs(20), queues.next(work, 1, None)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_message_in_flight_can_be_given_back_early() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None).expect("sent");
    let receipt = queues.receive(work, 1, None).remove(0).receipt.expect("a receipt");
    assert!(queues.change_visibility(work, &receipt, Duration::ZERO).expect("written"));
    assert_eq!(queues.receive(work, 1, None)[0].receives, 2);
    assert!(!queues.change_visibility(work, &receipt, Duration::ZERO).expect("written"));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_kept_no_longer_than_its_queue_keeps_it() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None).expect("sent");
    advance(Duration::from_secs(86_401)).await;
    assert!(queues.receive(work, 1, None).is_empty());
}

#[test]
fn a_journal_brings_back_what_was_accepted_and_not_deleted() {
    let folder = std::env::temp_dir().join(format!("pushgate-{}", random::uuid()));
    std::fs::create_dir(&folder).expect("a folder");
    {
        let queues = Queues::new(settings(), Some(Journal::open(&folder).expect("a journal")));
        let work = work(&queues);
        for body in ["deleted", "in flight", "waiting"] {
            queues.send(work, body.into(), None).expect("sent");
        }
        queues.send(work, "delayed".into(), Some(TIMEOUT)).expect("sent");
        let received = queues.receive(work, 2, None);
        queues.delete(work, received[0].receipt.as_deref().expect("a receipt")).expect("written");
    }
    let file = folder.join("queue.jsonl");
    let mut bytes = std::fs::read(&file).expect("the journal");
    bytes.extend_from_slice(b"{\"message\":{\"id\":\"torn");
    std::fs::write(&file, bytes).expect("written");

    let queues = Queues::new(settings(), Some(Journal::open(&folder).expect("a journal")));
    assert_eq!(queues.counts(work(&queues)), Counts { visible: 2, in_flight: 0, delayed: 1 });
    let received = queues.receive(work(&queues), 10, None);
    assert_eq!(bodies(&received), ["in flight", "waiting"]);
    assert_eq!(received[0].receives, 2);
    std::fs::remove_dir_all(&folder).expect("removed");
}
