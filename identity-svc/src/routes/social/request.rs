//! The body of `POST /sign-in/social` and `POST /link-social` (contract 8.1).

use auth_types::Timestamp;
use contract::Refusal;
use serde_json::{Map, Value};
use service_kit::{Error, body::JsonBody, fields::Fields};
use utoipa::ToSchema;

use crate::model::social::tokens::{ProviderTokens, TokenSecrets};

/// Parameters of the authorization request that are not the page's to set.
const RESERVED: [&str; 8] = [
    "state",
    "client_id",
    "redirect_uri",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "scope",
];
const SCOPES_MAX: usize = 32;
const PARAMS_MAX: usize = 16;
const TEXT_MAX_BYTES: usize = 512;
/// Anybody can have this kept for ten minutes.
const ADDITIONAL_DATA_MAX_BYTES: usize = 4096;
/// Of a token that a page hands over.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SocialRequest {
    /// `google`, `github` or `discord`
    provider: String,
    /// Where the browser goes afterwards.
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
    /// Where it goes if this comes to nothing, with `error` in the query.
    #[schema(rename = "errorCallbackURL", nullable = false)]
    error_callback_url: Option<String>,
    /// Where it goes if there is a new user.
    #[schema(rename = "newUserCallbackURL", nullable = false)]
    new_user_callback_url: Option<String>,
    /// Whether the page itself sends the browser to `url`.
    #[schema(nullable = false)]
    disable_redirect: Option<bool>,
    /// Besides those that are always asked for.
    #[schema(nullable = false)]
    scopes: Option<Vec<String>>,
    #[schema(nullable = false)]
    login_hint: Option<String>,
    /// Whether the page is about a new user.
    #[schema(nullable = false)]
    request_sign_up: Option<bool>,
    /// Further parameters of the authorization request; texts.
    #[schema(nullable = false)]
    additional_params: Option<Value>,
    /// Kept with the flow, 4 KiB at most.
    #[schema(nullable = false)]
    additional_data: Option<Value>,
    /// Instead of a redirect, what the page got from the provider itself.
    #[schema(nullable = false)]
    id_token: Option<GivenToken>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct GivenToken {
    token: String,
    #[schema(nullable = false)]
    nonce: Option<String>,
    #[schema(nullable = false)]
    access_token: Option<String>,
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// Of the access token, in seconds since 1970.
    #[schema(nullable = false)]
    expires_at: Option<f64>,
}

pub(super) struct Asked {
    pub(super) provider: String,
    pub(super) callback: Option<String>,
    pub(super) error_callback: Option<String>,
    pub(super) new_user_callback: Option<String>,
    pub(super) disable_redirect: bool,
    pub(super) scopes: Vec<String>,
    pub(super) login_hint: Option<String>,
    pub(super) request_sign_up: bool,
    pub(super) params: Vec<(String, String)>,
    pub(super) additional: Map<String, Value>,
    pub(super) id_token: Option<IdToken>,
}

/// A token that the page has got without us.
pub(super) struct IdToken {
    pub(super) token: String,
    pub(super) nonce: Option<String>,
    pub(super) tokens: ProviderTokens,
}

pub(super) fn read(body: JsonBody) -> Result<Asked, Error> {
    let fields = body.fields()?;
    let provider = fields.string("provider");
    let filled = |name| Some(fields.optional_string(name)?.filter(|text| !text.is_empty()));
    let callbacks =
        (filled("callbackURL"), filled("errorCallbackURL"), filled("newUserCallbackURL"));
    let disable_redirect = fields.bool_or("disableRedirect", false);
    let scopes = scopes(&fields);
    let login_hint = hint(&fields);
    let request_sign_up = fields.bool_or("requestSignUp", false);
    let params = params(&fields);
    let additional = additional(&fields);
    let given = fields.optional_record("idToken");
    fields.finish()?;
    let id_token = given.flatten().map(id_token).transpose()?;
    let (callback, error_callback, new_user_callback) = callbacks;
    Ok(Asked {
        provider: provider.unwrap_or_default(),
        callback: callback.flatten(),
        error_callback: error_callback.flatten(),
        new_user_callback: new_user_callback.flatten(),
        disable_redirect: disable_redirect == Some(true),
        scopes: scopes.unwrap_or_default(),
        login_hint: login_hint.flatten(),
        request_sign_up: request_sign_up == Some(true),
        params: params.unwrap_or_default(),
        additional: additional.unwrap_or_default(),
        id_token,
    })
}

/// As RFC 6749, 3.3 has them.
fn scopes(fields: &Fields) -> Option<Vec<String>> {
    let scopes = fields.strings_or_none("scopes")?;
    let is_scope = |scope: &String| {
        !scope.is_empty()
            && scope.len() <= TEXT_MAX_BYTES
            && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte))
    };
    if scopes.len() <= SCOPES_MAX && scopes.iter().all(is_scope) {
        return Some(scopes);
    }
    fields.note("scopes", "Invalid input: expected scopes");
    None
}

