//! Whether an IAM policy allows a method to be invoked: a Deny wins, and what nothing allows is denied.

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// The policy's effect on a method, or nothing if it is not a policy that can be read.
pub(crate) fn evaluate(policy: &Value, method_arn: &str) -> Option<Effect> {
    let mut allowed = false;
    for statement in one_or_many(policy.get("Statement")?) {
        let effect = match statement.get("Effect")?.as_str()? {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            _ => return None,
        };
        // Conditions depend on keys that this gateway does not have.
        if statement.get("Condition").is_some() {
            return None;
        }
        let actions = texts(statement.get("Action")?)?;
        let resources = texts(statement.get("Resource")?)?;
        let applies = actions.iter().any(|it| covers(&it.to_ascii_lowercase(), "execute-api:invoke"))
            && resources.iter().any(|it| covers(it, method_arn));
        match effect {
            Effect::Deny if applies => return Some(Effect::Deny),
            Effect::Allow if applies => allowed = true,
            Effect::Allow | Effect::Deny => {}
        }
    }
    Some(if allowed { Effect::Allow } else { Effect::Deny })
}

fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    one_or_many(value).iter().map(Value::as_str).collect()
}

/// Whether the pattern, with `*` for any text and `?` for any letter, covers the whole text.
fn covers(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut in_text) = (0, 0);
    // Where the last star stands, and the text that it covers so far.
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((star_at, covered)) = star else { return false };
                star = Some((star_at, covered + 1));
                at = star_at + 1;
                in_text = covered + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stars_cover_any_text() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a*", "a", true),
            ("*", "", true),
            ("a/*/GET/*", "a/v1/GET/keys/1", true),
            ("a/*/POST/*", "a/v1/GET/keys/1", false),
            ("*b*c", "aabxbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a", "ab", false),
        ] {
            assert_eq!(covers(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_deny_wins_and_silence_denies() {
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
