//! What clients ask over HTTP, through the gateway.

pub mod accounts;
pub mod admin;
pub mod change_email;
pub mod delete_user;
pub mod error_page;
pub mod panel_body;
pub mod password;
pub mod provider_tokens;
pub mod recovery;
pub mod redirect;
pub mod reset_password;
pub mod send_verification_email;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod social;
pub mod update_user;
pub mod verify_email;
