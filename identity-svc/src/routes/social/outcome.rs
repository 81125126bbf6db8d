//! From a user whom a provider vouches for to a session, or half way to one.

use auth_types::{DeviceToken, Timestamp};
use contract::{
    cookies::Remember, mfa::FactorOwed, session::ClientInfo, session::SessionOpened, user::User,
};
use http::HeaderMap;
use service_kit::Error;

use crate::{
    app::App,
    model::{
        sign_in::{Asks, accept_social},
        social::{Provider, linking::SignUps, tokens::ProviderTokens},
    },
    oauth::Vouched,
    routes::sign_in::presented_device,
    sessions::{self, SignedIn},
    social::{self, Found, Stopped},
    store::users,
};

/// Who asks, with what.
pub(super) struct Caller<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) client: ClientInfo,
    pub(super) now: Timestamp,
}

pub(super) struct SocialSignIn {
    pub(super) user: User,
    pub(super) is_new: bool,
    pub(super) signed_in: SignedIn,
    remember: Remember,
}

/// Finds or makes the user, asks for a second factor where one is owed, opens a session.
pub(super) async fn sign_in(
    app: &App,
    vouched: &Vouched,
    tokens: &ProviderTokens,
    sign_ups: SignUps,
    caller: Caller<'_>,
) -> Result<SocialSignIn, Stopped> {
    let Caller { headers, client, now } = caller;
    let profile = &vouched.profile;
    let Found { user, is_new } = social::find_user(app, profile, tokens, sign_ups, now).await?;
    let user = if user.user.banned {
        users::lift_expired_ban(&app.db, &user.user.id, now).await?.unwrap_or(user)
    } else {
        user
    };
    let accepted = accept_social(user, asks(app, profile.provider), now).map_err(Error::from)?;
    let user = accepted.user().user.clone();
    let remember = app.deployment.cookies.dont_remember(headers);
    let device = presented_device(app, headers, &user.id);
    let signed_in = sessions::after_first_proof(app, accepted, device, remember, client).await?;
    Ok(SocialSignIn { user, is_new, signed_in, remember })
}

fn asks(app: &App, provider: Provider) -> Asks {
    if app.providers.is_second_factor(provider) { Asks::NothingMore } else { Asks::SecondFactor }
}

impl SocialSignIn {
    /// `Set-Cookie` lines of a sign-in, whole or half way.
    pub(super) fn cookies(&self, app: &App, headers: &HeaderMap) -> Vec<String> {
        let cookies = &app.deployment.cookies;
        match &self.signed_in {
            SignedIn::As { opened, device } => self.session_cookies(app, opened, device.as_ref()),
            SignedIn::FactorOwed(FactorOwed { challenge, .. }) => {
                let presented = cookies.presented_device(headers, &self.user.id);
                cookies.start_challenge(challenge, self.remember, &presented)
            }
        }
    }

    fn session_cookies(
        &self,
        app: &App,
        opened: &SessionOpened,
        device: Option<&DeviceToken>,
    ) -> Vec<String> {
        let cookies = &app.deployment.cookies;
        // As long as they asked not to be remembered, they are not (contract 2.6).
        let mut lines = cookies.set_session(&opened.token, self.remember, self.remember);
        lines.extend(device.map(|device| cookies.trust_device(&self.user.id, device)));
        lines
    }
}
