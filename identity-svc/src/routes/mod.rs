//! What clients ask over HTTP, through the gateway.

pub mod panel_body;
pub mod recovery;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod verify_email;
