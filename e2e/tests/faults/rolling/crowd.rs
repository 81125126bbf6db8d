//! Those who use a stack while its parts are replaced, and what failed for them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use e2e::{Answer, Browser, Handshake, PASSWORD, Socket, User};
use serde_json::json;
use stack::{Process, Stack, Urls};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::rounds::{Round, Rounds};

/// How often each connection is used. The machine is to be busy, not overloaded: then
/// refusing is right.
const LOOKING: Duration = Duration::from_millis(200);

/// How many there are of each.
pub(super) struct Sizes {
    /// Who do all that users do: sign in, change, sign out, talk over a WebSocket.
    pub(super) users: usize,
    /// Connections on which a session is only used.
    pub(super) connections: usize,
}

pub(super) struct Crowd {
    stop: CancellationToken,
    /// What is being replaced, for those to whom something fails.
    meanwhile: Arc<Mutex<&'static str>>,
    rounds: Rounds,
    members: Vec<JoinHandle<Vec<String>>>,
}

/// What one of them needs to know.
struct Member {
    number: usize,
    round: Round,
    stop: CancellationToken,
    meanwhile: Arc<Mutex<&'static str>>,
    failures: Vec<String>,
}

impl Crowd {
    pub(super) async fn gather(stack: &Stack, sizes: Sizes) -> Self {
        let mut crowd = Self {
            stop: CancellationToken::new(),
            meanwhile: Arc::default(),
            rounds: Rounds::default(),
            members: Vec::new(),
        };
        for _ in 0..sizes.users {
            let user = Browser::new(stack.urls()).sign_up().await;
            let member = crowd.member();
            let work = member.live(user, stack.urls().clone());
            crowd.members.push(tokio::spawn(work));
        }
        let user = Browser::new(stack.urls()).sign_up().await;
        for _ in 0..sizes.connections {
            let member = crowd.member();
            crowd.members.push(tokio::spawn(member.look(user.browser.clone())));
        }
        crowd
    }

    fn member(&mut self) -> Member {
        Member {
            number: self.members.len(),
            round: self.rounds.begin(),
            stop: self.stop.clone(),
            meanwhile: Arc::clone(&self.meanwhile),
            failures: Vec::new(),
        }
    }

    /// From now on this is being replaced.
    pub(super) fn sees(&self, process: Process) {
        *self.meanwhile.lock().expect("whole") = process.name();
    }

    /// Returns when everybody has used everything since now, or somebody has left.
    pub(super) async fn goes_on(&self) {
        self.rounds.go_on().await.unwrap_or_else(|stuck| panic!("{stuck}"));
    }

    /// Ends it. Gives back what failed, and how often everybody has gone round.
    pub(super) async fn disperse(self) -> (Vec<String>, u64) {
        self.stop.cancel();
        let mut failures = Vec::new();
        for member in self.members {
            failures.extend(member.await.expect("no panic"));
        }
        (failures, self.rounds.total())
    }
}

impl Member {
    /// Does what users do, over and over.
    async fn live(mut self, user: User, urls: Urls) -> Vec<String> {
        let User { mut browser, email, .. } = user;
        let mut socket = None;
        while !self.stop.is_cancelled() {
            self.asks_each_service(&mut browser).await;
            self.signs_in_elsewhere(&browser, &email).await;
            socket = self.talks(socket, &urls).await;
            self.round.complete();
        }
        self.failures
    }

    async fn asks_each_service(&mut self, browser: &mut Browser) {
        let round = self.round.count();
        let name = json!({ "name": format!("Ann {} {round}", self.number) });
        let password = json!({ "password": PASSWORD });
        let answers = [
            ("the application", browser.get("/api/servers").await),
            ("session-svc", browser.get("/api/auth/list-sessions").await),
            ("identity-svc", browser.post("/api/auth/update-user", &name).await),
            ("mfa-svc", browser.post("/api/auth/two-factor/enable", &password).await),
        ];
        for (what, answer) in answers {
            self.expect(what, &answer);
        }
    }

    async fn signs_in_elsewhere(&mut self, browser: &Browser, email: &str) {
        let mut elsewhere = browser.clone();
        let answer = elsewhere.sign_in(email, PASSWORD).await;
        self.expect("sign-in", &answer);
        if answer.status == 200 {
            let answer = elsewhere.post("/api/auth/sign-out", &json!({})).await;
            self.expect("sign-out", &answer);
        }
    }

    /// Asks something over a socket, and opens another when it is told to come again.
    async fn talks(&mut self, socket: Option<Socket>, urls: &Urls) -> Option<Socket> {
        let mut socket = match socket {
            Some(socket) => socket,
            None => match Handshake::new(urls, "/api/ws").from_somewhere().open().await {
                Ok(socket) => socket,
                Err(refused) => {
                    self.fails(&format!("a socket: {refused:?}"));
                    return None;
                }
            },
        };
        // One that is being closed may take nothing any more; why, is heard.
        let ping = json!({ "type": "ping" }).to_string();
        socket.try_send(Message::Text(ping.into())).await.ok();
        match socket.next().await {
            Some(Message::Text(_)) => Some(socket),
            Some(Message::Close(Some(frame))) if u16::from(frame.code) == 1012 => None,
            other => {
                self.fails(&format!("on a socket: {other:?}"));
                None
            }
        }
    }

    /// Uses a session, on a connection of its own.
    async fn look(mut self, mut browser: Browser) -> Vec<String> {
        let mut pace = interval(LOOKING);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stop.is_cancelled() {
            pace.tick().await;
            if !browser.is_signed_in().await {
                self.fails("signed out");
            }
            self.round.complete();
        }
        self.failures
    }

    fn expect(&mut self, what: &str, answer: &Answer) {
        if answer.status != 200 {
            self.fails(&format!("{what}: {answer:?}"));
        }
    }

    fn fails(&mut self, what: &str) {
        let meanwhile = *self.meanwhile.lock().expect("whole");
        self.failures.push(format!("{meanwhile} is replaced; {what}"));
    }
}
