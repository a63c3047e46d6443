//! `GET /console` and `GET /console/{file}`: the page, its policy, and its files.

use reqwest::Method;
use serde_json::Value;
use tests::{App, Response};

async fn get(app: &App, path: &str) -> Response {
    app.send(app.request(Method::GET, path)).await.expect(200)
}

/// The texts between these two, in a page.
fn between<'a>(page: &'a str, start: &str, end: char) -> Vec<&'a str> {
    page.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_told_where_to_sign_in_and_connects_to_nothing_else() {
    let app = App::start().await;
    let page = get(&app, "/console").await;
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let config = between(&page.text, "<script type=\"application/json\" id=\"config\">", '<');
    let config: Value = serde_json::from_str(config[0]).expect("JSON");
    let text = |name: &str| config[name].as_str().expect("text").to_owned();
    assert!(text("authorize").ends_with("/oauth2/authorize") && text("token").ends_with("/oauth2/token"), "{config}");
    assert!(text("logout").ends_with("/logout") && !text("client_id").is_empty(), "{config}");

    let policy = page.header("Content-Security-Policy").expect("a policy");
    let origin: String = text("token").split('/').take(3).collect::<Vec<_>>().join("/");
    assert!(policy.contains(&format!("connect-src 'self' {origin};")), "{policy}");
    assert!(!policy.contains("unsafe-") && !policy.contains('*'), "{policy}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_of_the_page_is_kept_and_the_page_is_asked_for_again() {
    let app = App::start().await;
    let page = get(&app, "/console").await;
    let files: Vec<_> = between(&page.text, "=\"/v1/console/", '"');
    let kinds: Vec<_> = files.iter().filter_map(|name| Some(name.rsplit_once('.')?.1)).collect();
    assert!(kinds.contains(&"js") && kinds.contains(&"css"), "{files:?}");
    for name in files {
        let file = get(&app, &format!("/console/{name}")).await;
        assert_eq!(file.header("Cache-Control"), Some("public, max-age=31536000, immutable"), "{name}");
        assert!(!file.text.is_empty(), "{name}");
    }
    let worker = get(&app, "/console/sw.js").await;
    assert_eq!(worker.header("Content-Type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(worker.header("Cache-Control"), Some("no-cache"));
    get(&app, "/console/licenses.md").await;

    let tag = page.header("ETag").expect("a tag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let again = app.send(app.request(Method::GET, "/console").header("If-None-Match", &known)).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{known}");
    }
    app.send(app.request(Method::GET, "/console").header("If-None-Match", "\"other\"")).await.expect(200);
    for unknown in ["index.html", "main.tsx", "x"] {
        app.send(app.request(Method::GET, &format!("/console/{unknown}"))).await.assert_problem(404, "not_found");
    }
    app.stop().await;
}
