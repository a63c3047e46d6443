//! Redelivery under a paused clock, and recovery from the journal.

use std::time::Duration;

use tokio::time::{Instant, advance, timeout};

use super::*;
use crate::template::QueueSettings;

const TIMEOUT: Duration = Duration::from_secs(30);

fn settings() -> Vec<QueueSettings> {
    let queue = QueueSettings {
        name: "work".into(),
        visibility_timeout: TIMEOUT,
        retention: Duration::from_hours(24),
        delay: Duration::ZERO,
        dead_letter_queue: Some("dead".into()),
        max_receive_count: Some(2),
    };
    let dead = QueueSettings { name: "dead".into(), dead_letter_queue: None, max_receive_count: None, ..queue.clone() };
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
async fn an_undeleted_message_is_redelivered_and_then_a_dead_letter() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None, None).expect("sent");
    for receive_count in 1..=2 {
        let received = queues.receive(work, 10, None);
        assert_eq!(received[0].receive_count, receive_count);
        advance(TIMEOUT.saturating_sub(Duration::from_millis(1))).await;
        assert!(queues.receive(work, 10, None).is_empty());
        assert_eq!(queues.counts(work), Counts { visible: 0, in_flight: 1, delayed: 0 });
        assert!(queues.bodies("dead").is_empty());
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!(queues.bodies("dead"), ["a"]);
    assert_eq!(queues.counts(work), Counts { visible: 0, in_flight: 0, delayed: 0 });
}

#[test]
fn dead_letters_are_sent_again_by_a_redrive_and_stay_so_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || Queues::new(settings(), Some(Journal::open(folder.path()).expect("a journal")));
    {
        let queues = start();
        queues.send(work(&queues), "a".into(), None, None).expect("sent");
        for _ in 0..2 {
            queues.receive(work(&queues), 1, Some(Duration::ZERO));
        }
        assert_eq!(queues.bodies("dead"), ["a"]);
    }
    let queues = start();
    assert_eq!(queues.bodies("dead"), ["a"], "a restart alone does not send it");
    queues.redrive().expect("written");
    assert!(queues.bodies("dead").is_empty());

    let received = start().receive(work(&queues), 1, None);

    assert_eq!((bodies(&received), received[0].receive_count), (vec!["a"], 1));
}

#[tokio::test(start_paused = true)]
async fn an_earlier_receipt_handle_deletes_nothing() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None, None).expect("sent");
    let first = queues.receive(work, 1, None).remove(0).receipt_handle.expect("a handle");
    advance(TIMEOUT).await;
    let second = queues.receive(work, 1, None).remove(0).receipt_handle.expect("a handle");
    queues.delete(work, &first).expect("written");
    assert_eq!(queues.counts(work).in_flight, 1);
    queues.delete(work, &second).expect("written");
    assert_eq!(queues.counts(work).in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receiver_wakes_when_a_message_becomes_visible() {
    let queues = queues();
    let work = work(&queues);
    let delay = Duration::from_secs(7);
    queues.send(work, "late".into(), None, Some(delay)).expect("sent");
    assert_eq!(queues.counts(work).delayed, 1);
    let before = Instant::now();
    assert_eq!(bodies(&queues.next(work, 1, None).await), ["late"]);
    assert_eq!(before.elapsed(), delay);
    let (received, ()) = tokio::join!(queues.next(work, 1, None), async {
        queues.send(work, "now".into(), None, None).expect("sent");
    });
    assert_eq!(bodies(&received), ["now"]);
    assert_eq!(before.elapsed(), delay);
    assert!(timeout(Duration::from_secs(20), queues.next(work, 1, None)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_group_with_many_messages_does_not_delay_another() {
    let queues = queues();
    let work = work(&queues);
    for body in ["a1", "a2", "a3", "a4"] {
        queues.send(work, body.into(), Some("a".into()), None).expect("sent");
    }
    assert_eq!(bodies(&queues.receive(work, 2, None)), ["a1", "a2"]);
    queues.send(work, "b1".into(), Some("b".into()), None).expect("sent");
    assert_eq!(bodies(&queues.receive(work, 2, None)), ["b1", "a3"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_flight_can_be_made_visible_early() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None, None).expect("sent");
    let receipt = queues.receive(work, 1, None).remove(0).receipt_handle.expect("a handle");
    assert!(queues.change_visibility(work, &receipt, Duration::ZERO).expect("written"));
    assert_eq!(queues.receive(work, 1, None)[0].receive_count, 2);
    assert!(!queues.change_visibility(work, &receipt, Duration::ZERO).expect("written"));
}

#[tokio::test(start_paused = true)]
async fn a_message_expires_after_the_retention_period() {
    let queues = queues();
    let work = work(&queues);
    queues.send(work, "a".into(), None, None).expect("sent");
    advance(Duration::from_secs(86_401)).await;
    assert!(queues.receive(work, 1, None).is_empty());
}

#[test]
fn a_journal_restores_the_messages_that_were_accepted_and_not_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let queues = Queues::new(settings(), Some(Journal::open(folder.path()).expect("a journal")));
        let work = work(&queues);
        for body in ["deleted", "in flight", "waiting"] {
            queues.send(work, body.into(), None, None).expect("sent");
        }
        queues.send(work, "delayed".into(), None, Some(TIMEOUT)).expect("sent");
        let received = queues.receive(work, 2, None);
        queues.delete(work, received[0].receipt_handle.as_deref().expect("a handle")).expect("written");
    }
    let file = folder.path().join("queue.jsonl");
    let mut bytes = std::fs::read(&file).expect("the journal");
    bytes.extend_from_slice(b"{\"message\":{\"id\":\"torn");
    std::fs::write(&file, bytes).expect("written");

    let queues = Queues::new(settings(), Some(Journal::open(folder.path()).expect("a journal")));
    assert_eq!(queues.counts(work(&queues)), Counts { visible: 2, in_flight: 0, delayed: 1 });
    let received = queues.receive(work(&queues), 10, None);
    assert_eq!(bodies(&received), ["in flight", "waiting"]);
    assert_eq!(received[0].receive_count, 1, "the receive of a process that ended does not count");
}

#[test]
fn restarts_make_no_dead_letter() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || Queues::new(settings(), Some(Journal::open(folder.path()).expect("a journal")));
    let queues = start();
    queues.send(work(&queues), "a".into(), None, None).expect("sent");
    drop(queues);
    for _ in 0..6 {
        let queues = start();
        assert_eq!(bodies(&queues.receive(work(&queues), 1, None)), ["a"]);
    }
}
