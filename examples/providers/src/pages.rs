//! What a person sees who comes here with a browser.

use serde_json::json;

use crate::{
    provider::Provider,
    wish::{Wish, pack},
};

/// Somebody to sign in as, and a way back.
pub(crate) fn choose(provider: Provider, here: &str) -> String {
    let ann = json!({ "id": 4711, "sub": "4711", "email": "ann@example.com", "email_verified": true, "name": "Ann Example" });
    let person = match provider {
        Provider::GitHub => json!({ "id": 4711, "login": "ann", "name": "Ann Example" }),
        Provider::Discord => {
            json!({ "id": "4711", "username": "ann", "email": "ann@example.com", "verified": true })
        }
        Provider::Google => ann,
    };
    let emails = json!([{ "email": "ann@example.com", "primary": true, "verified": true, "visibility": null }]);
    let agrees = Wish { person, emails, ..Wish::default() };
    let denies = Wish { denied: true, ..Wish::default() };
    let link = |wish: &Wish| {
        format!("{here}&wish={}", pack(wish)).replace('&', "&amp;").replace('"', "&quot;")
    };
    let name = provider.name();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>A stand-in for {name}</title></head>\n\
         <body><h1>A stand-in for {name}</h1>\n\
         <p><a id=\"agree\" href=\"{}\">Sign in as ann@example.com</a></p>\n\
         <p><a id=\"deny\" href=\"{}\">Cancel</a></p></body></html>\n",
        link(&agrees),
        link(&denies)
    )
}
