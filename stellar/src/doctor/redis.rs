//! Redis makes sessions fast: may it be used as the gateway uses it, and does it
//! keep what it is given.

use std::{collections::BTreeMap, fmt::Display};

use auth_types::TokenDigest;
use contract::session_copy;
use redis::{
    AsyncCommands, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection,
};
use secrecy::ExposeSecret;
use service_kit::{
    fault::Chain,
    redis_link::{FORMS, Servers},
};
use time::OffsetDateTime;

use super::{clock, finding::Finding, network, surroundings::Named};

const SUBJECT: &str = "redis";
/// Client-side caching by broadcast, which the gateway lives from, came with 6.
const OLDEST: u32 = 6;
/// For the key that is written to see whether it may be.
const PROBE_MILLIS: u64 = 1000;
const PROBES: u32 = 500;

pub(crate) async fn examine(account: Named) -> Vec<Finding> {
    let Named { variable, url } = account;
    let servers: Servers = match url.expose_secret().parse() {
        Ok(servers) => servers,
        Err(unfit) => {
            let said = format!("{variable} is no address of Redis: {unfit}");
            return vec![Finding::bad(SUBJECT, said, format!("expected {FORMS}"))];
        }
    };
    let primaries = match servers.primaries().await {
        Ok(primaries) => primaries,
        Err(fault) => return vec![unreachable(&variable, &Chain(&fault))],
    };
    let mut findings: Vec<_> = few_sentinels(&servers, &variable).into_iter().collect();
    let several = primaries.len() > 1;
    for primary in primaries {
        let name =
            if several { format!("{variable} at {}", primary.addr()) } else { variable.clone() };
        let mut found = examine_one(primary, &name).await;
        for finding in found.iter_mut().filter(|found| !found.said.starts_with(&name)) {
            if several {
                finding.said = format!("{name}: {}", finding.said);
            }
        }
        findings.extend(found);
    }
    findings
}

fn unreachable(name: &str, error: &dyn Display) -> Finding {
    Finding::bad(
        SUBJECT,
        format!("{name} cannot be reached: {error}"),
        "see whether it runs, and whether address, user and password are right",
    )
}

/// A majority of two is both of them.
fn few_sentinels(servers: &Servers, variable: &str) -> Option<Finding> {
    let Servers::Sentinels(sentinels) = servers else { return None };
    let count = sentinels.count();
    (count < 3).then(|| {
        Finding::warning(
            SUBJECT,
            format!("{variable} names {count} of the Sentinels"),
            "name all, and have three at least: more than half of those named must agree",
        )
    })
}

fn in_the_clear(primary: &ConnectionInfo, name: &str) -> Option<Finding> {
    let ConnectionAddr::Tcp(host, _) = primary.addr() else { return None };
    let said = format!("{name}: all is said");
    (!network::is_here(host)).then(|| network::in_the_clear(SUBJECT, &said, "use rediss"))
}

async fn examine_one(primary: ConnectionInfo, name: &str) -> Vec<Finding> {
    let in_the_clear = in_the_clear(&primary, name);
    let connection = async { Client::open(primary)?.get_multiplexed_async_connection().await };
    let mut connection = match connection.await {
        Ok(connection) => connection,
        Err(error) => return vec![unreachable(name, &error)],
    };
    let looked = look(&mut connection, name).await;
    let mut findings = looked.unwrap_or_else(|error| {
        vec![Finding::bad(
            SUBJECT,
            format!("{name}: {error}"),
            "give the account the commands and keys that deploy/redis/users.acl lists",
        )]
    });
    findings.extend(in_the_clear);
    findings
}

async fn look(connection: &mut MultiplexedConnection, name: &str) -> RedisResult<Vec<Finding>> {
    let text: String = redis::cmd("INFO").query_async(connection).await?;
    let info = facts(&text);
    let mut findings = vec![version(&info, name), eviction(&info), persistence(&info)];
    findings.push(agrees_on_time(connection).await?);
    findings.push(may_write(connection).await?);
    findings.extend(is_open(connection).await);
    Ok(findings)
}

