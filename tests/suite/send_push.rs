//! `POST /push`: a push arrives at a browser, encrypted and signed.

use serde_json::json;
use tests::App;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_arrives_encrypted_and_signed() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &["ops"]).await;
    let key = app.key().create().await;

    let accepted = key.push(&json!({ "title": "Hello", "urgency": "high" })).await.expect(202).json();
    app.delivered().await;

    let received = browser.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].plaintext, format!(r#"{{"id":{},"title":"Hello"}}"#, accepted["id"]));
    assert_eq!(received[0].headers["Urgency"], "high");
    let status = key.get(&format!("/push/{}", accepted["id"].as_str().expect("an id"))).await.expect(200).json();
    assert_eq!(status["status"], "done");
    assert_eq!(status["counts"], json!({ "recipients": 1, "delivered": 1, "gone": 0, "failed": 0 }));
    app.stop().await;
}
