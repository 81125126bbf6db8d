//! The rules: no I/O.

pub mod backup_code;
pub mod better_auth;
pub mod code_digest;
pub mod email_code;
pub mod factor;
pub mod guard;
pub mod otpauth;
pub mod passkey;
pub mod qr;
pub mod sealing;
pub mod sign_in;
pub mod totp;
pub mod webauthn;
