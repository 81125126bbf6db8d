//! Why a social sign-in came to nothing, as the page that asked for it is told
//! (contract 8.6). Each code is spelled here and nowhere else.

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SocialFailure {
            $($(#[$doc])* $name,)+
        }

        impl SocialFailure {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

failures! {
    StateNotFound = "state_not_found";
    /// Unknown, used, expired, of another browser or of another provider.
    StateMismatch = "state_mismatch";
    NoCode = "no_code";
    ProviderNotFound = "oauth_provider_not_found";
    /// The provider took the code for none, or could not be asked.
    InvalidCode = "invalid_code";
    UnableToGetUserInfo = "unable_to_get_user_info";
    /// None, or none that we would write to.
    EmailNotFound = "email_not_found";
    /// Somebody here has the address, and it is not proved to be one person.
    AccountNotLinked = "account_not_linked";
    UnableToLinkAccount = "unable_to_link_account";
    EmailDoesNotMatch = "email_does_not_match";
    LinkedToDifferentUser = "account_already_linked_to_different_user";
    SignUpDisabled = "signup_disabled";
    UnableToCreateSession = "unable_to_create_session";
    Banned = "BANNED_USER";
    /// Something broke under us.
    InternalServerError = "internal_server_error";
}

impl SocialFailure {
    /// The same in words, as the id-token sign-in says it (contract 8.8).
    #[must_use]
    pub fn words(self) -> String {
        self.code().replace('_', " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_fit_for_the_error_page() {
        for failure in SocialFailure::ALL {
            assert_eq!(crate::model::redirect::error_code(Some(failure.code())), failure.code());
        }
        assert_eq!(SocialFailure::AccountNotLinked.words(), "account not linked");
    }
}
