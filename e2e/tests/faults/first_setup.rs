//! The first set-up, raced.

use e2e::{Browser, fresh_email, own_stack};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn of_200_simultaneous_set_ups_one_wins() {
    let (stack, _dir) = own_stack(&[]).await;
    let browser = Browser::new(stack.urls());
    let status = browser.clone().get("/api/admin/status").await.expect(200).json();
    assert_eq!(status, json!({ "initialized": false, "hasAdmin": false, "userCount": 0 }));

    let attempts = (0..200).map(|number| {
        let mut browser = browser.clone();
        async move {
            let name = format!("Admin {number}");
            let body = json!({ "name": name, "email": fresh_email(), "password": "correct horse" });
            browser.post("/api/setup", &body).await
        }
    });
    let answers = join_all(attempts).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.clone().expect_error(400, "System is already initialized");
    }
    assert_eq!(won[0].json()["user"]["role"], "admin");
    let status = browser.clone().get("/api/admin/status").await.expect(200).json();
    assert_eq!(status, json!({ "initialized": true, "hasAdmin": true, "userCount": 1 }));
}
