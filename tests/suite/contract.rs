//! The contract, the template and the pages of the problems speak of the same routes and codes.

use std::collections::BTreeSet;

use reqwest::Method;
use tests::contract::{Security, operations, problems};
use tests::{App, Laptop};

fn routes(laptop: &Laptop) -> BTreeSet<(String, Security)> {
    let security = |authorizer: Option<&str>| match authorizer {
        Some("People") => Security::Person,
        Some("Keys") => Security::Key,
        None => Security::Nobody,
        Some(other) => panic!("the contract has no name for the authorizer {other}"),
    };
    let routes = laptop.routes().iter();
    routes.map(|it| (format!("{} {}", it.method, it.resource), security(it.authorizer.as_deref()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_has_the_templates_routes_and_authorizers_and_no_others() {
    let app = App::start().await;
    let documented: BTreeSet<_> = operations().iter().map(|it| (it.name(), it.security)).collect();
    assert_eq!(routes(app.laptop()), documented);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_its_page_with_its_title_and_status() {
    let app = App::start().await;
    for (code, status, title) in problems() {
        let page = app.send(app.request(Method::GET, &format!("/problems/{code}"))).await.expect(200).text;
        assert!(page.contains(&format!("<title>{title} ({code})</title>")), "{code}: {page}");
        assert!(page.contains(&format!("<code>{status} {code}</code>")), "{code}: {page}");
    }
    let unknown = app.send(app.request(Method::GET, "/problems/no_such_code")).await;
    assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
    app.stop().await;
}

#[test]
fn every_page_is_of_a_code_of_the_contract() {
    let documented: BTreeSet<&str> = problems().into_iter().map(|(code, ..)| code).collect();
    assert_eq!(get_problem::codes().collect::<BTreeSet<_>>(), documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_laptop_shows_every_route_of_the_contract_to_read() {
    let app = App::start().await;
    let answer = app.send(app.request_outside(Method::GET, "/_local/api")).await.expect(200);

    assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
    let sections: Vec<&str> = answer.text.split("<h3 id=").collect();
    for operation in operations() {
        let name = format!("<code>{}</code></h3>", operation.name());
        let section = sections.iter().find(|section| section.contains(&name)).unwrap_or_else(|| panic!("no {name}"));
        for (status, codes) in operation.answers() {
            let shown = section.split("<summary>").find(|it| it.starts_with(&format!("<code>{status}</code>")));
            let shown = shown.unwrap_or_else(|| panic!("{name} has no {status}"));
            assert!(
                codes.iter().all(|code| shown.contains(&format!("<code>{code}</code>"))),
                "{name} {status}: {shown}"
            );
        }
    }
    assert!(answer.text.contains("overlap_seconds") && answer.text.contains("Idempotency-Key"));
    let elsewhere = ["src=", "http-equiv", "<script", "<link", "@import", "url("];
    assert!(elsewhere.iter().all(|it| !answer.text.contains(it)), "nothing is loaded from elsewhere");
    app.stop().await;
}
