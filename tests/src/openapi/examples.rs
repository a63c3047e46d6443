//! Every example of the contract is what its schema describes, and every sentence of a refusal is the one that is answered.

use serde_json::Value;
use shared::channel::{ChannelId, Channels, Slug, Slugs};
use shared::fields::Mistake;
use shared::key::KeyName;
use shared::permission::Permission;
use shared::problem::Problem;
use shared::scope::{self, Scope};

use super::validate::mistakes;
use super::{DOCUMENT, Place};

/// The gateway's own sentences stand there.
const TEMPLATE: &str = include_str!("../../../infra/template.yaml");

/// Every example below this place, with the pointer of its schema: of a body, a parameter or a header.
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
        // What is referred to is found where it stands.
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
        .filter_map(|(schema, example)| Some(format!("{}: {}", example.pointer, mistakes(schema, example.value)?)))
        .collect();
    assert_eq!(wrong, [""; 0]);
}

fn slug(text: &str) -> Slug {
    Slug::try_from(text.to_owned()).expect("a slug")
}

/// What the functions refuse with, as the examples tell it.
fn problems() -> Vec<Problem> {
    let name = |text: &str| KeyName::stored(text.to_owned());
    let mistake = || Mistake { pointer: "/title".to_owned(), detail: "is required".to_owned() };
    let scope = Scope::Channels(Channels::from([(slug("ops"), ChannelId::stored(String::new()))]));
    let outside = scope::decide(&scope, Some(&Slugs::from([slug("news")]))).expect_err("it is outside");
    vec![
        Problem::InvalidBody(vec![mistake(), mistake()]),
        Problem::NoAccount,
        Problem::AdminRequired,
        Problem::KeyInactive,
        Problem::KeyExpired,
        Problem::PermissionDenied(Permission::Send),
        Problem::Scope(outside),
        Problem::Scope(scope::Refusal::EmptyScope),
        Problem::NotFound("key"),
        Problem::ChannelExists,
        Problem::ChannelInUse(vec![name("Newsroom"), name("Webshop")]),
        Problem::EditConflict,
        Problem::SendInFlight { retry_after: 17 },
        Problem::PreconditionFailed,
        Problem::SendMismatch,
        Problem::PushTooLarge(3_994),
        Problem::UnknownChannel(Slugs::from([slug("nope")])),
        Problem::TooManyChannels(70),
        Problem::RateLimited { retry_after: 17 },
        Problem::internal("a cause"),
        Problem::Unavailable("a cause".into()),
    ]
}

#[test]
fn an_example_of_a_refusal_says_what_is_answered() {
    let examples = DOCUMENT["components"]["examples"].as_object().expect("examples");
    let answered = problems();
    for (name, example) in examples.iter().filter(|(_, example)| !example["value"]["code"].is_null()) {
        let example = &example["value"];
        let (code, detail) =
            (example["code"].as_str().expect("a code"), example["detail"].as_str().expect("a sentence"));
        let by_gateway = TEMPLATE.contains(&format!(r#""code":"{code}","detail":"{detail}""#));
        let by_function = answered.iter().any(|it| it.row().code == code && it.detail() == detail);
        // The sentence of a parameter is that of its route.
        assert!(by_gateway || by_function || code == "invalid_parameter", "{name}: {detail}");
    }
    for problem in &answered {
        let code = problem.row().code;
        assert_eq!(examples[code]["value"]["detail"], problem.detail(), "{code}");
    }
}
