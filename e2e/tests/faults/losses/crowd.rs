//! Users who sign up, come, change things and go, over and over, and the record of what
//! they were told.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use e2e::{
    Answer, Browser, PASSWORD, Stores, eventually, fresh_email, mail_to, mails_to, path_in, tick,
};
use serde_json::{Value, json};
use stack::{Stack, Urls};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::rounds::{Round, Rounds};

/// What was answered with a 200, and what should not have been answered at all.
#[derive(Default)]
struct Record {
    /// Each of these addresses was promised a mail.
    promised: Vec<String>,
    /// Each of these browsers was told that it is signed out.
    ended: Vec<Browser>,
    /// Answers that said to come again.
    outages: usize,
    /// How long somebody had to, until it was done.
    longest: Duration,
    wrong: Vec<String>,
}

pub(super) struct Crowd {
    stop: CancellationToken,
    rounds: Rounds,
    record: Arc<Mutex<Record>>,
    workers: Vec<JoinHandle<Worker>>,
}

impl Crowd {
    pub(super) async fn gather(stack: &Stack, size: usize) -> Self {
        let stop = CancellationToken::new();
        let mut rounds = Rounds::default();
        let record: Arc<Mutex<Record>> = Arc::default();
        let mut workers = Vec::new();
        for number in 0..size {
            let worker = Worker::arrive(stack.urls(), Arc::clone(&record)).await;
            workers.push(tokio::spawn(worker.work(number, rounds.begin(), stop.clone())));
        }
        Self { stop, rounds, record, workers }
    }

    /// Returns when everybody has done everything since now, or somebody has left.
    pub(super) async fn goes_on(&self) {
        if let Err(stuck) = self.rounds.go_on().await {
            let wrong = &self.record.lock().expect("nobody panicked").wrong;
            panic!("{stuck}: {wrong:?}");
        }
    }

    /// Sends everybody home, and sees whether all is as they were told.
    #[expect(clippy::print_stderr, reason = "for whoever runs it with --no-capture")]
    pub(super) async fn disperse(self, stack: &Stack) {
        self.stop.cancel();
        for worker in self.workers {
            worker.await.expect("no panic").finds_what_was_told().await;
        }
        let record = std::mem::take(&mut *self.record.lock().expect("nobody panicked"));
        record.holds(stack).await;
        eprintln!("{record}");
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { promised, ended, outages, longest, .. } = self;
        let (promised, ended) = (promised.len(), ended.len());
        write!(
            f,
            "{promised} sign-ups with their mails, {ended} sign-ins and sign-outs; {outages} answers \
             said to come again, {longest:.1?} at most until it was done"
        )
    }
}

impl Record {
    async fn holds(&self, stack: &Stack) {
        assert!(
            self.wrong.is_empty(),
            "{}: {:#?}",
            self.wrong.len(),
            &self.wrong[..self.wrong.len().min(5)]
        );
        assert!(!self.promised.is_empty() && !self.ended.is_empty(), "nobody did anything");
        for email in &self.promised {
            mail_to(&stack.urls().outbox, email).await;
        }
        // A mail that came twice says so by its id.
        for email in &self.promised {
            let mails = mails_to(&stack.urls().outbox, email);
            let ids: BTreeSet<_> = mails.iter().map(|mail| message_id(mail)).collect();
            assert_eq!(ids.len(), 1, "{email} has {} mails under {ids:?}", mails.len());
        }
        for browser in &self.ended {
            assert!(!browser.clone().is_signed_in().await, "a session that was ended lives");
        }
        no_promise_is_open(stack.urls()).await;
    }
}

/// What services have promised each other has been done.
pub(super) async fn no_promise_is_open(urls: &Urls) {
    let stores = Stores::open(urls).await;
    for table in ["identity.outbox", "mfa.outbox"] {
        let open = || async {
            let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let open: i64 = sqlx::query_scalar(count).fetch_one(&stores.db).await.ok()?;
            (open == 0).then_some(())
        };
        eventually(open).await.unwrap_or_else(|| panic!("{table} has promises that are open"));
    }
}

fn message_id(mail: &str) -> &str {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("an id")
}

/// Somebody with a verified address who is signed in and stays so.
struct Worker {
    urls: Urls,
    record: Arc<Mutex<Record>>,
    browser: Browser,
    email: String,
    password: String,
    name: String,
}

impl Worker {
    async fn arrive(urls: &Urls, record: Arc<Mutex<Record>>) -> Self {
        let (mut browser, email) = (Browser::new(urls), fresh_email());
        let body = json!({ "name": "Ann", "email": email, "password": PASSWORD });
        browser.post("/api/auth/sign-up/email", &body).await.expect(200);
        let link = path_in(&mail_to(&urls.outbox, &email).await);
        browser.get(&link).await.expect(302);
        browser.sign_in(&email, PASSWORD).await.expect(200);
        let (password, name) = (PASSWORD.to_owned(), "Ann".to_owned());
        Self { urls: urls.clone(), record, browser, email, password, name }
    }

