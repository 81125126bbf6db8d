//! Where Redis is, as `REDIS_URL` says it.

use std::{collections::BTreeSet, fmt, net::Ipv6Addr, str::FromStr};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use url::Url;

use super::{cluster, sentinels::Council};
use crate::fault::Fault;

/// The forms of `REDIS_URL`. With `rediss` in the place of `redis` all of it is TLS.
pub const FORMS: &str = "redis://user:password@host:port, \
    redis+sentinel://user:password@host:port/master-name?node=host:port, or \
    redis+cluster://user:password@host:port?node=host:port";
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What a URL leads to.
#[derive(Clone)]
pub enum Servers {
    One(ConnectionInfo),
    Sentinels(Sentinels),
    /// Some nodes of a cluster; it names the others.
    Cluster(Vec<ConnectionInfo>),
}

/// Where a server listens. Written as `host:port`; an IPv6 address may have brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Self { host: bare.unwrap_or(host).to_owned(), port }
    }
}

impl FromStr for Address {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let (host, port) = text.rsplit_once(':').ok_or("expected host:port")?;
        let port = port.parse().map_err(|_| "expected host:port")?;
        Ok(Self::new(host, port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Those who know which of several is the primary.
#[derive(Clone)]
pub struct Sentinels {
    /// All there are: a majority of them decides.
    pub(super) all: Vec<ConnectionInfo>,
    pub(super) master_name: String,
    /// How the primary is reached, wherever it is.
    pub(super) node: ConnectionInfo,
}

impl Sentinels {
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }
}

/// Why a URL is none of ours. It says nothing that was in it, for that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl From<&str> for Unfit {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl From<redis::RedisError> for Unfit {
    fn from(error: redis::RedisError) -> Self {
        Self(format!("{error}: expected {FORMS}"))
    }
}

impl FromStr for Servers {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let url = Url::parse(text).map_err(|error| Unfit(format!("{error}: expected {FORMS}")))?;
        match url.scheme().split_once('+') {
            Some(("redis" | "rediss", "cluster")) => nodes_of_cluster(&url),
            Some(("redis" | "rediss", "sentinel")) => sentinels(&url),
            _ => Ok(Self::One(resp3(url.into_connection_info()?))),
        }
    }
}

impl Servers {
    /// Each primary that there is now, for those who look at it and do not stay.
    pub async fn primaries(&self) -> Result<Vec<ConnectionInfo>, Fault> {
        match self {
            Self::One(info) => Ok(vec![info.clone()]),
            Self::Sentinels(sentinels) => {
                let address = Council::new(sentinels.clone()).find().await?;
                Ok(vec![at(&sentinels.node, &address)])
            }
            Self::Cluster(seeds) => cluster::primaries(seeds).await,
        }
    }
}

fn nodes_of_cluster(url: &Url) -> Result<Servers, Unfit> {
    if !["", "/", "/0"].contains(&url.path()) {
        return Err("a Redis Cluster has no databases: leave the path out".into());
    }
    let (nodes, rest) = nodes(url, REDIS_PORT)?;
    if !rest.is_empty() {
        return Err("the query of a Redis Cluster may have node=host:port only".into());
    }
    let at = |node: &Address| Ok(resp3(plain(url, node)?.into_connection_info()?));
    Ok(Servers::Cluster(nodes.iter().map(at).collect::<Result<_, Unfit>>()?))
}

