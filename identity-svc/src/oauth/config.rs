//! Which providers there are, as the environment says (see `--help`).

use std::time::Duration;

use secrecy::SecretString;
use service_kit::{Deployment, Env, deployment::is_loopback};

use crate::{
    model::social::Provider,
    oauth::{
        client::Api,
        discovery::Discovery,
        endpoint::{Endpoint, Reach},
        google::Overrides,
    },
};

pub struct OAuthConfig {
    pub(crate) chosen: Vec<Chosen>,
    /// How long a provider may take for one answer.
    pub(crate) timeout: Duration,
    pub(crate) trusted_as_second_factor: Vec<Provider>,
    pub(crate) sign_up_disabled: Vec<Provider>,
    pub(crate) implicit_sign_up_disabled: Vec<Provider>,
}

/// A provider that is to be had.
pub(crate) struct Chosen {
    pub(crate) provider: Provider,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) endpoints: Endpoints,
}

pub(crate) enum Endpoints {
    OpenId(Option<Discovery>, Overrides),
    Api(Api),
}

impl OAuthConfig {
    pub(crate) fn read(env: &Env, deployment: Option<&Deployment>) -> Option<Self> {
        let production = deployment.is_some_and(|deployment| deployment.production);
        let reader = Reader { env, production };
        let chosen = [reader.google(), reader.github(), reader.discord()];
        let timeout = env.or::<u64>(
            "OAUTH_TIMEOUT_MS",
            "3000",
            "milliseconds that a social provider may take for one answer, 100 to 3500",
        );
        let trusted = env.list(
            "OAUTH_TRUSTED_AS_SECOND_FACTOR",
            "",
            "providers after which no second factor is asked, because they ask for one",
        );
        let disabled =
            env.list("OAUTH_DISABLE_SIGN_UP", "", "providers that sign in known users only");
        let implicit = env.list(
            "OAUTH_DISABLE_IMPLICIT_SIGN_UP",
            "",
            "providers that bring new users only where the page asks for it (requestSignUp)",
        );
        let timeout = timeout?;
        // Four answers have to come within the 15 seconds that a request may take.
        if !(100..=3500).contains(&timeout) {
            env.problem("OAUTH_TIMEOUT_MS", &format!("is {timeout}"), "expected 100 to 3500");
        }
        let [google, github, discord] = chosen;
        Some(Self {
            chosen: [google?, github?, discord?].into_iter().flatten().collect(),
            timeout: Duration::from_millis(timeout),
            trusted_as_second_factor: trusted?,
            sign_up_disabled: disabled?,
            implicit_sign_up_disabled: implicit?,
        })
    }
}

struct Reader<'a> {
    env: &'a Env,
    production: bool,
}

