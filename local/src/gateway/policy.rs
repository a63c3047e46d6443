//! Evaluates the IAM policy that a Lambda authorizer returns: an explicit Deny wins, and the default is Deny.

use serde_json::Value;
use wildmatch::WildMatch;

use crate::template::values::one_or_many;

/// The effect of a policy on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// The policy's effect on a method; `None` for an invalid policy.
pub(super) fn evaluate(policy: &Value, method_arn: &str) -> Option<Effect> {
    let mut allowed = false;
    for statement in one_or_many(policy.get("Statement")?) {
        let effect = match statement.get("Effect")?.as_str()? {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            _ => return None,
        };
        // Conditions depend on context keys that this gateway does not have.
        if statement.get("Condition").is_some() {
            return None;
        }
        let actions = strings(statement.get("Action")?)?;
        let resources = strings(statement.get("Resource")?)?;
        let applies = actions.iter().any(|it| wildcard_match(&it.to_ascii_lowercase(), "execute-api:invoke"))
            && resources.iter().any(|it| wildcard_match(it, method_arn));
        match effect {
            Effect::Deny if applies => return Some(Effect::Deny),
            Effect::Allow if applies => allowed = true,
            Effect::Allow | Effect::Deny => {}
        }
    }
    Some(if allowed { Effect::Allow } else { Effect::Deny })
}

fn strings(value: &Value) -> Option<Vec<&str>> {
    one_or_many(value).iter().map(Value::as_str).collect()
}

/// Matches IAM's wildcards: `*` for any characters and `?` for one.
fn wildcard_match(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a*", "a", true),
            ("*", "", true),
            ("a/*/GET/*", "a/v1/GET/keys/1", true),
            ("a/*/POST/*", "a/v1/GET/keys/1", false),
            ("*b*c", "aabxbc", true),
            ("*?c", "c", false),
            ("a**c", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a", "ab", false),
            ("ab", "a", false),
            ("", "a", false),
            ("", "", true),
            ("a*b", "axbx", false),
            ("?", "\u{e9}", true),
        ] {
            assert_eq!(wildcard_match(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn an_explicit_deny_wins_and_the_default_is_deny() {
        let statement = |effect: &str, resource: &str| json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource});
        let policy = |statements: &[Value]| json!({"Statement": statements});
        for (given, expected) in [
            (policy(&[statement("Allow", "*"), statement("Deny", "a")]), Some(Effect::Deny)),
            (policy(&[statement("Deny", "b"), statement("Allow", "a")]), Some(Effect::Allow)),
            (policy(&[]), Some(Effect::Deny)),
            (json!({"Statement": statement("Allow", "a")}), Some(Effect::Allow)),
            (policy(&[statement("allow", "a")]), None),
            (json!({}), None),
            (Value::Null, None),
        ] {
            assert_eq!(evaluate(&given, "a"), expected, "{given}");
        }
    }
}
