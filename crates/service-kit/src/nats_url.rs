//! `NATS_URL`: one server, or several of a cluster, and the account at them.

use std::borrow::Cow;

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::config::Env;

/// What `--help` says of it.
pub const ABOUT: &str =
    "nats://user:password@host:port, or tls://…; the servers of a cluster are separated by commas";

/// Why it cannot be read. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNatsUrl {
    #[error("expected {ABOUT}")]
    Address,
    #[error("the servers of one cluster are given one user and password")]
    Accounts,
}

/// Where NATS is. The account stands before the first server or before each, and is
/// percent-encoded; servers that tell of others lead to them as well. Where one is to speak
/// TLS all are: no other is told the password.
#[derive(Clone)]
pub struct NatsUrl {
    servers: Vec<ServerAddr>,
    account: Option<Account>,
    is_tls: bool,
}

#[derive(Clone)]
struct Account {
    user: String,
    password: SecretString,
}

impl NatsUrl {
    pub fn parse(text: &str) -> Result<Self, BadNatsUrl> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let servers = entries.map(str::parse).collect::<Result<Vec<ServerAddr>, _>>();
        let servers = servers.map_err(|_| BadNatsUrl::Address)?;
        if servers.is_empty() || servers.iter().any(|server| server.host().is_empty()) {
            return Err(BadNatsUrl::Address);
        }
        let mut accounts = servers.iter().filter_map(account);
        let account = accounts.next();
        if accounts.any(|other| account != Some(other)) {
            return Err(BadNatsUrl::Accounts);
        }
        let account = account.map(Account::decode).transpose()?;
        let is_tls = servers.iter().any(ServerAddr::tls_required);
        Ok(Self { servers, account, is_tls })
    }

    /// The variable of that name, which must be set.
    pub fn read(env: &Env) -> Option<Self> {
        env.secret("NATS_URL", ABOUT, Self::parse)
    }

    #[must_use]
    pub fn servers(&self) -> &[ServerAddr] {
        &self.servers
    }

    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// How to connect to any of the servers: the client does not take the account out of
    /// an address by itself.
    #[must_use]
    pub fn options(&self) -> ConnectOptions {
        let options = match &self.account {
            Some(Account { user, password }) => ConnectOptions::with_user_and_password(
                user.clone(),
                password.expose_secret().to_owned(),
            ),
            None => ConnectOptions::new(),
        };
        options.require_tls(self.is_tls)
    }
}

fn account(server: &ServerAddr) -> Option<(&str, &str)> {
    Some((server.username()?, server.password()?))
}

impl Account {
    fn decode((user, password): (&str, &str)) -> Result<Self, BadNatsUrl> {
        let decode = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
        let (Ok(user), Ok(password)) = (decode(user), decode(password)) else {
            return Err(BadNatsUrl::Address);
        };
        Ok(Self { user, password: password.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Vec<(String, u16)> {
        let url = NatsUrl::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        url.servers().iter().map(|server| (server.host().to_owned(), server.port())).collect()
    }

    fn account_of(text: &str) -> Option<(String, String)> {
        let account = NatsUrl::parse(text).expect("a good one").account?;
        Some((account.user, account.password.expose_secret().to_owned()))
    }

    #[test]
    fn one_server_or_several() {
        assert_eq!(hosts("nats://a"), [("a".to_owned(), 4222)]);
        let three = [("a".to_owned(), 4222), ("b".to_owned(), 4223), ("::1".to_owned(), 4222)];
        assert_eq!(hosts("nats://u:p@a,nats://u:p@b:4223,nats://u:p@[::1]"), three);
        assert_eq!(hosts("nats://u:p@a, b:4223,[::1]:4222,"), three);
    }

    #[test]
    fn tls_is_for_all_or_for_none() {
        for (text, is_tls) in
            [("nats://a,b", false), ("tls://a", true), ("tls://u:p@a,b", true), ("a,tls://b", true)]
        {
            let url = NatsUrl::parse(text).expect("a good one");
            assert_eq!(url.is_tls(), is_tls, "{text}");
        }
    }

    #[test]
    fn the_account_is_one_and_percent_encoded() {
        let ann = Some(("ann".to_owned(), "a,b@c".to_owned()));
        assert_eq!(account_of("nats://ann:a%2Cb%40c@a,b"), ann);
        assert_eq!(account_of("nats://ann:a%2Cb%40c@a,nats://ann:a%2Cb%40c@b"), ann);
        assert_eq!(account_of("nats://a"), None);
        let two = NatsUrl::parse("nats://ann:x@a,nats://eve:x@b");
        assert_eq!(two.err(), Some(BadNatsUrl::Accounts));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in
            ["", ",", "http://u:hunter2@a", "nats://u:hunter2@a:port", "nats://", "nats://u:%ff@a"]
        {
            let problem = NatsUrl::parse(text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(!problem.to_string().contains("hunter2"));
        }
    }
}
