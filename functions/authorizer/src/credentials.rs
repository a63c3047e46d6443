//! The key of a request, from `Authorization: Bearer …` or `x-api-key`. It may be sent more than once; two different keys are
//! no key.

use serde_json::Value;

/// The string that the request presents as its key. Parsing is lenient: no event makes it fail.
pub(crate) fn presented(event: &Value) -> Option<String> {
    let authorization = values(event, "authorization").into_iter().map(|value| bearer(&value));
    let api_key = values(event, "x-api-key").into_iter().map(|value| Some(unpadded(&value).to_owned()));
    let mut all = authorization.chain(api_key);
    let first = all.next()??;

    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The token of `Bearer <token>`; the scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = unpadded(value).split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| unpadded(token).to_owned())
}

/// A value without the spaces around it. Other white space is part of the value: `str::trim` would accept a string that is not
/// the key.
fn unpadded(value: &str) -> &str {
    value.trim_matches(' ')
}

/// All values of a header; names are case-insensitive.
fn values(event: &Value, name: &str) -> Vec<String> {
    let named = |headers: &Value| -> Vec<Value> {
        let headers = headers.as_object().into_iter().flatten();
        headers.filter(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
    };
    let many = named(&event["multiValueHeaders"]).into_iter().flat_map(|values| match values {
        Value::Array(values) => values,
        other => vec![other],
    });
    let all = many.chain(named(&event["headers"]));

    // A header that is not text is present, and is not a key.
    all.map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_read_from_either_header_and_two_different_keys_are_none() {
        for (headers, expected) in [
            (json!({ "Authorization": "Bearer k" }), Some("k")),
            (json!({ "authorization": "bearer  k " }), Some("k")),
            (json!({ "X-API-Key": "k" }), Some("k")),
            (json!({ "Authorization": "Bearer k", "x-api-key": "k" }), Some("k")),
            (json!({ "Authorization": "Bearer k", "x-api-key": "other" }), None),
            (json!({ "Authorization": "Bearer k", "x-api-key": "" }), None),
            (json!({ "Authorization": "Basic k", "x-api-key": "k" }), None),
            (json!({ "Authorization": "k" }), None),
            (json!({ "Authorization": null }), None),
            (json!({}), None),
            (json!(null), None),
            (json!([1]), None),
        ] {
            let event = json!({ "headers": headers });
            assert_eq!(presented(&event).as_deref(), expected, "{event}");
        }
    }

    #[test]
    fn the_values_of_repeated_headers_must_be_equal() {
        for (headers, expected) in [
            (json!({ "x-api-key": ["a", "a"] }), Some("a")),
            (json!({ "x-api-key": ["a", " a "] }), Some("a")),
            (json!({ "x-api-key": ["b", "a"] }), None),
            (json!({ "X-Api-Key": ["a"], "x-api-key": ["b"] }), None),
            (json!({ "Authorization": ["Bearer a", "bearer a"] }), Some("a")),
            (json!({ "Authorization": ["Bearer a", "Bearer b"] }), None),
            (json!({ "Authorization": ["Bearer a", "Basic a"] }), None),
            (json!({ "Authorization": ["Bearer a"], "x-api-key": ["a", "a"] }), Some("a")),
            (json!({ "Authorization": ["Bearer a"], "x-api-key": ["a", "b"] }), None),
            // A list in one value is one string, which is not a key.
            (json!({ "Authorization": ["Bearer a, Bearer a"] }), Some("a, Bearer a")),
            (json!({ "x-api-key": ["a, a"] }), Some("a, a")),
        ] {
            let event = json!({ "multiValueHeaders": headers });
            assert_eq!(presented(&event).as_deref(), expected, "{event}");
        }
    }

    #[test]
    fn only_spaces_around_a_key_are_ignored() {
        for other in
            ["\t", "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{a0}", "\u{2003}", "\u{2028}", "\u{3000}", "\u{feff}"]
        {
            for value in [format!("{other}k"), format!("k{other}"), format!(" {other} k")] {
                let event = json!({ "headers": { "x-api-key": value } });
                assert_ne!(presented(&event).as_deref(), Some("k"), "{event}");
                let event = json!({ "headers": { "Authorization": format!("Bearer {value}") } });
                assert_ne!(presented(&event).as_deref(), Some("k"), "{event}");
            }
            let event = json!({ "headers": { "Authorization": format!("{other}Bearer k") } });
            assert_eq!(presented(&event), None, "{event}");
            let event = json!({ "headers": { "Authorization": format!("Bearer{other}k") } });
            assert_eq!(presented(&event), None, "{event}");
        }
    }
}
