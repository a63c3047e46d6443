//! The parts of an answer, as the coverage names them: its headers, and the fields of its body. Only what a schema says of
//! every value is a part; what it says on a condition (`if`, `then`, `else`) narrows parts that stand elsewhere.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Place;

/// Names of parts: `NotFound header Vary`, `Key field usage`.
pub(crate) type Parts = BTreeSet<String>;

/// A header of a response.
pub(super) fn header(response: &Place, route: &str, name: &str) -> String {
    format!("{} header {name}", owner(response, route))
}

/// The headers and fields that a response promises.
pub(super) fn promised(response: &Place, route: &str) -> Parts {
    let mut parts = Parts::new();
    if let Some(headers) = response.child("headers") {
        parts.extend(headers.names().map(|name| header(response, route, name)));
    }
    if let Some(content) = response.child("content") {
        for kind in content.names() {
            let schema = content.child(kind).and_then(|it| it.child("schema")).expect("a schema");
            fields(&schema, &Spot::of(owner(response, route)), None, &mut parts);
        }
    }
    parts
}

/// The fields that a body has.
pub(super) fn present(response: &Place, route: &str, schema: &Place, body: &Value) -> Parts {
    let mut parts = Parts::new();
    fields(schema, &Spot::of(owner(response, route)), Some(body), &mut parts);
    parts
}

/// Whose a part is. What several routes share is one thing: a field or header of it counts as seen if any of them
/// answered it. So a shared refusal may promise on some routes what only others answer, such as `RateLimit` to a person.
fn owner<'a>(response: &'a Place, route: &'a str) -> &'a str {
    response.pointer.strip_prefix("/components/responses/").unwrap_or(route)
}

/// Where a value stands: whose it is, and in which field.
struct Spot<'a> {
    owner: &'a str,
    path: String,
}

impl<'a> Spot<'a> {
    fn of(owner: &'a str) -> Self {
        Self { owner, path: String::new() }
    }
}

/// Notes the fields that this body has, or all of a schema without a body.
fn fields(schema: &Place, spot: &Spot, body: Option<&Value>, parts: &mut Parts) {
    // A description may stand beside a reference.
    if let Some(reference) = schema.value["$ref"].as_str() {
        let referred = Place::at(reference.trim_start_matches('#').to_owned()).expect("what is referred to");
        return fields(&referred, spot, body, parts);
    }
    let named = schema.pointer.strip_prefix("/components/schemas/").filter(|name| !name.contains('/'));
    let spot = &Spot { owner: named.unwrap_or(spot.owner), path: named.map_or(spot.path.clone(), |_| String::new()) };
    if let Some(properties) = schema.child("properties") {
        for name in properties.names() {
            let value = body.and_then(|body| body.get(name));
            if body.is_some() && value.is_none() {
                continue;
            }
            let dot = if spot.path.is_empty() { "" } else { "." };
            let inner = Spot { owner: spot.owner, path: format!("{}{dot}{name}", spot.path) };
            parts.insert(format!("{} field {}", inner.owner, inner.path));
            fields(&properties.child(name).expect("a field"), &inner, value, parts);
        }
    }
    if let Some(items) = schema.child("items") {
        let inner = Spot { owner: spot.owner, path: format!("{}[]", spot.path) };
        match body {
            None => fields(&items, &inner, None, parts),
            Some(body) => body.as_array().into_iter().flatten().for_each(|it| fields(&items, &inner, Some(it), parts)),
        }
    }
    for list in ["allOf", "oneOf"] {
        for index in 0..schema.value[list].as_array().map_or(0, Vec::len) {
            let part = schema.child(list).and_then(|it| it.child(&index.to_string())).expect("a part");
            fields(&part, spot, body, parts);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openapi::find;

    #[test]
    fn a_part_is_promised_by_what_describes_it_and_present_if_it_is_there() {
        let operation = find(&reqwest::Method::GET, "/keys/x/history").expect("an operation");
        let response = operation.place.child("responses").and_then(|it| it.child("200")).expect("a response");
        let schema = Place::at("/components/schemas/History".to_owned()).expect("a schema");
        let promised = promised(&response, "GET /keys/{id}/history 200");
        let body =
            json!({ "events": [{ "changes": { "name": { "from": null, "to": "Shop" } } }], "next_cursor": null });
        let present = present(&response, "GET /keys/{id}/history 200", &schema, &body);

        let names = ["History field events", "Event field changes.name", "Change field from", "Change field to"];
        assert!(names.iter().all(|name| promised.contains(*name) && present.contains(*name)), "{present:?}");
        let absent = ["Event field changes.limits", "Limits field per_day", "GET /keys/{id}/history 200 header Vary"];
        assert!(absent.iter().all(|name| promised.contains(*name) && !present.contains(*name)), "{promised:?}");
        assert!(present.is_subset(&promised));
    }
}