fn hint(fields: &Fields) -> Option<Option<String>> {
    let hint = fields.optional_string("loginHint")?;
    if hint.as_ref().is_some_and(|hint| hint.len() > TEXT_MAX_BYTES) {
        fields.note("loginHint", "Too big: expected string to have <=512 characters");
        return None;
    }
    Some(hint)
}

fn params(fields: &Fields) -> Option<Vec<(String, String)>> {
    let params = fields.optional_record("additionalParams")?.unwrap_or_default();
    let reserved: Vec<_> = RESERVED.into_iter().filter(|name| params.contains_key(*name)).collect();
    if !reserved.is_empty() {
        let sentence = format!(
            "additionalParams cannot include reserved OAuth parameters: {}",
            reserved.join(", ")
        );
        fields.note("additionalParams", &sentence);
        return None;
    }
    let fits = |text: &str| text.len() <= TEXT_MAX_BYTES && !text.contains(char::is_control);
    let texts: Option<Vec<_>> = params
        .into_iter()
        .map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .filter(|pair| pair.as_ref().is_none_or(|(name, value)| fits(name) && fits(value)))
        .collect();
    let count = fields.raw("additionalParams").and_then(Value::as_object).map_or(0, Map::len);
    let texts = texts.filter(|texts| texts.len() == count && count <= PARAMS_MAX);
    if texts.is_none() {
        fields.note("additionalParams", "Invalid input: expected a record of short strings");
    }
    texts
}

fn additional(fields: &Fields) -> Option<Map<String, Value>> {
    let data = fields.optional_record("additionalData")?.unwrap_or_default();
    let text = serde_json::to_string(&data).unwrap_or_default();
    // Postgres stores no NUL, in JSON neither.
    if text.len() <= ADDITIONAL_DATA_MAX_BYTES && !text.contains("\\u0000") {
        return Some(data);
    }
    fields.note("additionalData", "Too big: expected 4096 bytes at most");
    None
}

fn id_token(record: Map<String, Value>) -> Result<IdToken, Error> {
    let fields = Fields::nested("body.idToken", record);
    let token = fields.string("token");
    let nonce = fields.optional_string("nonce");
    let access = fields.optional_string("accessToken");
    let refresh = fields.optional_string("refreshToken");
    let expires = fields.optional_number("expiresAt");
    fields.finish()?;
    let (token, access, refresh) = (token.unwrap_or_default(), access.flatten(), refresh.flatten());
    let long = |token: &Option<String>| token.as_ref().is_some_and(|t| t.len() > TOKEN_MAX_BYTES);
    if token.len() > TOKEN_MAX_BYTES || long(&access) || long(&refresh) {
        return Err(Refusal::InvalidToken.into());
    }
    let secrets = TokenSecrets {
        access_token: access,
        refresh_token: refresh,
        id_token: Some(token.clone()),
    };
    let tokens = ProviderTokens {
        secrets,
        access_token_expires_at: expires.flatten().and_then(Timestamp::of_unix_seconds),
        ..ProviderTokens::default()
    };
    Ok(IdToken { token, nonce: nonce.flatten(), tokens })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(body: Value) -> Fields {
        Fields::of(Some(body)).expect("an object")
    }

    #[test]
    fn what_is_ours_is_not_the_pages_to_set() {
        for name in RESERVED {
            let fields = fields(json!({ "additionalParams": { name: "x", "prompt": "consent" } }));
            assert_eq!(params(&fields), None);
            let problems = fields.finish().unwrap_err().to_string();
            let expected =
                format!("additionalParams cannot include reserved OAuth parameters: {name}");
            assert!(problems.contains(&expected), "{problems}");
        }
        let fine = fields(json!({ "additionalParams": { "prompt": "consent" } }));
        assert_eq!(params(&fine), Some(vec![("prompt".into(), "consent".into())]));
        for odd in [
            json!({ "prompt": 1 }),
            json!({ "prompt": "a\n" }),
            json!({ "prompt": "x".repeat(513) }),
            json!(["x"]),
        ] {
            assert_eq!(params(&fields(json!({ "additionalParams": odd }))), None, "{odd}");
        }
    }

    #[test]
    fn what_is_kept_for_anybody_is_small() {
        let odd = [
            json!(["a b"]),
            json!([""]),
            json!(["\""]),
            json!([1]),
            json!("email"),
            json!(vec!["x"; 33]),
        ];
        for scope in odd {
            assert_eq!(scopes(&fields(json!({ "scopes": scope }))), None, "{scope}");
        }
        assert_eq!(scopes(&fields(json!({ "scopes": ["repo"] }))), Some(vec!["repo".into()]));
        for data in [json!({ "a": "x".repeat(4096) }), json!({ "a": "\0" }), json!("x")] {
            assert_eq!(additional(&fields(json!({ "additionalData": data }))), None);
        }
    }
}
