//! Providers that say who somebody is when they are asked with an access token.

use serde_json::{Value, json};

use crate::{
    model::social::{SocialProfile, profile},
    oauth::{
        endpoint::Endpoint,
        line::{Line, ProviderError},
    },
};

/// The profile, and what GitHub said. Without the permission to read addresses there is
/// none; where the question fails in another way there is no profile.
pub(crate) async fn github(
    line: &Line,
    base: &Endpoint,
    access_token: &str,
) -> Result<(SocialProfile, Value), ProviderError> {
    let user = line.get(&base.below("/user"), Some(access_token)).await?;
    let emails = match line.get(&base.below("/user/emails"), Some(access_token)).await {
        Err(ProviderError::Refused(_)) => json!([]),
        emails => emails?,
    };
    Ok((profile::of_github(&user, &emails)?, user))
}

pub(crate) async fn discord(
    line: &Line,
    base: &Endpoint,
    access_token: &str,
) -> Result<(SocialProfile, Value), ProviderError> {
    let user = line.get(&base.below("/users/@me"), Some(access_token)).await?;
    Ok((profile::of_discord(&user)?, user))
}
