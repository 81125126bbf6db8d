//! The id that ties together every log line of one request, across processes.

use auth_types::{Clock, SystemClock};
use rand::RngExt;
use uuid::Builder;

tokio::task_local! {
    static CURRENT: String;
}

/// Runs `work` under a request's id, so that calls it makes carry the id on.
pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the request this task works for, if it works for one.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// A new id, sorted by birth (RFC 9562, 5.7). Its randomness comes from this thread's
/// generator: `Uuid::now_v7` would make a system call for each request.
#[must_use]
pub fn mint() -> String {
    let millis = SystemClock.now().unix_millis().unsigned_abs();
    let id = Builder::from_unix_timestamp_millis(millis, &rand::rng().random());
    id.into_uuid().simple().to_string()
}

/// An id from outside, if it is short and plain enough to stand in a log.
#[must_use]
pub fn accept(given: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((8..=64).contains(&given.len()) && given.bytes().all(plain)).then(|| given.to_owned())
}
