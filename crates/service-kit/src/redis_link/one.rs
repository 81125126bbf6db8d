//! One Redis at a time, at an address of its own or where Sentinels say that it is.

use std::sync::Arc;

use redis::ConnectionInfo;
use tokio::time::Instant;

use super::{
    Board, Connected, Where, heartbeat,
    node::{self, Mode},
    sentinels::{Council, NoMajority},
    servers::{self, Address},
};
use crate::{
    fault::{Chain, Fault},
    reasons::Reasons,
};

/// How the primary is found.
pub(super) enum Place {
    Fixed(ConnectionInfo),
    Named(Council),
}

impl Place {
    /// Where it is now. Nothing for one that is where it always was.
    async fn find(&mut self) -> Result<Option<Address>, Fault> {
        match self {
            Self::Fixed(_) => Ok(None),
            Self::Named(council) => council.find().await.map(Some),
        }
    }

    fn info(&self, at: Option<&Address>) -> ConnectionInfo {
        match (self, at) {
            (Self::Fixed(info), _) | (Self::Named(Council { node: info, .. }), None) => {
                info.clone()
            }
            (Self::Named(council), Some(address)) => servers::at(&council.node, address),
        }
    }
}

/// Keeps a connection to the primary.
pub(super) async fn keep(mut place: Place, board: Board) {
    let mut beat = heartbeat();
    let mut reasons = Reasons::default();
    loop {
        beat.tick().await;
        match connect(&mut place, &board).await {
            Ok((connected, at)) => {
                let provenance = connected.here.as_str();
                tracing::info!(redis.provenance = provenance, "connected to Redis");
                reasons.forget();
                board.show(Where::One(Some(Arc::clone(&connected))));
                let why = until_lost(&connected, at.as_ref(), &mut place, &board).await;
                board.show(Where::One(None));
                tracing::warn!(error = %Chain(&why), "lost Redis");
            }
            Err(fault) if reasons.is_news(&Chain(&fault)) => {
                tracing::warn!(error = %Chain(&fault), "cannot reach Redis; trying again");
            }
            Err(_) => {}
        }
    }
}

async fn connect(
    place: &mut Place,
    board: &Board,
) -> Result<(Arc<Connected>, Option<Address>), Fault> {
    let at = place.find().await?;
    let connected =
        node::connect(&place.info(at.as_ref()), Mode::Alone, board.watch.as_ref()).await?;
    Ok((Arc::new(connected), at))
}

/// Returns when the connection no longer leads to the primary that it led to.
async fn until_lost(
    connected: &Connected,
    at: Option<&Address>,
    place: &mut Place,
    board: &Board,
) -> Fault {
    let mut beat = heartbeat();
    let mut late = false;
    loop {
        beat.tick().await;
        let sent_at = Instant::now();
        match check(connected, at, place).await {
            Ok(()) => {
                late = false;
                board.confirmed(sent_at);
            }
            Err(fault) if late || !is_late(&fault) => return fault,
            Err(_) => late = true,
        }
    }
}

/// Whether it is the same primary, in its own view and in that of the Sentinels.
async fn check(
    connected: &Connected,
    at: Option<&Address>,
    place: &mut Place,
) -> Result<(), Fault> {
    const DOING: &str = "watching Redis";
    let mut connection = connected.connection.clone();
    let (here, named) = tokio::join!(node::provenance(&mut connection, Mode::Alone), place.find());
    if here? != connected.here {
        return Err(Fault::because(DOING, "it is another process or no longer the same primary"));
    }
    if named?.as_ref() != at {
        return Err(Fault::because(DOING, "the Sentinels name another primary"));
    }
    Ok(())
}

fn is_late(fault: &Fault) -> bool {
    node::is_timeout(fault)
        || std::error::Error::source(fault).is_some_and(<dyn std::error::Error>::is::<NoMajority>)
}