/// `name:value` lines.
fn facts(info: &str) -> BTreeMap<&str, &str> {
    info.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

fn version(info: &BTreeMap<&str, &str>, name: &str) -> Finding {
    let version = info.get("redis_version").copied().unwrap_or("unknown");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let said = format!("{name}: version {version}");
    if major.is_none_or(|major| major < OLDEST) {
        return Finding::bad(SUBJECT, said, format!("upgrade to {OLDEST} or newer"));
    }
    Finding::good(SUBJECT, said)
}

/// A session that Redis throws away is read again from Postgres, so nothing is lost;
/// but what counts requests, and what makes tokens usable once, is only here.
fn eviction(info: &BTreeMap<&str, &str>) -> Finding {
    let policy = info.get("maxmemory_policy").copied().unwrap_or("unknown");
    let unlimited = info.get("maxmemory").is_some_and(|most| *most == "0");
    let said = format!("maxmemory-policy is {policy}");
    if policy == "noeviction" || (unlimited && !policy.starts_with("allkeys")) {
        return Finding::good(SUBJECT, said);
    }
    Finding::bad(
        SUBJECT,
        format!("{said}: under pressure, counters of limits and used tokens are forgotten"),
        "set maxmemory-policy noeviction, and give it memory for all sessions",
    )
}

fn persistence(info: &BTreeMap<&str, &str>) -> Finding {
    let on = info.get("aof_enabled").is_some_and(|enabled| *enabled == "1");
    let failed = ["rdb_last_bgsave_status", "aof_last_write_status"]
        .into_iter()
        .find(|name| info.get(name).is_some_and(|status| *status != "ok"));
    if let Some(name) = failed {
        return Finding::bad(
            SUBJECT,
            format!("it cannot write to its disk ({name})"),
            "see Redis' log; with stop-writes-on-bgsave-error it refuses every write",
        );
    }
    let said = if on { "the append-only file is on" } else { "the append-only file is off" };
    Finding::good(SUBJECT, format!("{said}; sessions survive either way, Postgres has them"))
}

async fn agrees_on_time(connection: &mut MultiplexedConnection) -> RedisResult<Finding> {
    let before = clock::now();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(connection).await?;
    let theirs = OffsetDateTime::UNIX_EPOCH
        + time::Duration::seconds(seconds)
        + time::Duration::microseconds(micros);
    Ok(clock::compare(SUBJECT, before, theirs.into(), clock::now()))
}

/// Writes, reads and removes a session that nobody has.
async fn may_write(connection: &mut MultiplexedConnection) -> RedisResult<Finding> {
    let Some(key) = write_one(connection).await? else {
        return Ok(Finding::skipped(SUBJECT, "it has next to no keys of the cluster"));
    };
    let back: Option<String> = connection.get(&key).await?;
    let () = connection.del(&key).await?;
    if back.as_deref() == Some("doctor") {
        return Ok(Finding::good(SUBJECT, "sessions can be written and read"));
    }
    Ok(Finding::bad(
        SUBJECT,
        "what was written could not be read back",
        "give the services the primary's address, not a replica's",
    ))
}

/// A master of a cluster takes the keys of its slots only.
async fn write_one(connection: &mut MultiplexedConnection) -> RedisResult<Option<String>> {
    for _ in 0..PROBES {
        let key = session_copy::key(TokenDigest::from(rand::random::<[u8; 32]>()));
        match connection.pset_ex::<_, _, ()>(&key, "doctor", PROBE_MILLIS).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::Moved) => {}
            written => return written.map(|()| Some(key)),
        }
    }
    Ok(None)
}

/// Whether strangers need no password.
async fn is_open(connection: &mut MultiplexedConnection) -> Option<Finding> {
    let user: String = redis::cmd("ACL").arg("WHOAMI").query_async(connection).await.ok()?;
    let rules: Vec<String> = redis::cmd("ACL").arg("LIST").query_async(connection).await.ok()?;
    let open = rules.iter().any(|rule| {
        rule.starts_with("user default on") && rule.split(' ').any(|word| word == "nopass")
    });
    Some(if open {
        Finding::bad(
            SUBJECT,
            "anybody who reaches it may do everything: the default user has no password",
            "set requirepass, or an account for each service as in deploy/redis/users.acl",
        )
    } else {
        Finding::good(SUBJECT, format!("asks for a password; we are {user}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn an_eviction_policy_that_forgets_is_found() {
        let verdict = |info| eviction(&facts(info)).verdict;
        assert_eq!(verdict("maxmemory:0\r\nmaxmemory_policy:noeviction\r\n"), Verdict::Good);
        assert_eq!(verdict("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"), Verdict::Bad);
        assert_eq!(verdict("maxmemory:100\r\nmaxmemory_policy:volatile-ttl\r\n"), Verdict::Bad);
    }

    #[test]
    fn an_old_server_is_found() {
        let verdict = |info| version(&facts(info), "REDIS_URL").verdict;
        assert_eq!(verdict("redis_version:7.0.15\r\n"), Verdict::Good);
        assert_eq!(verdict("redis_version:5.0.14\r\n"), Verdict::Bad);
        assert_eq!(verdict(""), Verdict::Bad);
    }
}
