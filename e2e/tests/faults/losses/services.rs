//! identity-svc, killed at any moment of what takes it several steps.

use std::time::Duration;

use e2e::{
    Answer, Browser, PASSWORD, Stores, dice, eventually, fresh_email, fresh_id, github, link_in,
    mail_about, mail_to, own_stack, path_in,
};
use futures_util::future::{BoxFuture, join_all};
use rand::RngExt;
use serde_json::{Value, json};
use stack::{Process, Stack, Urls};
use tokio::time::timeout;

use super::crowd::no_promise_is_open;
use crate::newcomer::{PRODUCTION, a_user, signs_up};

const NEW_PASSWORD: &str = "battery staple horse";
const KILLS: usize = 6;
/// Those who take no password, and so no long work, go in greater number.
const ARRIVALS: usize = 6;
/// About as long as the longest of them takes.
const LONGEST: Duration = Duration::from_millis(120);

/// Somebody who is about to take the last step of something.
trait Errand: Send {
    /// Takes it once; whatever becomes of that.
    fn go(&mut self) -> BoxFuture<'_, Answer>;

    /// Whether this answer says that it is done.
    fn is_done(&self, answer: &Answer) -> bool;

    /// Takes it again where need be, and sees that it was done once, whole.
    fn holds(&mut self, done: bool) -> BoxFuture<'_, ()>;
}

/// Follows the link that proves an address.
struct Verifies {
    urls: Urls,
    email: String,
    link: String,
}

impl Verifies {
    async fn prepare(urls: &Urls) -> Box<dyn Errand> {
        let email = signs_up(urls).await;
        let link = path_in(&mail_to(&urls.outbox, &email).await);
        Box::new(Self { urls: urls.clone(), email, link })
    }
}

impl Errand for Verifies {
    fn go(&mut self) -> BoxFuture<'_, Answer> {
        Box::pin(async { Browser::new(&self.urls).get(&self.link).await })
    }

    fn is_done(&self, answer: &Answer) -> bool {
        answer.status == 302
    }

    fn holds(&mut self, done: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut browser = Browser::new(&self.urls);
            if !done {
                self.go().await.expect(302);
            }
            browser.sign_in(&self.email, PASSWORD).await.expect(200);
        })
    }
}

/// Sets a new password by the link of a mail.
struct Resets {
    urls: Urls,
    email: String,
    body: Value,
    before: Browser,
}

impl Resets {
    async fn prepare(urls: &Urls) -> Box<dyn Errand> {
        let (before, email) = a_user(urls).await;
        let asked = json!({ "email": email, "redirectTo": "/reset" });
        Browser::new(urls).post("/api/auth/request-password-reset", &asked).await.expect(200);
        let mail = mail_about(&urls.outbox, &email, "Choose a new password").await;
        let link = link_in(&mail);
        let (path, _) = link.split_once('?').expect("a query");
        let (_, token) = path.rsplit_once('/').expect("a path");
        let body = json!({ "token": token, "newPassword": NEW_PASSWORD });
        Box::new(Self { urls: urls.clone(), email, body, before })
    }
}

impl Errand for Resets {
    fn go(&mut self) -> BoxFuture<'_, Answer> {
        let reset = "/api/auth/reset-password";
        Box::pin(async { Browser::new(&self.urls).post(reset, &self.body).await })
    }

    fn is_done(&self, answer: &Answer) -> bool {
        answer.status == 200
    }

    /// The token is used up exactly when the password is another.
    fn holds(&mut self, done: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let again = self.go().await;
            if done || again.status != 200 {
                again.expect_code(400, "INVALID_TOKEN");
            }
            let mut browser = Browser::new(&self.urls);
            browser.sign_in(&self.email, PASSWORD).await.expect(401);
            browser.sign_in(&self.email, NEW_PASSWORD).await.expect(200);
            let ended = || async { (!self.before.clone().is_signed_in().await).then_some(()) };
            eventually(ended).await.expect("who was signed in before is not any more");
        })
    }
}

