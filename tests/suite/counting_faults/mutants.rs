//! Faults of the counting write, put in on the wire: the store's own code stays as it is. An expression must use all its
//! names and values, so what shall hold no more is made true by another way to be true.

use serde_json::Value;
use tests::fault_proxy::Rewrites;

/// The slot of all, where a slot is shared.
const SHARED: &str = "everyone";

/// The slot does not matter: a repeat is one more write.
pub(super) const NO_SLOT: Rewrites = Rewrites {
    request: |request| {
        replace(request, "slots.#writer < :n)", "slots.#writer < :n OR attribute_exists(account))");
    },
    answer: |_, _| {},
};

/// The store does not see that its own write landed, and judges the request again.
pub(super) const JUDGED_AGAIN: Rewrites = Rewrites {
    request: |_| {},
    answer: |request, answer| {
        let writer = writer(request);
        if let Some(slots) = answer["Item"]["slots"]["M"].as_object_mut() {
            slots.remove(&writer);
        }
    },
};

/// All requests write one slot, each taking it for its own.
pub(super) const SHARED_SLOT: Rewrites = Rewrites {
    request: |request| request["ExpressionAttributeNames"]["#writer"] = SHARED.into(),
    answer: |request, answer| {
        let writer = writer(request);
        for image in ["Item", "Attributes"] {
            if let Some(slots) = answer[image]["slots"]["M"].as_object_mut()
                && let Some(n) = slots.remove(SHARED)
            {
                slots.insert(writer.clone(), n);
            }
        }
    },
};

/// A slot that was seen to be stale is removed, even if it was written since.
pub(super) const UNCONDITIONAL_PRUNE: Rewrites = Rewrites {
    request: |request| {
        for index in 0..8 {
            let holds = format!("slots.#s{index} = :s{index}");
            replace(request, &holds, &format!("({holds} OR attribute_exists(account))"));
        }
    },
    answer: |_, _| {},
};

fn writer(request: &Value) -> String {
    request["ExpressionAttributeNames"]["#writer"].as_str().unwrap_or_default().to_owned()
}

fn replace(request: &mut Value, clause: &str, by: &str) {
    let condition = request["ConditionExpression"].as_str().unwrap_or_default().replace(clause, by);
    request["ConditionExpression"] = condition.into();
}
