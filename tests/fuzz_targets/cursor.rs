//! Target `cursor`: the cursor of a page leads to the entry after it, and an accepted cursor is one that a list gave.

use bolero::TypeGenerator;
use serde_json::json;
use shared::domain::id::KeyId;
use shared::domain::time::Timestamp;
use shared::http::auth::{self, Member};
use shared::http::from_event;
use shared::http::pagination::PageRequest;
use shared::store::Page;

use crate::corpus::fuzz;

#[derive(Clone, Debug, TypeGenerator)]
struct Input {
    millis: u32,
    at: u8,
    byte: u8,
    noise: Vec<u8>,
}

/// The page of this cursor, or the first one.
fn page(cursor: Option<&str>, member: &Member) -> Option<PageRequest<KeyId>> {
    let query = cursor.map_or(json!({}), |cursor| json!({ "cursor": cursor }));
    PageRequest::parse(&from_event(json!({ "resource": "/keys", "queryStringParameters": query })), member).ok()
}

fn cursor_after(id: &KeyId, member: &Member) -> String {
    let entries = Page { items: vec![id.clone()], more: true };
    page(None, member).expect("a page").next_cursor(&entries, KeyId::as_str).expect("a cursor")
}

#[test]
fn a_cursor_is_one_that_a_list_gave() {
    let claims = json!({ "sub": "1", "aud": "console", "custom:account": "acme", "custom:role": "member" });
    let user = from_event(json!({
        "stageVariables": { "app_client": "console" }, "requestContext": { "authorizer": { "claims": claims } },
    }));
    let member = auth::member(&user).unwrap_or_else(|_| panic!("a member"));
    fuzz("cursor", move |input: Input| {
        let parse = |cursor: &str| page(Some(cursor), &member)?.after;
        let id = KeyId::generate(Timestamp::from_millis(i64::from(input.millis)));
        let cursor = cursor_after(&id, &member);
        assert_eq!(parse(&cursor), Some(id));

        let mut changed = cursor.into_bytes();
        let at = usize::from(input.at) % changed.len();
        changed[at] = input.byte;
        for text in [changed, input.noise].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            if let Some(id) = parse(&text) {
                assert_eq!(cursor_after(&id, &member), text, "two cursors of one entry");
            }
        }
    });
}
