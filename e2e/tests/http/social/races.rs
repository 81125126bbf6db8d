//! Real concurrency

use std::collections::BTreeSet;

use e2e::{Answer, Browser, at_provider, fresh_email, fresh_id, github, google};
use futures_util::future::join_all;
use serde_json::json;

use super::{accounts_of, plain, proved_user, stores, stranger, user_of};

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn of_50_callbacks_with_one_state_one_opens_a_session() {
    let email = fresh_email();
    let mut browser = stranger().await;
    let wish = github(fresh_id(), &email, true);
    let back = browser.to_provider_and_back(&plain("github"), &wish).await;
    let callbacks = (0..50).map(|_| {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move { browser.get(&back).await.expect(302) }
    });
    let answers = join_all(callbacks).await;
    let through: Vec<_> = answers.iter().filter(|answer| location(answer) == "/dash").collect();
    assert_eq!(through.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| location(answer) != "/dash") {
        assert!(location(answer).ends_with("?error=state_mismatch"), "{answer:?}");
        assert!(answer.set_cookies().is_empty(), "{answer:?}");
    }
    let sessions: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM session.session s JOIN identity.user u ON u.id = s.user_id WHERE u.email = $1",
    )
    .bind(&email)
    .fetch_one(&stores().await.db)
    .await
    .expect("a count");
    assert_eq!(sessions, 1);
}

/// Browsers that come back at once, each from a flow of its own.
async fn come_back_at_once(wishes: Vec<(&str, serde_json::Value)>) -> Vec<(Browser, Answer)> {
    let mut waiting = Vec::new();
    for (provider, wish) in wishes {
        let mut browser = stranger().await;
        let back = browser.to_provider_and_back(&plain(provider), &wish).await;
        waiting.push((browser, back));
    }
    let arrivals = waiting.into_iter().map(|(mut browser, back)| async move {
        let answer = browser.get(&back).await;
        (browser, answer)
    });
    join_all(arrivals).await
}

#[tokio::test]
async fn of_many_first_sign_ins_of_one_identity_one_makes_a_user() {
    for _ in 0..3 {
        let wish = github(fresh_id(), &fresh_email(), true);
        let arrived = come_back_at_once(vec![("github", wish); 8]).await;
        let mut users = BTreeSet::new();
        for (mut browser, answer) in arrived {
            answer.expect_redirect("/dash");
            users.insert(user_of(&mut browser).await["id"].to_string());
        }
        assert_eq!(users.len(), 1, "{users:?}");
    }
}

#[tokio::test]
async fn two_identities_of_one_proved_address_are_one_user() {
    for _ in 0..3 {
        let email = fresh_email();
        let wishes = vec![
            ("github", github(fresh_id(), &email, true)),
            ("google", google(fresh_id(), &email, true)),
        ];
        let mut users = BTreeSet::new();
        let mut accounts = 0;
        for (mut browser, answer) in come_back_at_once(wishes).await {
            answer.expect_redirect("/dash");
            users.insert(user_of(&mut browser).await["id"].to_string());
            accounts = accounts_of(&mut browser).await.len();
        }
        assert_eq!((users.len(), accounts), (1, 2), "{users:?}");
    }
}

/// Neither proves the address: one of them gets it, the other is told that it is taken.
#[tokio::test]
async fn two_identities_of_one_unproved_address_are_not_one_user() {
    let email = fresh_email();
    let wishes = vec![
        ("github", github(fresh_id(), &email, false)),
        ("google", google(fresh_id(), &email, false)),
    ];
    let arrived = come_back_at_once(wishes).await;
    let mut places: Vec<_> = arrived.iter().map(|(_, answer)| location(answer)).collect();
    places.sort_unstable();
    assert_eq!(places, ["/dash", "/failed?error=account_not_linked"]);
}

#[tokio::test]
async fn an_identity_that_is_added_twice_at_once_is_added_once() {
    let mut user = proved_user().await;
    let wish = github(fresh_id(), &user.email, true);
    let body =
        json!({ "provider": "github", "callbackURL": "/linked", "errorCallbackURL": "/failed" });
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let mut browser = user.browser.clone();
        let begun = browser.post("/api/auth/link-social", &body).await.expect(200).json();
        let back = at_provider(e2e::text(&begun["url"]), &wish).await;
        waiting.push((browser, back));
    }
    let arrivals =
        waiting.into_iter().map(|(mut browser, back)| async move { browser.get(&back).await });
    for answer in join_all(arrivals).await {
        answer.expect_redirect("/linked");
    }
    assert_eq!(accounts_of(&mut user.browser).await.len(), 2);
}

/// One has the identity's address now, the other had it when they asked.
#[tokio::test]
async fn a_sign_in_and_a_link_at_once_leave_the_identity_with_one_user() {
    for _ in 0..3 {
        let mut user = proved_user().await;
        let wish = google(fresh_id(), &user.email, true);
        let body = json!({ "provider": "google", "callbackURL": "/linked", "errorCallbackURL": "/failed" });
        let begun = user.browser.post("/api/auth/link-social", &body).await.expect(200).json();
        let link_back = at_provider(e2e::text(&begun["url"]), &wish).await;
        let mut other = stranger().await;
        let back = other.to_provider_and_back(&plain("google"), &wish).await;
        let (linked, signed_in) = tokio::join!(user.browser.get(&link_back), other.get(&back));
        linked.expect_redirect("/linked");
        signed_in.expect_redirect("/dash");
        assert_eq!(user_of(&mut other).await["id"], json!(user.id));
        assert_eq!(accounts_of(&mut user.browser).await.len(), 2);
    }
}