    async fn work(mut self, number: usize, rounds: Round, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            let round = rounds.count();
            self.stays_signed_in().await;
            self.signs_somebody_up().await;
            self.comes_and_goes().await;
            self.takes_another_name(&format!("Ann {number} {round}")).await;
            // Some change their passwords; it takes three hashes each time.
            if number.is_multiple_of(3) {
                self.changes_the_password(&format!("password {number} {round}")).await;
            }
            rounds.complete();
        }
        self
    }

    /// Whatever is away.
    async fn stays_signed_in(&mut self) {
        let answer = self.browser.get("/api/auth/get-session").await;
        if answer.status != 200 || answer.json().is_null() || !answer.set_cookies().is_empty() {
            self.wrong(format!("a live session: {answer:?}"));
        }
    }

    async fn signs_somebody_up(&mut self) {
        let email = fresh_email();
        let body = json!({ "name": "Ann", "email": email, "password": PASSWORD });
        let mut browser = Browser::new(&self.urls);
        let answer = self.patiently(&mut browser, "/api/auth/sign-up/email", &body).await;
        self.expects_200("sign-up", &answer);
        if answer.status == 200 {
            self.record().promised.push(email);
        }
    }

    async fn comes_and_goes(&mut self) {
        let mut browser = Browser::new(&self.urls);
        let body = json!({ "email": self.email, "password": self.password });
        let answer = self.patiently(&mut browser, "/api/auth/sign-in/email", &body).await;
        self.expects_200("sign-in", &answer);
        if answer.status != 200 {
            return;
        }
        let answer = browser.get("/api/auth/get-session").await;
        if !answer.is_clean_outage() && (answer.status != 200 || answer.json().is_null()) {
            self.wrong(format!("just signed in: {answer:?}"));
        }
        let copy = browser.clone();
        let answer = self.patiently(&mut browser, "/api/auth/sign-out", &json!({})).await;
        self.expects_200("sign-out", &answer);
        let answer = copy.clone().get("/api/auth/get-session").await;
        if !answer.is_clean_outage() && (answer.status != 200 || !answer.json().is_null()) {
            self.wrong(format!("just signed out: {answer:?}"));
        }
        self.record().ended.push(copy);
    }

    async fn takes_another_name(&mut self, name: &str) {
        let mut browser = self.browser.clone();
        let body = json!({ "name": name });
        let answer = self.patiently(&mut browser, "/api/auth/update-user", &body).await;
        self.expects_200("update-user", &answer);
        name.clone_into(&mut self.name);
    }

    /// Either it is the new one or the old one; who asks again finds out which.
    async fn changes_the_password(&mut self, new: &str) {
        let mut browser = self.browser.clone();
        let body = json!({ "currentPassword": self.password, "newPassword": new });
        let answer = self.patiently(&mut browser, "/api/auth/change-password", &body).await;
        if answer.status == 400 && answer.json()["code"] == "INVALID_PASSWORD" {
            // An answer before this one said to come again, and it was changed all the same.
            let body = json!({ "email": self.email, "password": new });
            let mut elsewhere = Browser::new(&self.urls);
            let answer = self.patiently(&mut elsewhere, "/api/auth/sign-in/email", &body).await;
            self.expects_200("sign-in with the new password", &answer);
        } else {
            self.expects_200("change-password", &answer);
        }
        new.clone_into(&mut self.password);
    }

    /// Once all is well again.
    async fn finds_what_was_told(mut self) {
        let session = self.browser.session().await;
        assert_eq!(session["user"]["name"], self.name.as_str(), "{}", self.email);
        let body = json!({ "email": self.email, "password": self.password });
        Browser::new(&self.urls).post("/api/auth/sign-in/email", &body).await.expect(200);
    }

    /// Asks again for as long as the answer is to come again.
    async fn patiently(&self, browser: &mut Browser, path: &str, body: &Value) -> Answer {
        let mut pace = tick();
        let mut since = None;
        loop {
            pace.tick().await;
            let asked = Instant::now();
            let answer = browser.post(path, body).await;
            let mut record = self.record();
            if answer.is_clean_outage() {
                record.outages += 1;
                since.get_or_insert(asked);
                continue;
            }
            let waited = since.map_or(Duration::ZERO, |since: Instant| since.elapsed());
            record.longest = record.longest.max(waited);
            return answer;
        }
    }

    fn expects_200(&self, what: &str, answer: &Answer) {
        if answer.status != 200 {
            self.wrong(format!("{what}: {answer:?}"));
        }
    }

    fn wrong(&self, what: String) {
        self.record().wrong.push(what);
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().expect("nobody panicked")
    }
}
