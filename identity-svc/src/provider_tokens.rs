//! Keeping a provider's tokens good.
//!
//! A refresh token may be good once (RFC 9700, 4.14.2). Of two who refresh at once, the
//! one whose token was used already finds the other's result kept, and takes that.

use std::time::Duration;

use auth_types::Timestamp;
use service_kit::{Current, Error, While, fault::Chain};

use crate::{
    app::App,
    model::social::tokens::ProviderTokens,
    oauth::{ProviderClient, ProviderError},
    store::social_accounts::{self, SocialAccount},
};

/// A token that expires sooner is renewed before it is given out (contract 4.18).
const MARGIN: Duration = Duration::from_secs(5);

pub enum Renewed {
    Tokens(ProviderTokens),
    /// The provider does not renew them.
    No,
}

/// Tokens that are good now; renewed where they can be and need to be.
pub async fn fresh(
    app: &App,
    provider: &ProviderClient,
    current: &Current,
    account: SocialAccount,
    now: Timestamp,
) -> Result<Option<ProviderTokens>, Error> {
    let expires = account.tokens.access_token_expires_at;
    let is_due = expires.is_some_and(|expires| expires < now + MARGIN);
    if !is_due || account.tokens.secrets.refresh_token.is_none() {
        return Ok(Some(account.tokens));
    }
    Ok(match renew(app, provider, current, account, now).await? {
        Renewed::Tokens(tokens) => Some(tokens),
        Renewed::No => None,
    })
}

pub async fn renew(
    app: &App,
    provider: &ProviderClient,
    current: &Current,
    account: SocialAccount,
    now: Timestamp,
) -> Result<Renewed, Error> {
    let used = account.tokens.secrets.refresh_token.unwrap_or_default();
    let user = &current.live.user.id;
    match provider.refresh(&used, now).await {
        Ok(newer) => {
            let mut tx = app.db.begin().await.doing("starting to keep new tokens")?;
            let (whose, renewal) = ((user, &account.id), (newer, false));
            social_accounts::renew(&mut tx, &app.token_sealer, whose, renewal, now).await?;
            tx.commit().await.doing("keeping new tokens")?;
            Ok(kept(app, current, &account.id).await?.map_or(Renewed::No, Renewed::Tokens))
        }
        Err(error) => {
            log(provider, &error);
            // Somebody may have used it a moment before.
            let since = kept(app, current, &account.id).await?;
            let is_another =
                |tokens: &ProviderTokens| tokens.secrets.refresh_token.as_ref() != Some(&used);
            Ok(since.filter(is_another).map_or(Renewed::No, Renewed::Tokens))
        }
    }
}

async fn kept(
    app: &App,
    current: &Current,
    account: &auth_types::AccountId,
) -> Result<Option<ProviderTokens>, Error> {
    let user = &current.live.user.id;
    let account = social_accounts::find(&app.db, &app.token_sealer, user, account.as_str()).await?;
    Ok(account.map(|account| account.tokens))
}

fn log(provider: &ProviderClient, error: &ProviderError) {
    tracing::info!(provider = provider.provider().name(), error = %Chain(error), "a provider's tokens were not renewed");
}