fn sentinels(url: &Url) -> Result<Servers, Unfit> {
    let (nodes, rest) = nodes(url, SENTINEL_PORT)?;
    let (mut username, mut password) = (None, None);
    for (name, value) in rest {
        match name.as_str() {
            "sentinel_username" => username = Some(value),
            "sentinel_password" => password = Some(value),
            _ => {
                return Err("the query for Sentinels may have node=host:port, \
                    sentinel_username and sentinel_password only"
                    .into());
            }
        }
    }
    let master_name = url.path().trim_start_matches('/').to_owned();
    // What Sentinel itself allows in a name.
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if master_name.is_empty() || !master_name.chars().all(fits) {
        return Err("after the Sentinel's address comes the master's name: …:26379/mymaster".into());
    }
    let node = plain(url, &nodes[0])?.into_connection_info()?;
    let sentinel = |address: &Address| {
        let info = plain(url, address)?.into_connection_info()?;
        let mut settings = redis::RedisConnectionInfo::default();
        if let Some(username) = &username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &password {
            settings = settings.set_password(password);
        }
        Ok(info.set_redis_settings(settings))
    };
    let all = nodes.iter().map(sentinel).collect::<Result<_, Unfit>>()?;
    Ok(Servers::Sentinels(Sentinels { all, master_name, node: resp3(node) }))
}

type Query = Vec<(String, String)>;

/// The address of the URL itself and each `node=host:port`, and what else is in the query.
fn nodes(url: &Url, default_port: u16) -> Result<(Vec<Address>, Query), Unfit> {
    let own = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    let own = Address::new(own, url.port().unwrap_or(default_port));
    let (more, rest): (Query, Query) = url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .partition(|(name, _)| name == "node");
    let more = more.iter().map(|(_, node)| node.parse::<Address>());
    let nodes = std::iter::once(Ok(own)).chain(more).collect::<Result<Vec<_>, _>>()?;
    if !nodes.iter().all(|node| is_host(&node.host)) {
        return Err("a host cannot be called so; the second and each further node comes \
            as node=host:port in the query"
            .into());
    }
    if nodes.iter().collect::<BTreeSet<_>>().len() < nodes.len() {
        return Err("it names a node twice".into());
    }
    Ok((nodes, rest))
}

fn is_host(host: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    !host.is_empty() && (host.chars().all(in_name) || host.parse::<Ipv6Addr>().is_ok())
}

/// The URL of one node, with the account and the TLS of the whole.
fn plain(url: &Url, node: &Address) -> Result<Url, Unfit> {
    let mut plain = url.clone();
    let (scheme, _) = url.scheme().split_once('+').unwrap_or((url.scheme(), ""));
    plain.set_scheme(scheme).map_err(|()| "it has no scheme")?;
    let host = if node.host.contains(':') { format!("[{}]", node.host) } else { node.host.clone() };
    plain.set_host(Some(&host)).map_err(|_| "it names a host that cannot be")?;
    plain.set_port(Some(node.port)).map_err(|()| "it names no host")?;
    plain.set_path("");
    plain.set_query(None);
    Ok(plain)
}

/// In which Redis can speak without being asked.
fn resp3(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(settings)
}

/// The same account and TLS at another address.
pub(super) fn at(info: &ConnectionInfo, address: &Address) -> ConnectionInfo {
    let (host, port) = (address.host.clone(), address.port);
    let address = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(address)
}

