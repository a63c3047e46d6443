//! The parts of a response, as the coverage names them: its headers and the fields of its body. Only unconditional
//! parts of a schema count; `if`, `then` and `else` narrow parts that are listed elsewhere.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Place;

/// The names of parts, such as `NotFound header Vary` and `Key field usage`.
pub(crate) type Parts = BTreeSet<String>;

/// The name of a response header.
pub(super) fn header(documented: &Place, route: &str, name: &str) -> String {
    format!("{} header {name}", owner(documented, route))
}

/// The documented headers and fields of a response.
pub(super) fn documented_parts(documented: &Place, route: &str) -> Parts {
    let mut parts = Parts::new();
    if let Some(headers) = documented.child("headers") {
        parts.extend(headers.names().map(|name| header(documented, route, name)));
    }
    if let Some(content) = documented.child("content") {
        for kind in content.names() {
            let schema = content.child(kind).and_then(|it| it.child("schema")).expect("a schema");
            fields(&schema, &Position::of(owner(documented, route)), None, &mut parts);
        }
    }
    parts
}

/// The fields that are present in a body.
pub(super) fn present(documented: &Place, route: &str, schema: &Place, body: &Value) -> Parts {
    let mut parts = Parts::new();
    fields(schema, &Position::of(owner(documented, route)), Some(body), &mut parts);
    parts
}

/// The owner of a part. A component that several routes share is one owner: its part counts as seen if any of the
/// routes returned it. So a shared problem may document a header that only some routes return, such as `RateLimit`.
fn owner<'a>(documented: &'a Place, route: &'a str) -> &'a str {
    documented.pointer.strip_prefix("/components/responses/").unwrap_or(route)
}

/// The position of a value: its owner and its field.
struct Position<'a> {
    owner: &'a str,
    path: String,
}

impl<'a> Position<'a> {
    fn of(owner: &'a str) -> Self {
        Self { owner, path: String::new() }
    }
}

/// Collects the fields that are present in this body, or every field of the schema if there is no body.
fn fields(schema: &Place, position: &Position, body: Option<&Value>, parts: &mut Parts) {
    // A reference may have a description beside it.
    if let Some(reference) = schema.value["$ref"].as_str() {
        let referred = Place::at(reference.trim_start_matches('#').to_owned()).expect("a referenced schema");
        return fields(&referred, position, body, parts);
    }
    let named = schema.pointer.strip_prefix("/components/schemas/").filter(|name| !name.contains('/'));
    let position = &Position {
        owner: named.unwrap_or(position.owner),
        path: named.map_or(position.path.clone(), |_| String::new()),
    };
    if let Some(properties) = schema.child("properties") {
        for name in properties.names() {
            let value = body.and_then(|body| body.get(name));
            if body.is_some() && value.is_none() {
                continue;
            }
            let dot = if position.path.is_empty() { "" } else { "." };
            let inner = Position { owner: position.owner, path: format!("{}{dot}{name}", position.path) };
            parts.insert(format!("{} field {}", inner.owner, inner.path));
            fields(&properties.child(name).expect("a field"), &inner, value, parts);
        }
    }
    if let Some(items) = schema.child("items") {
        let inner = Position { owner: position.owner, path: format!("{}[]", position.path) };
        match body {
            None => fields(&items, &inner, None, parts),
            Some(body) => body.as_array().into_iter().flatten().for_each(|it| fields(&items, &inner, Some(it), parts)),
        }
    }
    for list in ["allOf", "oneOf"] {
        for index in 0..schema.value[list].as_array().map_or(0, Vec::len) {
            let part = schema.child(list).and_then(|it| it.child(&index.to_string())).expect("a part");
            fields(&part, position, body, parts);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openapi::document::find;

    #[test]
    fn a_part_is_documented_by_the_schema_and_present_if_the_body_has_it() {
        let operation = find(&reqwest::Method::GET, "/keys/x/history").expect("an operation");
        let response = operation.place.child("responses").and_then(|it| it.child("200")).expect("a response");
        let schema = Place::at("/components/schemas/History".to_owned()).expect("a schema");
        let documented = documented_parts(&response, "GET /keys/{id}/history 200");
        let body =
            json!({ "events": [{ "changes": { "name": { "from": null, "to": "Shop" } } }], "next_cursor": null });
        let present = present(&response, "GET /keys/{id}/history 200", &schema, &body);

        let names = ["History field events", "Changes field name", "Change field from", "Change field to"];
        assert!(names.iter().all(|name| documented.contains(*name) && present.contains(*name)), "{present:?}");
        let absent = ["Changes field limits", "Limits field per_day", "GET /keys/{id}/history 200 header Vary"];
        assert!(absent.iter().all(|name| documented.contains(*name) && !present.contains(*name)), "{documented:?}");
        assert!(present.is_subset(&documented));
    }
}
