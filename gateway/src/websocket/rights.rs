//! Whether a socket may stay open, for as long as it is.

use std::{sync::Arc, time::Duration};

use auth_types::Clock;
use contract::user::User;
use service_kit::fault::Chain;
use tokio::time::{Instant, interval, sleep_until};

use super::{admission::Caller, closing::Closing};
use crate::{
    endings::{Ending, News, UNSURE_FOR},
    session::Sessions,
    session_cache::Cached,
};

const RETRY: Duration = Duration::from_millis(100);
/// A session that is to live for longer is looked at in between.
const FAR: Duration = Duration::from_hours(1);

/// Returns when a socket has lost the right to be open. What the upstream was told of
/// the user has to stay true; a session that is extended goes on.
pub async fn lost(caller: &mut Caller, sessions: &Sessions, clock: &dyn Clock) -> Closing {
    let mut cached = Arc::clone(&caller.cached);
    loop {
        let left = cached.live.session.expires_at.since(clock.now()).min(FAR);
        tokio::select! {
            biased;
            news = caller.watch.news() => match news {
                News::Ended(Ending::Over) => return Closing::SessionEnded,
                News::Ended(Ending::Unknown) => return Closing::SessionUnknown,
                News::Stands => {}
            },
            () = sleep_until(Instant::now() + left) => {}
        }
        cached = match look_again(caller, sessions, clock).await {
            Ok(cached) => cached,
            Err(closing) => return closing,
        };
        if !is_told_alike(&cached.live.user, &caller.cached.live.user) {
            return Closing::UserChanged;
        }
    }
}

async fn look_again(
    caller: &Caller,
    sessions: &Sessions,
    clock: &dyn Clock,
) -> Result<Arc<Cached>, Closing> {
    let began = Instant::now();
    let mut pace = interval(RETRY);
    loop {
        pace.tick().await;
        match sessions.find_by_digest(caller.digest, clock.now()).await {
            Ok(Some(cached)) => return Ok(cached),
            Ok(None) => return Err(Closing::SessionEnded),
            Err(fault) if began.elapsed() >= UNSURE_FOR => {
                tracing::debug!(error = %Chain(&fault), "a socket's session is not known");
                return Err(Closing::SessionUnknown);
            }
            Err(_) => {}
        }
    }
}

fn is_told_alike(now: &User, then: &User) -> bool {
    now.id == then.id && now.email == then.email && now.role == then.role
}