/// Without the account.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |infos: &[ConnectionInfo]| {
            infos.iter().map(|info| info.addr().to_string()).collect::<Vec<_>>()
        };
        match self {
            Self::One(info) => f.debug_tuple("One").field(&info.addr().to_string()).finish(),
            Self::Sentinels(sentinels) => {
                f.debug_tuple("Sentinels").field(&all(&sentinels.all)).finish()
            }
            Self::Cluster(nodes) => f.debug_tuple("Cluster").field(&all(nodes)).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses(infos: &[ConnectionInfo]) -> Vec<String> {
        infos.iter().map(|info| info.addr().to_string()).collect()
    }

    fn cluster_of(url: &str) -> Vec<ConnectionInfo> {
        match url.parse() {
            Ok(Servers::Cluster(nodes)) => nodes,
            other => panic!("{url}: {other:?}"),
        }
    }

    fn sentinels_of(url: &str) -> Sentinels {
        match url.parse() {
            Ok(Servers::Sentinels(sentinels)) => sentinels,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn a_cluster_is_found_by_any_of_its_nodes() {
        let nodes = cluster_of("redis+cluster://me:p%40w@a:7000?node=b:7001&node=[::1]:7002");
        assert_eq!(addresses(&nodes), ["a:7000", "b:7001", "::1:7002"]);
        for node in &nodes {
            let settings = node.redis_settings();
            assert_eq!((settings.username(), settings.password()), (Some("me"), Some("p@w")));
            assert_eq!(settings.protocol(), ProtocolVersion::RESP3);
        }
        assert_eq!(addresses(&cluster_of("redis+cluster://a")), ["a:6379"]);
    }

    #[test]
    fn sentinels_and_what_they_watch_have_passwords_of_their_own() {
        let url = "redis+sentinel://me:data@a/my-master?node=b:2&node=c:3&sentinel_password=s%26t";
        let sentinels = sentinels_of(url);
        assert_eq!(addresses(&sentinels.all), ["a:26379", "b:2", "c:3"]);
        assert_eq!(sentinels.master_name, "my-master");
        for sentinel in &sentinels.all {
            assert_eq!(sentinel.redis_settings().username(), None);
            assert_eq!(sentinel.redis_settings().password(), Some("s&t"));
        }
        assert_eq!(sentinels.node.redis_settings().username(), Some("me"));
        assert_eq!(sentinels.node.redis_settings().password(), Some("data"));
    }

    #[test]
    fn tls_is_for_every_node() {
        let nodes = cluster_of("rediss+cluster://a?node=b:1");
        assert!(nodes.iter().all(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. })));
        let moved = at(&nodes[0], &Address::new("c", 9));
        assert!(
            matches!(moved.addr(), ConnectionAddr::TcpTls { host, port: 9, .. } if host == "c")
        );
    }

    #[test]
    fn a_url_that_is_none_of_ours_is_refused_without_its_secrets() {
        for url in [
            "",
            "redis",
            "redis://",
            "redis://:secret@a/nodb",
            "http://:secret@a",
            "redis+cluster://",
            "redis+cluster://:secret@",
            "redis+cluster://:secret@a?node=b",
            "redis+cluster://:secret@a?node=:1",
            "redis+cluster://:secret@a?node=b:70000",
            "redis+cluster://:secret@a?node=b%20c:1",
            "redis+cluster://:secret@a:1?node=a:1",
            "redis+cluster://:secret@a/1",
            "redis+cluster://:secret@a?password=secret",
            "redis+cluster://:secret@a,b",
            "redis+cluster://:secret@0.0.0.0",
            "redis+other://:secret@a",
            "redis+sentinel://:secret@a",
            "redis+sentinel://:secret@a/",
            "redis+sentinel://:secret@a/b/c",
            "redis+sentinel://:secret@a/b?node=a:26379",
            "redis+sentinel://:secret@a/b?sentinel_passwort=secret",
        ] {
            let unfit = url.parse::<Servers>().expect_err(url);
            assert!(!unfit.to_string().contains("secret"), "{url}: {unfit}");
        }
    }

    proptest! {
        #[test]
        fn every_node_of_a_url_is_found(
            hosts in proptest::collection::btree_set("[a-z][a-z0-9-]{0,10}[a-z0-9]", 1..6),
            port in 1..u16::MAX,
            password in "[ -~]{1,12}",
        ) {
            let hosts: Vec<_> = hosts.into_iter().collect();
            let mut url = Url::parse(&format!("redis+cluster://{}:{port}", hosts[0])).expect("a URL");
            url.set_password(Some(&password)).expect("a host");
            // A percent sign is taken to be the beginning of an escape.
            prop_assume!(!password.contains('%'));
            for host in &hosts[1..] {
                url.query_pairs_mut().append_pair("node", &format!("{host}:{port}"));
            }
            let nodes = cluster_of(url.as_str());
            let expected: Vec<_> = hosts.iter().map(|host| format!("{host}:{port}")).collect();
            prop_assert_eq!(addresses(&nodes), expected);
            for node in &nodes {
                prop_assert_eq!(node.redis_settings().password(), Some(password.as_str()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(redis\\+(cluster|sentinel)://)?.{0,60}") {
            drop(text.parse::<Servers>());
        }
    }
}
