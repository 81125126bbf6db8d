//! A way to a key that goes where a Redis Cluster says that the key is by now.

use std::sync::Arc;

use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
    aio::ConnectionLike,
};

use super::{Connected, View, servers::Address};

/// A key that moves is at its old master, at its new one, or about to be there; no more
/// than this leads anywhere.
const REDIRECTIONS: usize = 4;

/// For what is right at whichever master the key is: a count, or the word that a session
/// is revoked. Not for reading copies, which are believed at one master only.
///
/// Only masters of one [`View`] are followed to, which have been heard all the while.
pub struct Follow {
    view: Arc<View>,
    to: Arc<Connected>,
    /// The slot is not theirs yet.
    asking: bool,
}

impl Follow {
    pub(super) fn new(view: Arc<View>, to: Arc<Connected>) -> Self {
        Self { view, to, asking: false }
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut connection = self.to.connection.clone();
        if !self.asking {
            return connection.req_packed_command(command).await?.extract_error();
        }
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("ASKING").add_command(command.clone());
        let answers = connection.req_packed_commands(&pipeline, 1, 1).await?;
        answers.into_iter().next().unwrap_or(Value::Nil).extract_error()
    }

    /// Whether the error leads on, and to somebody we know.
    fn is_led_on(&mut self, error: &RedisError) -> bool {
        let Some((address, _)) = error.redirect_node() else { return false };
        let Ok(address) = address.parse::<Address>() else { return false };
        let Some(to) = self.view.at(&address) else { return false };
        self.to = Arc::clone(to);
        self.asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
        true
    }
}

impl ConnectionLike for Follow {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            for _ in 1..REDIRECTIONS {
                match self.send(command).await {
                    Err(error) if self.is_led_on(&error) => {}
                    answer => return answer,
                }
            }
            self.send(command).await
        })
    }

    /// Without following.
    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            self.to.connection.clone().req_packed_commands(pipeline, offset, count).await
        })
    }

    fn get_db(&self) -> i64 {
        self.to.connection.get_db()
    }
}
