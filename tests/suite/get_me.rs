//! `GET /me`: who is signed in.

use serde_json::json;
use tests::App;

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_and_a_member_see_their_own_name_account_and_role() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let created_by = admin.get(&format!("/keys/{}", key.id)).await.expect(200).json()["created_by"].clone();

    let me = admin.get("/me").await.expect(200).json();
    assert_eq!((&me["account"], &me["role"]), (&json!(app.account("acme")), &json!("admin")));
    assert_eq!((&me["user"]["id"], &me["user"]["name"]), (&created_by["id"], &created_by["name"]));
    assert!(me["user"]["email"].as_str().is_some_and(|email| email.contains('@')), "{me}");

    let member = app.user("member@acme").await.get("/me").await.expect(200).json();
    assert_eq!(
        (&member["user"]["name"], &member["account"], &member["role"]),
        (&json!("Max"), &me["account"], &json!("member"))
    );
    assert_ne!(member["user"]["id"], me["user"]["id"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_an_account_is_told_so() {
    let app = App::start().await;
    app.user("nobody@nowhere").await.get("/me").await.assert_problem(403, "no_account");
    app.stop().await;
}
