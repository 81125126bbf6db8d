//! Every refusal, once: its status, its code and its sentence.
//!
//! The exact strings are part of the protocol (contract 1.5, 1.6, 5.2): clients
//! compare codes and show sentences.

use http::StatusCode;
use serde::{Deserialize, Serialize};

macro_rules! refusals {
    ($($name:ident = $status:ident $code:literal $message:literal;)+) => {
        /// An answer to a request that will not be granted, in Better Auth's shape:
        /// `{"message","code"}`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Refusal {
            $(#[serde(rename = $code)] $name,)+
        }

        impl Refusal {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }
        }
    };
}

refusals! {
    InvalidJson              = BAD_REQUEST  "BAD_REQUEST"                  "Invalid JSON in request body";
    Unauthorized             = UNAUTHORIZED "UNAUTHORIZED"                 "Unauthorized";
    InvalidEmail             = BAD_REQUEST  "INVALID_EMAIL"                "Invalid email";
    InvalidPassword          = BAD_REQUEST  "INVALID_PASSWORD"             "Invalid password";
    InvalidEmailOrPassword   = UNAUTHORIZED "INVALID_EMAIL_OR_PASSWORD"    "Invalid email or password";
    EmailNotVerified         = FORBIDDEN    "EMAIL_NOT_VERIFIED"           "Email not verified";
    PasswordTooShort         = BAD_REQUEST  "PASSWORD_TOO_SHORT"           "Password too short";
    PasswordTooLong          = BAD_REQUEST  "PASSWORD_TOO_LONG"            "Password too long";
    UserExists               = UNPROCESSABLE_ENTITY "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL" "User already exists. Use another email.";
    FailedToCreateSession    = UNAUTHORIZED "FAILED_TO_CREATE_SESSION"     "Failed to create session";
    SessionNotFresh          = FORBIDDEN    "SESSION_NOT_FRESH"            "Session is not fresh";
    BannedUser               = FORBIDDEN    "BANNED_USER"                  "You have been banned from this application. Please contact support if you believe this is an error.";
    InvalidOrigin            = FORBIDDEN    "INVALID_ORIGIN"               "Invalid origin";
    MissingOrNullOrigin      = FORBIDDEN    "MISSING_OR_NULL_ORIGIN"       "Missing or null Origin";
    CrossSiteNavigation      = FORBIDDEN    "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED" "Cross-site navigation login blocked. This request appears to be a CSRF attack.";
    InvalidCallbackUrl       = FORBIDDEN    "INVALID_CALLBACK_URL"         "Invalid callbackURL";
    InvalidRedirectUrl       = FORBIDDEN    "INVALID_REDIRECT_URL"         "Invalid redirectURL";
    InvalidErrorCallbackUrl  = FORBIDDEN    "INVALID_ERROR_CALLBACK_URL"   "Invalid errorCallbackURL";
    InvalidNewUserCallbackUrl = FORBIDDEN   "INVALID_NEW_USER_CALLBACK_URL" "Invalid newUserCallbackURL";
    InvalidToken             = UNAUTHORIZED "INVALID_TOKEN"                "Invalid token";
    TokenExpired             = UNAUTHORIZED "TOKEN_EXPIRED"                "Token expired";
    UserNotFound             = UNAUTHORIZED "USER_NOT_FOUND"               "User not found";
    InvalidUser              = UNAUTHORIZED "INVALID_USER"                 "Invalid user";
    CredentialAccountNotFound = BAD_REQUEST "CREDENTIAL_ACCOUNT_NOT_FOUND" "Credential account not found";
    EmailMismatch            = BAD_REQUEST  "EMAIL_MISMATCH"               "Email mismatch";
    EmailAlreadyVerified     = BAD_REQUEST  "EMAIL_ALREADY_VERIFIED"       "Email is already verified";
    ChangeEmailDisabled      = BAD_REQUEST  "CHANGE_EMAIL_DISABLED"        "Change email is disabled";
    EmailCanNotBeUpdated     = BAD_REQUEST  "EMAIL_CAN_NOT_BE_UPDATED"     "Email can not be updated";
    LastAccount              = BAD_REQUEST  "FAILED_TO_UNLINK_LAST_ACCOUNT" "You can't unlink your last account";
    AccountNotFound          = BAD_REQUEST  "ACCOUNT_NOT_FOUND"            "Account not found";
    ProviderNotSupported     = BAD_REQUEST  "PROVIDER_NOT_SUPPORTED"       "Provider is not supported.";
    ProviderNotConfigured    = BAD_REQUEST  "PROVIDER_NOT_CONFIGURED"      "Account is not associated with a configured social provider.";
    ProviderNotFound         = NOT_FOUND    "PROVIDER_NOT_FOUND"           "Provider not found";
    IdTokenNotSupported      = NOT_FOUND    "ID_TOKEN_NOT_SUPPORTED"       "id_token not supported";
    UserEmailNotFound        = UNAUTHORIZED "USER_EMAIL_NOT_FOUND"         "User email not found";
    OAuthLinkError           = UNAUTHORIZED "OAUTH_LINK_ERROR"             "account not linked";
    SocialAccountAlreadyLinked = CONFLICT   "SOCIAL_ACCOUNT_ALREADY_LINKED" "Social account already linked";
    LinkingNotAllowed        = UNAUTHORIZED "LINKING_NOT_ALLOWED"          "Account not linked - linking not allowed";
    LinkingDifferentEmails   = UNAUTHORIZED "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED" "Account not linked - different emails not allowed";
    AccessTokenNotFound      = BAD_REQUEST  "ACCESS_TOKEN_NOT_FOUND"       "Access token not found";
    FailedToGetAccessToken   = BAD_REQUEST  "FAILED_TO_GET_ACCESS_TOKEN"   "Failed to get a valid access token";
    RefreshTokenNotFound     = BAD_REQUEST  "REFRESH_TOKEN_NOT_FOUND"      "Refresh token not found";
    FailedToRefreshToken     = BAD_REQUEST  "FAILED_TO_REFRESH_ACCESS_TOKEN" "Failed to refresh access token";
    FailedToGetUserInfo      = UNAUTHORIZED "FAILED_TO_GET_USER_INFO"      "Failed to get user info";
    NotFound                 = NOT_FOUND    "NOT_FOUND"                    "Not found";
    LastAdmin                = FORBIDDEN    "LAST_ADMIN_CANNOT_BE_DELETED" "The last admin can not be deleted";
    NotWhileImpersonating    = FORBIDDEN    "NOT_ALLOWED_WHILE_IMPERSONATING" "This is not possible while you act as another user";
    PostGetSession           = METHOD_NOT_ALLOWED "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED" "POST method requires deferSessionRefresh to be enabled in session config";
    MayNotCreateUsers        = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS" "You are not allowed to create users";
    MayNotGetUser            = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_GET_USER" "You are not allowed to get user";
    MayNotListUsers          = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS" "You are not allowed to list users";
    MayNotUpdateUsers        = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS" "You are not allowed to update users";
    MayNotSetEmail           = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_EMAIL" "You are not allowed to update users email";
    MayNotSetRole            = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE" "You are not allowed to change users role";
    MayNotBanUsers           = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS" "You are not allowed to ban users";
    MayNotImpersonate        = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS" "You are not allowed to impersonate users";
    MayNotDeleteUsers        = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS" "You are not allowed to delete users";
    MayNotSetPassword        = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD" "You are not allowed to set users password";
    MayNotListSessions       = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS" "You are not allowed to list users sessions";
    MayNotRevokeSessions     = FORBIDDEN    "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS" "You are not allowed to revoke users sessions";
    CannotBanSelf            = BAD_REQUEST  "YOU_CANNOT_BAN_YOURSELF"      "You cannot ban yourself";
    CannotRemoveSelf         = BAD_REQUEST  "YOU_CANNOT_REMOVE_YOURSELF"   "You cannot remove yourself";
    CannotDemoteSelf         = BAD_REQUEST  "YOU_CANNOT_DEMOTE_YOURSELF"   "You cannot take the admin role from yourself";
    CannotImpersonateAdmins  = FORBIDDEN    "YOU_CANNOT_IMPERSONATE_ADMINS" "You cannot impersonate admins";
    NoSuchRole               = BAD_REQUEST  "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE" "You are not allowed to set a non-existent role value";
    InvalidRoleType          = BAD_REQUEST  "INVALID_ROLE_TYPE"            "Invalid role type";
    NoDataToUpdate           = BAD_REQUEST  "NO_DATA_TO_UPDATE"            "No data to update";
    PasswordNotByUpdate      = BAD_REQUEST  "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER" "Password cannot be updated through update-user. Use the set-user-password endpoint instead";
    UserIdNotByUpdate        = BAD_REQUEST  "USER_ID_CANNOT_BE_UPDATED"    "User id cannot be updated";
    OtpNotConfigured         = BAD_REQUEST  "OTP_NOT_CONFIGURED"           "OTP is not available";
    OtpHasExpired            = BAD_REQUEST  "OTP_HAS_EXPIRED"              "OTP has expired";
    TotpNotEnabled           = BAD_REQUEST  "TOTP_NOT_ENABLED"             "TOTP not enabled";
    TotpAlreadyEnabled       = BAD_REQUEST  "TOTP_ALREADY_ENABLED"         "TOTP is already enabled";
    TwoFactorNotEnabled      = BAD_REQUEST  "TWO_FACTOR_NOT_ENABLED"       "Two factor isn't enabled";
    BackupCodesNotEnabled    = BAD_REQUEST  "BACKUP_CODES_NOT_ENABLED"     "Backup codes aren't enabled";
    InvalidBackupCode        = UNAUTHORIZED "INVALID_BACKUP_CODE"          "Invalid backup code";
    InvalidCode              = UNAUTHORIZED "INVALID_CODE"                 "Invalid code";
    TooManyAttempts          = BAD_REQUEST  "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE" "Too many attempts. Please request a new code.";
    TooManyCodes             = TOO_MANY_REQUESTS "TOO_MANY_CODES_REQUESTED" "Too many requests. Please try again later.";
    AccountLocked            = TOO_MANY_REQUESTS "ACCOUNT_TEMPORARILY_LOCKED" "Too many failed verification attempts. Your account is temporarily locked. Please try again later.";
    InvalidTwoFactorCookie   = UNAUTHORIZED "INVALID_TWO_FACTOR_COOKIE"    "Invalid two factor cookie";
    ChallengeNotFound        = BAD_REQUEST  "CHALLENGE_NOT_FOUND"          "Challenge not found";
    NotYourRegistration      = UNAUTHORIZED "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY" "You are not allowed to register this passkey";
    FailedToVerifyRegistration = BAD_REQUEST "FAILED_TO_VERIFY_REGISTRATION" "Failed to verify registration";
    AuthenticationFailed     = BAD_REQUEST  "AUTHENTICATION_FAILED"        "Authentication failed";
    PasskeyNotFound          = NOT_FOUND    "PASSKEY_NOT_FOUND"            "Passkey not found";
    TooManyPasskeys          = BAD_REQUEST  "TOO_MANY_PASSKEYS"            "You have as many passkeys as one user may have";
    PayloadTooLarge          = PAYLOAD_TOO_LARGE "PAYLOAD_TOO_LARGE"       "Request body is too large";
    TooBusy                  = SERVICE_UNAVAILABLE "SERVICE_BUSY"          "Too many requests are waiting. Please try again shortly.";
    Unavailable              = SERVICE_UNAVAILABLE "SERVICE_UNAVAILABLE"   "Service temporarily unavailable. Please try again shortly.";
}