impl Reader<'_> {
    fn google(&self) -> Option<Option<Chosen>> {
        let credentials = self.credentials(
            ("GOOGLE_CLIENT_ID", "client id at Google; sign-in with Google is off without it"),
            ("GOOGLE_CLIENT_SECRET", "the secret that goes with it"),
        );
        let issuer: Option<Option<String>> = self.env.optional(
            "GOOGLE_ISSUER_URL",
            "another OpenID provider in Google's place; its endpoints are discovered",
        );
        let issuer = match issuer? {
            None => Some(None),
            Some(written) => {
                let endpoint = self.judge("GOOGLE_ISSUER_URL", written.parse().ok());
                if endpoint.is_none() {
                    self.env.problem(
                        "GOOGLE_ISSUER_URL",
                        &format!("is {written:?}"),
                        "expected an http or https address without user, query and fragment",
                    );
                }
                endpoint.map(|endpoint| Some(Discovery::of(&endpoint, &written)))
            }
        };
        let authorization = self.endpoint(
            "GOOGLE_AUTHORIZATION_ENDPOINT",
            "where browsers go, before what is discovered",
        );
        let token =
            self.endpoint("GOOGLE_TOKEN_ENDPOINT", "where codes go, before what is discovered");
        let jwks = self.endpoint("GOOGLE_JWKS_URI", "where keys are, before what is discovered");
        let overrides = Overrides { authorization: authorization?, token: token?, jwks: jwks? };
        let endpoints = Endpoints::OpenId(issuer?, overrides);
        Some(credentials?.map(|credentials| chosen(Provider::Google, credentials, endpoints)))
    }

    fn github(&self) -> Option<Option<Chosen>> {
        let credentials = self.credentials(
            ("GITHUB_CLIENT_ID", "client id at GitHub; sign-in with GitHub is off without it"),
            ("GITHUB_CLIENT_SECRET", "the secret that goes with it"),
        );
        let api = self.api(
            ("GITHUB_AUTHORIZATION_ENDPOINT", "https://github.com/login/oauth/authorize"),
            ("GITHUB_TOKEN_ENDPOINT", "https://github.com/login/oauth/access_token"),
            ("GITHUB_API_BASE", "https://api.github.com"),
        );
        let endpoints = Endpoints::Api(api?);
        Some(credentials?.map(|credentials| chosen(Provider::GitHub, credentials, endpoints)))
    }

    fn discord(&self) -> Option<Option<Chosen>> {
        let credentials = self.credentials(
            ("DISCORD_CLIENT_ID", "client id at Discord; sign-in with Discord is off without it"),
            ("DISCORD_CLIENT_SECRET", "the secret that goes with it"),
        );
        let api = self.api(
            ("DISCORD_AUTHORIZATION_ENDPOINT", "https://discord.com/api/oauth2/authorize"),
            ("DISCORD_TOKEN_ENDPOINT", "https://discord.com/api/oauth2/token"),
            ("DISCORD_API_BASE", "https://discord.com/api"),
        );
        let endpoints = Endpoints::Api(api?);
        Some(credentials?.map(|credentials| chosen(Provider::Discord, credentials, endpoints)))
    }

    /// Both or neither.
    fn credentials(
        &self,
        (id_name, id_about): (&'static str, &'static str),
        (secret_name, secret_about): (&'static str, &'static str),
    ) -> Option<Option<(String, SecretString)>> {
        let id: Option<Option<String>> = self.env.optional(id_name, id_about);
        let secret = self.env.optional_secret(secret_name, secret_about);
        match (id?, secret?) {
            (Some(id), Some(secret)) => Some(Some((id, secret))),
            (None, None) => Some(None),
            (Some(_), None) => {
                self.env.problem(
                    secret_name,
                    "is not set",
                    &format!("{id_name} is, so both are needed"),
                );
                None
            }
            (None, Some(_)) => {
                self.env.problem(
                    id_name,
                    "is not set",
                    &format!("{secret_name} is, so both are needed"),
                );
                None
            }
        }
    }

    fn api(
        &self,
        authorization: (&'static str, &'static str),
        token: (&'static str, &'static str),
        base: (&'static str, &'static str),
    ) -> Option<Api> {
        let authorization = self.endpoint_or(authorization, "where browsers go");
        let token = self.endpoint_or(token, "where codes go");
        let base = self.endpoint_or(base, "where profiles are");
        Some(Api { authorization: authorization?.url, token: token?, base: base? })
    }

    fn endpoint_or(
        &self,
        (name, default): (&'static str, &'static str),
        about: &'static str,
    ) -> Option<Endpoint> {
        let endpoint = self.env.or::<Endpoint>(name, default, about)?;
        // An address that everybody knows was not chosen by the operator.
        let reach = if endpoint.url.as_str() == Endpoint::well_known(default).url.as_str() {
            Reach::Internet
        } else {
            endpoint.reach
        };
        self.judge(name, Some(Endpoint { reach, ..endpoint }))
    }

    fn endpoint(&self, name: &'static str, about: &'static str) -> Option<Option<Endpoint>> {
        match self.env.optional::<Endpoint>(name, about)? {
            None => Some(None),
            Some(endpoint) => self.judge(name, Some(endpoint)).map(Some),
        }
    }

    /// In production secrets go by TLS, or stay on this machine.
    fn judge(&self, name: &str, endpoint: Option<Endpoint>) -> Option<Endpoint> {
        let endpoint = endpoint?;
        if self.production && endpoint.url.scheme() == "http" && !is_loopback(endpoint.url.as_str())
        {
            self.env.problem(
                name,
                &format!("is {:?}", endpoint.url.as_str()),
                "expected https in production",
            );
        }
        Some(endpoint)
    }
}

fn chosen(
    provider: Provider,
    (client_id, client_secret): (String, SecretString),
    endpoints: Endpoints,
) -> Chosen {
    Chosen { provider, client_id, client_secret, endpoints }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)], production: bool) -> Result<OAuthConfig, String> {
        let env = Env::of(values.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let reader = Reader { env: &env, production };
        let chosen = [reader.google(), reader.github(), reader.discord()];
        let config = OAuthConfig::read(&env, None).filter(|_| chosen.iter().all(Option::is_some));
        env.finish(config).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_provider_is_there_when_both_of_its_names_are() {
        let both = [("GITHUB_CLIENT_ID", "id"), ("GITHUB_CLIENT_SECRET", "hunter2")];
        let config = read(&both, false).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.chosen.len(), 1);
        assert!(read(&[], false).is_ok_and(|config| config.chosen.is_empty()));
        let problems = read(&both[..1], false).err().expect("half of it");
        assert!(problems.contains("GITHUB_CLIENT_SECRET is not set"), "{problems}");
        let problems = read(&both[1..], false).err().expect("half of it");
        assert!(
            problems.contains("GITHUB_CLIENT_ID") && !problems.contains("hunter2"),
            "{problems}"
        );
    }

    #[test]
    fn an_address_is_judged_at_the_start() {
        for (name, value) in [
            ("GOOGLE_ISSUER_URL", "accounts.example"),
            ("GOOGLE_JWKS_URI", "file:///etc/passwd"),
            ("GITHUB_API_BASE", "https://user:password@ghe.example"),
            ("OAUTH_TRUSTED_AS_SECOND_FACTOR", "google,myspace"),
            ("OAUTH_TIMEOUT_MS", "0"),
        ] {
            let problems = read(&[(name, value)], false).err();
            assert!(problems.is_some_and(|problems| problems.contains(name)), "{name}");
        }
        let plain = [("DISCORD_API_BASE", "http://discord.internal/api")];
        assert!(read(&plain, false).is_ok() && read(&plain, true).is_err());
        assert!(read(&[("GOOGLE_ISSUER_URL", "http://localhost:8080")], true).is_ok());
    }
}
