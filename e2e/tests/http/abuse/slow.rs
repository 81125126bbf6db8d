//! Clients that take their time (PR6).

use std::time::Duration;

use e2e::{Silence, Wire, shared};
use serde_json::json;

use super::user;

const OF_EACH_KIND: usize = 150;

/// Who has begun and does not go on.
async fn begun(kind: usize) -> Wire {
    let mut wire = Wire::open(&shared().await.gateway_url).await;
    let request = match kind {
        0 => "GET /api/public HTTP/1.1\r\nHost: localh",
        1 => {
            "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"email\":"
        }
        2 => {
            "POST /api/public HTTP/1.1\r\nHost: localhost\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\nhel"
        }
        // Asks for more than a socket's buffers hold and reads nothing of it.
        _ => "GET /api/auth/open-api/generate-schema HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    for _ in 0..if kind == 3 { 8 } else { 1 } {
        wire.send(request.as_bytes()).await;
    }
    wire
}

#[tokio::test]
async fn six_hundred_slow_clients_keep_nobody_waiting() {
    let mut user = user().await;
    let mut slow = Vec::new();
    for kind in 0..4 {
        for _ in 0..OF_EACH_KIND {
            slow.push(begun(kind).await);
        }
    }
    for round in 0..40 {
        // One more byte each, so that no connection is quite dead.
        for wire in slow.iter_mut().skip(round % 10).step_by(10) {
            wire.send(b"x").await;
        }
        assert!(user.browser.is_signed_in().await);
        user.browser.get("/api/request").await.expect(200);
        let signing_in = json!({ "email": "nobody", "password": "x" });
        user.browser.post("/api/auth/sign-in/email", &signing_in).await.expect(400);
    }
}

/// A body that stops is given up; an answer is not waited for by an upstream for ever.
#[tokio::test]
async fn a_body_that_stops_ends_its_connection() {
    let given_up = [1, 2].map(|kind| async move {
        let mut wire = begun(kind).await;
        let silence = wire.listen(Duration::from_mins(1)).await;
        assert_eq!(silence, Silence::Closed);
        let answers = wire.answers_so_far();
        assert!(answers.iter().all(|answer| answer.status >= 400), "{answers:?}");
    });
    futures_util::future::join_all(given_up).await;
}
