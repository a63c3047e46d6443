//! Mutants of the counting write, injected in the fault proxy: the store's code is unchanged. DynamoDB rejects an
//! expression with unused names or values, so a mutant disables a condition by OR-ing a tautology to it.

use serde_json::Value;
use tests::fault_proxy::Rewrites;

/// The slot that all requests share.
const SHARED: &str = "everyone";

/// The slot has no effect: a retry counts again.
pub(super) const NO_SLOT: Rewrites = Rewrites {
    request: |request| {
        replace(request, "slots.#writer < :n)", "slots.#writer < :n OR attribute_exists(account))");
    },
    response: |_, _| {},
};

/// The store does not see that its own write was applied, and evaluates the request again.
pub(super) const EVALUATED_AGAIN: Rewrites = Rewrites {
    request: |_| {},
    response: |request, response| {
        let writer = writer(request);
        if let Some(slots) = response["Item"]["slots"]["M"].as_object_mut() {
            slots.remove(&writer);
        }
    },
};

/// All requests write one slot, and each takes it for its own.
pub(super) const SHARED_SLOT: Rewrites = Rewrites {
    request: |request| request["ExpressionAttributeNames"]["#writer"] = SHARED.into(),
    response: |request, response| {
        let writer = writer(request);
        for image in ["Item", "Attributes"] {
            if let Some(slots) = response[image]["slots"]["M"].as_object_mut()
                && let Some(n) = slots.remove(SHARED)
            {
                slots.insert(writer.clone(), n);
            }
        }
    },
};

/// A stale slot is pruned even if it was written since it was read.
pub(super) const UNCONDITIONAL_PRUNE: Rewrites = Rewrites {
    request: |request| {
        for index in 0..8 {
            let holds = format!("slots.#s{index} = :s{index}");
            replace(request, &holds, &format!("({holds} OR attribute_exists(account))"));
        }
    },
    response: |_, _| {},
};

fn writer(request: &Value) -> String {
    request["ExpressionAttributeNames"]["#writer"].as_str().unwrap_or_default().to_owned()
}

fn replace(request: &mut Value, clause: &str, by: &str) {
    let condition = request["ConditionExpression"].as_str().unwrap_or_default().replace(clause, by);
    request["ConditionExpression"] = condition.into();
}