macro_rules! panel_refusals {
    ($($name:ident = $status:ident $message:literal;)+) => {
        /// An answer of StellarStack's own routes, in their shape: `{"error"}` (contract 16).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum PanelRefusal {
            $($name,)+
        }

        impl PanelRefusal {
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }
        }
    };
}

panel_refusals! {
    Unauthorized        = UNAUTHORIZED          "Unauthorized";
    NotAuthenticated    = UNAUTHORIZED          "Not authenticated";
    Forbidden           = FORBIDDEN             "Forbidden";
    SessionNotFresh     = FORBIDDEN             "Session is not fresh";
    NotFound            = NOT_FOUND             "Not found";
    MethodNotAllowed    = METHOD_NOT_ALLOWED    "Method not allowed";
    BadRequest          = BAD_REQUEST           "Bad request";
    TooManyRequests     = TOO_MANY_REQUESTS     "Too many requests. Please try again later.";
    MediaType           = UNSUPPORTED_MEDIA_TYPE "Content-Type must be application/json";
    InvalidJson         = BAD_REQUEST           "Invalid JSON in request body";
    PayloadTooLarge     = PAYLOAD_TOO_LARGE     "Request body is too large";
    Unavailable         = SERVICE_UNAVAILABLE   "Service temporarily unavailable. Please try again shortly.";
    BadGateway          = BAD_GATEWAY           "The upstream did not answer";
    GatewayTimeout      = GATEWAY_TIMEOUT       "The upstream took too long";
    AlreadyInitialized  = BAD_REQUEST           "System is already initialized";
    SetupFieldsMissing  = BAD_REQUEST           "Name, email, and password are required";
    PasswordTooShort    = BAD_REQUEST           "Password must be at least 8 characters";
    PasswordTooLong     = BAD_REQUEST           "Password must be at most 72 bytes";
    PasswordHasNul      = BAD_REQUEST           "Password must not contain a NUL character";
    InvalidEmail        = BAD_REQUEST           "Invalid email format";
    InvalidSetupToken   = FORBIDDEN             "Invalid setup token";
    InvalidOrigin       = FORBIDDEN             "Invalid origin";
    RecoveryDisabled    = FORBIDDEN             "Password recovery is disabled. Set ADMIN_RECOVERY_KEY environment variable to enable.";
    RecoveryFieldsMissing = BAD_REQUEST         "Email, new password, and recovery key are required";
    InvalidRecoveryKey  = FORBIDDEN             "Invalid recovery key";
    UserNotFound        = NOT_FOUND             "User not found";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_crosses_the_bus_as_its_code() {
        for refusal in Refusal::ALL {
            let text = serde_json::to_string(refusal).expect("serialises");
            assert_eq!(text, format!("\"{}\"", refusal.code()));
            assert_eq!(serde_json::from_str::<Refusal>(&text).expect("reads"), *refusal);
        }
    }
}
