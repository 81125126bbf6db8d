//! What every route answers, on a stack that all tests share.

mod jwt;

mod accounts;
mod acting_admin;
mod admin_bans;
mod admin_create_user;
mod admin_doors;
mod admin_impersonation;
mod admin_list_users;
mod admin_passwords;
mod admin_remove_user;
mod admin_roles;
mod admin_sessions;
mod admin_update_user;
mod cookies;
mod cors;
mod credentials;
mod delete_user;
mod edge;
mod email_change;
mod error_page;
mod errors;
mod identity;
mod main_job;
mod origin;
mod passkeys;
mod password;
mod profile;
mod sessions;
mod setup;
mod sign_in;
mod sign_up;
mod social;
mod two_factor;
mod verification;
mod ws_token;
