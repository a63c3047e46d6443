//! Target `queue_message`: a task that is parsed is the same after it was queued again.

use serde_json::Value;
use shared::domain::delivery_task::DeliveryTask;

use crate::corpus::{Corpus, Mutation, fuzz};

#[test]
fn a_task_survives_the_queue() {
    let corpus = Corpus::read("queue_message");
    fuzz("queue_message", move |mutation: Mutation| {
        let text = corpus.text(&mutation);
        let Ok(task) = serde_json::from_str::<DeliveryTask>(&text) else { return };
        let queued = serde_json::to_string(&task).expect("JSON");
        assert_eq!(serde_json::from_str::<DeliveryTask>(&queued).expect("a task"), task, "{text}");
        let fields: Value = serde_json::from_str(&queued).expect("JSON");
        assert_eq!(fields.as_object().map(serde_json::Map::len), Some(5), "{text}");
    });
}
