//! The examples of `docs/openapi.yaml`: each is valid by its schema, and each problem is what the API sends.

use serde_json::Value;
use shared::domain::channel::{ChannelId, Channels, Slug, Slugs};
use shared::domain::id::KeyId;
use shared::domain::key::{KeyName, KeyReference};
use shared::domain::permission::Permission;
use shared::domain::scope::{self, Scope};
use shared::http::json_body::FieldError;
use shared::http::problem::Problem;

use super::document::{DOCUMENT, Place};
use super::validate::schema_errors;

/// The template, which holds the details of the gateway responses.
const TEMPLATE: &str = include_str!("../../../infra/template.yaml");

/// Collects every example below this value with the pointer of its schema: of a body, a parameter or a header.
fn examples(place: &Place, found: &mut Vec<(String, Place)>) {
    if let Some(schema) = place.child("schema").filter(|schema| schema.value.is_object()) {
        let several = place.child("examples");
        let values = several.iter().flat_map(|it| it.names().filter_map(|name| it.child(name)?.child("value")));
        found.extend(values.chain(place.child("example")).map(|example| (schema.pointer.clone(), example)));
    }
    let inner: Vec<String> = match place.value {
        Value::Array(values) => (0..values.len()).map(|index| index.to_string()).collect(),
        _ => place.names().map(str::to_owned).collect(),
    };
    for name in inner.iter().filter(|name| *name != "$ref") {
        // A referenced value is visited at its own pointer.
        let pointer = format!("{}/{}", place.pointer, name.replace('~', "~0").replace('/', "~1"));
        if let Some(value) = DOCUMENT.pointer(&pointer).filter(|value| value["$ref"].is_null()) {
            examples(&Place { pointer, value }, found);
        }
    }
}

#[test]
fn every_example_is_valid_by_its_schema() {
    let mut found = Vec::new();
    examples(&Place { pointer: String::new(), value: &DOCUMENT }, &mut found);

    let of = |part: &str| found.iter().filter(|(_, example)| example.pointer.contains(part)).count();
    for part in ["/requestBody/", "/responses/", "/components/examples/", "/parameters/", "/headers/"] {
        assert!(of(part) > 5, "{part}: {}", of(part));
    }
    let wrong: Vec<String> = found
        .iter()
        .filter_map(|(schema, example)| Some(format!("{}: {}", example.pointer, schema_errors(schema, example.value)?)))
        .collect();
    assert_eq!(wrong, [""; 0]);
}

fn slug(text: &str) -> Slug {
    Slug::try_from(text.to_owned()).expect("a slug")
}

/// The problems of the functions, with the values of the examples.
fn problems() -> Vec<Problem> {
    let key = |id: &str, name: &str| KeyReference {
        id: KeyId::try_from(id.to_owned()).expect("an id"),
        name: KeyName::from_stored(name.to_owned()),
    };
    let in_use = vec![key("01M83XVD704T1XW8C6J3Q0R5YD", "Newsroom"), key("01M83XJ8808Z0M6T5V3N9K2H7B", "Webshop")];
    let error = |pointer: &str, detail: String| FieldError { pointer: pointer.to_owned(), detail };
    let invalid_slug = Slug::try_from("Ops".to_owned()).expect_err("not a slug").to_string();
    let scope = Scope::Channels(Channels::from([(slug("ops"), ChannelId::from_stored(String::new()))]));
    let outside = scope::decide(&scope, Some(&Slugs::from([slug("news")]))).expect_err("an out-of-scope error");
    vec![
        Problem::InvalidBody(vec![
            error("/title", "is required".to_owned()),
            error("/target/channels/1", invalid_slug),
        ]),
        Problem::NoAccount,
        Problem::AdminRequired,
        Problem::KeyInactive,
        Problem::KeyExpired,
        Problem::PermissionDenied(Permission::SendPush),
        Problem::Scope(outside),
        Problem::Scope(scope::ScopeError::EmptyScope),
        Problem::NotFound("key"),
        Problem::ChannelExists,
        Problem::KeyLimitReached(1_000),
        Problem::ChannelLimitReached(1_000),
        Problem::ChannelInUse(in_use),
        Problem::EditConflict,
        Problem::AlreadyCreated(key("01M83XJ8808Z0M6T5V3N9K2H7B", "Webshop").id),
        Problem::IdempotencyInProgress { retry_after: 17 },
        Problem::PreconditionFailed,
        Problem::IdempotencyMismatch,
        Problem::PushTooLarge(3_994),
        Problem::UnknownChannel(Slugs::from([slug("nope")])),
        Problem::TooManyChannels(70),
        Problem::RateLimited { retry_after: 17 },
        Problem::internal("a cause"),
        Problem::Unavailable("a cause".into()),
    ]
}

#[test]
fn the_example_of_a_problem_is_what_the_api_sends() {
    let examples = DOCUMENT["components"]["examples"].as_object().expect("examples");
    let sent = problems();
    for (name, example) in examples.iter().filter(|(_, example)| !example["value"]["code"].is_null()) {
        let example = &example["value"];
        let (code, detail) = (example["code"].as_str().expect("a code"), example["detail"].as_str().expect("a detail"));
        let by_gateway = TEMPLATE.contains(&format!(r#""code":"{code}","detail":"{detail}""#));
        let by_function = sent.iter().any(|it| it.row().code == code && it.detail() == detail);
        // The detail of an invalid parameter depends on the route.
        assert!(by_gateway || by_function || code == "invalid_parameter", "{name}: {detail}");
    }
    for problem in &sent {
        let code = problem.row().code;
        let mut body: Value =
            serde_json::from_str(&problem.body("0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10")).expect("JSON");
        let example = &examples[code]["value"];
        if example["refused"] == "" {
            // The gateway writes this one too.
            (body["refused"], body["allowed"]) = ("".into(), "".into());
        }
        assert_eq!(example, &body, "{code}");
    }
}
