//! Signing in by way of somebody who knows the user already.

pub mod failure;
pub mod flow;
pub mod linking;
pub mod profile;
pub mod provider;
pub mod tokens;

pub use failure::SocialFailure;
pub use profile::{SocialProfile, Subject};
pub use provider::Provider;