/// Comes back from a social provider for the first time.
struct Arrives {
    urls: Urls,
    browser: Browser,
    email: String,
    wish: Value,
    back: String,
}

impl Arrives {
    async fn prepare(urls: &Urls) -> Box<dyn Errand> {
        let email = fresh_email();
        let wish = github(fresh_id(), &email, true);
        let body =
            json!({ "provider": "github", "callbackURL": "/dash", "errorCallbackURL": "/failed" });
        let mut browser = Browser::new(urls);
        let back = browser.to_provider_and_back(&body, &wish).await;
        Box::new(Self { urls: urls.clone(), browser, email, wish, back })
    }
}

impl Errand for Arrives {
    fn go(&mut self) -> BoxFuture<'_, Answer> {
        Box::pin(async { self.browser.get(&self.back).await })
    }

    fn is_done(&self, answer: &Answer) -> bool {
        answer.header("location") == Some("/dash")
    }

    /// There is one user with one account, or none; and another try gets in.
    fn holds(&mut self, done: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            assert_eq!(self.browser.is_signed_in().await, done);
            let counted = async || {
                let stores = Stores::open(&self.urls).await;
                let counting = sqlx::query_as(
                    "SELECT count(DISTINCT u.id), count(a.id) FROM identity.user u \
                       LEFT JOIN identity.account a ON a.user_id = u.id WHERE u.email = $1",
                );
                let counts = counting.bind(&self.email).fetch_one(&stores.db).await;
                counts.expect("a count")
            };
            let (users, accounts): (i64, i64) = counted().await;
            assert_eq!(users, accounts, "a user who is there by half");
            let mut again = Browser::new(&self.urls);
            let answer = again.sign_in_socially("github", &self.wish).await;
            let target = if users == 1 { "/dash" } else { "/welcome" };
            answer.expect_redirect(target);
            assert!(again.is_signed_in().await);
            assert_eq!(counted().await, (1, 1));
        })
    }
}

async fn prepared(urls: &Urls) -> Vec<Box<dyn Errand>> {
    let mut errands = vec![Verifies::prepare(urls).await, Resets::prepare(urls).await];
    for _ in 0..ARRIVALS {
        errands.push(Arrives::prepare(urls).await);
    }
    errands
}

/// Answers of those who were told something before the kill, and after it.
async fn killed_amid(
    stack: &Stack,
    errands: &mut [Box<dyn Errand>],
    after: Duration,
) -> Vec<Answer> {
    let mut going = join_all(errands.iter_mut().map(|errand| errand.go()));
    if let Ok(answers) = timeout(after, &mut going).await {
        return answers;
    }
    let (answers, ()) = tokio::join!(going, stack.kill(Process::Identity));
    answers
}

/// What was answered is done; what was not is done or not, never by half, and can be done
/// after all.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_about_to_do_something_has_done_it_or_can_do_it_again() {
    let (seed, mut dice) = dice();
    let (stack, _dir) = own_stack(PRODUCTION).await;
    let mut interrupted = 0;
    for round in 0..KILLS {
        let mut errands = prepared(stack.urls()).await;
        let after = dice.random_range(Duration::ZERO..LONGEST);
        let answers = killed_amid(&stack, &mut errands, after).await;
        stack.kill(Process::Identity).await;
        stack.launch(Process::Identity).await;
        stack.wait_ready().await.expect("ready again");
        for (errand, answer) in errands.iter_mut().zip(&answers) {
            let done = errand.is_done(answer);
            assert!(done || answer.is_clean_outage(), "seed {seed}, {round}: {answer:?}");
            interrupted += usize::from(!done);
            errand.holds(done).await;
        }
    }
    assert!(interrupted > 0, "seed {seed}: nobody was interrupted");
    no_promise_is_open(stack.urls()).await;
}
