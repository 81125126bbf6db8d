//! Asking an address whether it is well.

use std::time::Duration;

use async_trait::async_trait;
use pingora::{
    lb::{
        Backend,
        health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck},
    },
    prelude::*,
};

use crate::routes_file::HealthConfig;

/// A question that has an end, however slowly the address answers.
struct Bounded<H> {
    check: H,
    timeout: Duration,
}

#[async_trait]
impl<H: HealthCheck + Send + Sync> HealthCheck for Bounded<H> {
    async fn check(&self, target: &Backend) -> Result<()> {
        match tokio::time::timeout(self.timeout, self.check.check(target)).await {
            Ok(checked) => checked,
            Err(_) => Error::e_explain(ErrorType::ReadTimedout, "the health check took too long"),
        }
    }

    fn health_threshold(&self, success: bool) -> usize {
        self.check.health_threshold(success)
    }
}

pub(super) fn check(config: &HealthConfig) -> Box<dyn HealthCheck + Send + Sync> {
    let timeout = config.timeout;
    match &config.path {
        Some(path) => Box::new(Bounded { check: http(config, path), timeout }),
        None => Box::new(Bounded { check: tcp(config), timeout }),
    }
}

fn tcp(config: &HealthConfig) -> TcpHealthCheck {
    let mut check = TcpHealthCheck::default();
    check.consecutive_success = config.healthy_after;
    check.consecutive_failure = config.unhealthy_after;
    check.peer_template.options.connection_timeout = Some(config.timeout);
    check
}

fn http(config: &HealthConfig, path: &str) -> HttpHealthCheck {
    let mut check = HttpHealthCheck::new(&config.host, false);
    check.consecutive_success = config.healthy_after;
    check.consecutive_failure = config.unhealthy_after;
    check.peer_template.options.connection_timeout = Some(config.timeout);
    check.peer_template.options.read_timeout = Some(config.timeout);
    check.req.set_uri(path.parse().expect("a path that was found in order"));
    check.validator = Some(Box::new(|answer| match answer.status.as_u16() {
        200..400 => Ok(()),
        status => Error::e_explain(ErrorType::HTTPStatus(status), "during a health check"),
    }));
    check
}
