//! What the file says of an upstream.

use std::{sync::Arc, time::Duration};

use contract::jwt::WS_AUDIENCE;
use toml::Value;

use super::{FORWARD_AUTH, Problems, reader::Reader};
use crate::path;

/// Shares of the traffic are drawn up in a list, so weights stay small.
const MOST_WEIGHT: usize = 100;
const MOST_ADDRESSES: usize = 256;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
/// Servers keep a connection for longer than that, Node's for 5 s.
const IDLE: Duration = Duration::from_secs(4);

/// An application, and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    pub name: Arc<str>,
    pub addresses: Vec<Address>,
    pub health: Option<HealthConfig>,
    pub ejection: EjectionConfig,
    /// A connection that was idle for longer is not used again.
    pub idle: Duration,
}

/// `host:port`, looked up again and again, and its share of the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub host_and_port: String,
    pub weight: usize,
}

/// Asking every address by ourselves whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthConfig {
    /// Where to GET an answer of 200 to 399. Without it a connection is enough.
    pub path: Option<String>,
    /// What we say in `Host`.
    pub host: String,
    pub interval: Duration,
    pub timeout: Duration,
    /// Bad answers in a row after which an address gets no more requests.
    pub unhealthy_after: usize,
    /// Good answers in a row after which it does again.
    pub healthy_after: usize,
}

/// Leaving out an address that requests fail at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectionConfig {
    /// Failures in a row; 0 turns it off.
    pub failures: u32,
    /// The first time; doubled with each time after that, up to ten times as long.
    pub duration: Duration,
}

impl Default for EjectionConfig {
    fn default() -> Self {
        Self { failures: 5, duration: Duration::from_secs(30) }
    }
}

impl UpstreamConfig {
    /// One address, asked for nothing but requests.
    #[must_use]
    pub fn service(name: &str, host_and_port: &str) -> Self {
        Self {
            name: name.into(),
            addresses: vec![Address { host_and_port: host_and_port.to_owned(), weight: 1 }],
            health: None,
            ejection: EjectionConfig::default(),
            idle: contract::internal::IDLE,
        }
    }
}

/// As much of it as can be made out. Mistakes are among the problems.
pub(super) fn read(name: &str, value: Value, problems: &mut Problems) -> UpstreamConfig {
    let mut reader = Reader::new(format!("upstream {name}"), value, problems);
    // An assertion's audience is the upstream's name.
    if name == WS_AUDIENCE || name == FORWARD_AUTH {
        reader.problem("this name is an audience of the gateway's own; choose another");
    }
    if name.is_empty()
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    {
        reader.problem("a name is made of letters, digits, and -_.");
    }
    let addresses = addresses(&mut reader);
    let health = reader.inner("health").map(|reader| health(reader, name));
    let ejection = reader.inner("ejection").map(ejection).unwrap_or_default();
    let idle = reader.take_duration("idle", SECOND / 100, HOUR).unwrap_or(IDLE);
    reader.finish();
    UpstreamConfig { name: name.into(), addresses, health, ejection, idle }
}

fn addresses(reader: &mut Reader<'_>) -> Vec<Address> {
    let given = match (reader.take_value("address"), reader.take_value("addresses")) {
        (Some(one), None) => vec![one],
        (None, Some(Value::Array(several))) => several,
        (None, Some(other)) => {
            reader.problem(format_args!("addresses is a {}, expected a list", other.type_str()));
            return Vec::new();
        }
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => {
            reader.problem("has both address and addresses");
            return Vec::new();
        }
    };
    if given.is_empty() || given.len() > MOST_ADDRESSES {
        reader.problem(format_args!("needs 1 to {MOST_ADDRESSES} addresses"));
    }
    given.into_iter().filter_map(|value| address(reader, value)).collect()
}

/// `"host:port"`, or a table with a weight.
fn address(reader: &mut Reader<'_>, value: Value) -> Option<Address> {
    let (host_and_port, weight) = match value {
        Value::String(text) => (text, 1),
        table => {
            let mut inner = reader.nested("address", table);
            let weight = inner.take_within("weight", 1, MOST_WEIGHT);
            let text = inner.take::<String>("address");
            inner.finish();
            (text?, weight.unwrap_or(1))
        }
    };
    let is_address = host_and_port.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !is_address {
        reader.problem(format_args!("address is {host_and_port:?}, expected host:port"));
    }
    is_address.then_some(Address { host_and_port, weight })
}

fn health(mut reader: Reader<'_>, name: &str) -> HealthConfig {
    let at = reader.take::<String>("path");
    if at.as_deref().is_some_and(|at| path::check(at).is_err()) {
        reader.problem("path begins with / and has one spelling");
    }
    let health = HealthConfig {
        path: at,
        host: reader.take("host").unwrap_or_else(|| name.to_owned()),
        interval: reader.take_duration("interval", SECOND / 10, HOUR).unwrap_or(5 * SECOND),
        timeout: reader.take_duration("timeout", SECOND / 100, 60 * SECOND).unwrap_or(SECOND),
        unhealthy_after: reader.take_within("unhealthy_after", 1, 100).unwrap_or(3),
        healthy_after: reader.take_within("healthy_after", 1, 100).unwrap_or(2),
    };
    if !health.host.bytes().all(|byte| byte.is_ascii_graphic()) || health.host.is_empty() {
        reader.problem("host is a name, with or without a port");
    }
    reader.finish();
    health
}

fn ejection(mut reader: Reader<'_>) -> EjectionConfig {
    let default = EjectionConfig::default();
    let ejection = EjectionConfig {
        failures: reader.take_within("failures", 0, 1000).unwrap_or(default.failures),
        duration: reader.take_duration("for", SECOND / 10, HOUR).unwrap_or(default.duration),
    };
    reader.finish();
    ejection
}
