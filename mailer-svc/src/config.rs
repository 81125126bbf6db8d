//! Configuration (see `--help`).

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use lettre::message::Mailbox;
use secrecy::ExposeSecret;
use service_kit::{Env, NatsUrl, nats_url};

use crate::{streams::Replicas, transport::Destination};

pub struct Config {
    pub admin: SocketAddr,
    pub nats_url: NatsUrl,
    pub replicas: Replicas,
    pub destination: Destination,
    pub from: Mailbox,
    pub templates_dir: Option<PathBuf>,
}

impl Config {
    pub fn read(env: &Env) -> Option<Self> {
        let admin =
            env.or("ADMIN_ADDR", "127.0.0.1:3009", "address of /livez, /readyz and /metrics");
        let nats_url = nats_url(env);
        let replicas = env.or(
            "NATS_REPLICAS",
            "auto",
            "how many servers keep each stream, 1 to 5; auto: 3 in a cluster, 1 elsewhere",
        );
        let destination = env.secret(
            "MAIL_TRANSPORT_URL",
            "smtps://user:password@host (TLS), smtp://user:password@host:port (STARTTLS is required; \
             ?tls=opportunistic or ?tls=none for less), or file:///folder for one .eml file a mail",
            Destination::parse,
        );
        let from: Option<Sender> =
            env.required("MAIL_FROM", "the sender, as in `Panel <no-reply@example.com>`");
        let templates_dir = templates_dir(env);
        Some(Self {
            admin: admin?,
            nats_url: nats_url?,
            replicas: replicas?,
            destination: destination?,
            from: from?.0,
            templates_dir: templates_dir?,
        })
    }
}

struct Sender(Mailbox);

impl FromStr for Sender {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sender = text.parse().map(Self);
        sender.map_err(|_| "expected an address, as in `Panel <no-reply@example.com>`")
    }
}

/// A folder of templates in place of those that are built in.
pub fn templates_dir(env: &Env) -> Option<Option<PathBuf>> {
    env.optional(
        "MAIL_TEMPLATES_DIR",
        "folder of templates that take the place of ours of the same name",
    )
}

fn nats_url(env: &Env) -> Option<NatsUrl> {
    let url = env.optional_secret("NATS_URL", nats_url::ABOUT)?;
    let url = url.unwrap_or_else(|| "nats://127.0.0.1:4222".into());
    let url = NatsUrl::parse(url.expose_secret());
    url.map_err(|problem| env.problem("NATS_URL", "is unfit", &problem.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Config, String> {
        let env =
            Env::of(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = Config::read(&env);
        env.finish(config).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_transport_and_a_sender_are_enough() {
        let config = read(&[
            ("MAIL_TRANSPORT_URL", "file:///tmp/outbox"),
            ("MAIL_FROM", "StellarStack <no-reply@localhost>"),
        ])
        .unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.from.email.to_string(), "no-reply@localhost");
        assert_eq!(config.admin.port(), 3009);
    }

    #[test]
    fn every_problem_is_named_and_no_password_is() {
        let problems = read(&[
            ("MAIL_TRANSPORT_URL", "smtp://ann:hunter2@mail.example.com?tls=perhaps"),
            ("MAIL_FROM", "nobody"),
            ("NATS_URL", "nats://ann:hunter2@"),
            ("NATS_REPLICAS", "6"),
        ])
        .err()
        .expect("four problems");
        assert!(problems.contains("4 problem(s)"), "{problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
