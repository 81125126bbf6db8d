//! Many callers on one connection (PA6): a proxy in front of ours sends everybody's
//! requests on the same few.

use e2e::{User, Wire, admin, dice, shared};
use rand::{RngExt, seq::IndexedRandom};

use super::{cookie_line, user};

const REQUESTS: usize = 1500;

/// Path, and what it answers to a stranger, a user and an admin.
const ROUTES: [(&str, [u16; 3]); 6] = [
    ("/api/public", [200, 200, 200]),
    ("/api/request", [401, 200, 200]),
    ("/api/admin-area", [401, 403, 200]),
    ("/api/auth/list-sessions", [401, 200, 200]),
    ("/api/auth/get-session", [200, 200, 200]),
    ("/api/ws/token", [401, 200, 200]),
];

#[tokio::test]
async fn a_verdict_is_for_one_request_and_no_other() {
    let (seed, mut rng) = dice();
    let users: Vec<User> = vec![user().await, user().await];
    let mut admin = admin(&shared().await).await;
    let admin_id = admin.browser.session().await["user"]["id"].clone();
    let mut wire = Wire::open(&shared().await.gateway_url).await;
    for _ in 0..REQUESTS {
        let (path, statuses) = ROUTES.choose(&mut rng).expect("some");
        let (cookie, status, id) = match rng.random_range(0..4) {
            0 => (String::new(), statuses[0], serde_json::Value::Null),
            1 => (cookie_line(&admin), statuses[2], admin_id.clone()),
            n => {
                let user = &users[n - 2];
                (cookie_line(user), statuses[1], user.id.clone().into())
            }
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n");
        wire.send(request.as_bytes()).await;
        let answer = wire.answer().await.unwrap_or_else(|silence| panic!("{silence:?}"));
        assert_eq!(answer.status, status, "seed {seed}: {request}");
        match *path {
            "/api/public" | "/api/request" if status == 200 => {
                assert_eq!(answer.json()["claims"]["sub"], id, "seed {seed}: {request}");
            }
            "/api/auth/get-session" => {
                assert_eq!(answer.json()["user"]["id"], id, "seed {seed}: {request}");
            }
            "/api/ws/token" if status == 200 => {
                assert_eq!(answer.json()["userId"], id, "seed {seed}: {request}");
            }
            _ => {}
        }
    }
}
