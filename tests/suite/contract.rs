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
