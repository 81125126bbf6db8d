//! Bodies that many routes share, for the description of the API (OpenAPI).

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::{session::SessionView, user::User};

/// A refusal of a route under `/api/auth` (contract 1.5). Some have no code.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    pub message: String,
    pub code: Option<String>,
}

/// A refusal of one of StellarStack's own routes (contract 16).
#[derive(Debug, Serialize, ToSchema)]
pub struct PanelProblem {
    pub error: String,
}

/// What was asked has been done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    pub status: bool,
}

impl Status {
    pub const DONE: Self = Self { status: true };
}

/// What was asked has been done, in the words of other routes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    pub success: bool,
}

impl Success {
    pub const DONE: Self = Self { success: true };
}

/// The caller's session, and who they are.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionAndUser<'a> {
    pub session: SessionView<'a>,
    pub user: &'a User,
}

/// How any route under `/api/auth` may refuse.
#[derive(IntoResponses)]
pub enum Refused {
    /// The body cannot be read or does not fit, or a rule of the route is broken
    #[response(status = BAD_REQUEST)]
    BadRequest(Problem),
    /// There is no session
    #[response(status = UNAUTHORIZED)]
    Unauthorized(Problem),
    /// The page that asks is not trusted, or the caller may not do this
    #[response(status = FORBIDDEN)]
    Forbidden(Problem),
    /// The body is larger than 64 KiB
    #[response(status = PAYLOAD_TOO_LARGE)]
    TooLarge(Problem),
    /// The body's media type is not taken here
    #[response(status = UNSUPPORTED_MEDIA_TYPE)]
    MediaType(Problem),
    /// Asked too often
    #[response(status = TOO_MANY_REQUESTS)]
    TooMany(Problem),
    /// A store or a service does not answer
    #[response(status = SERVICE_UNAVAILABLE)]
    Unavailable(Problem),
}

/// How a route for admins may refuse. Without a session there is no body (contract 5.1).
#[derive(IntoResponses)]
pub enum AdminRefused {
    /// The body cannot be read or does not fit, or a rule of the route is broken
    #[response(status = BAD_REQUEST)]
    BadRequest(Problem),
    /// There is no session; the body is empty
    #[response(status = UNAUTHORIZED)]
    Unauthorized,
    /// The page that asks is not trusted, or the caller is no admin
    #[response(status = FORBIDDEN)]
    Forbidden(Problem),
    /// There is no such user
    #[response(status = NOT_FOUND)]
    NotFound(Problem),
    /// The body is larger than 64 KiB
    #[response(status = PAYLOAD_TOO_LARGE)]
    TooLarge(Problem),
    /// The body's media type is not taken here
    #[response(status = UNSUPPORTED_MEDIA_TYPE)]
    MediaType(Problem),
    /// Asked too often
    #[response(status = TOO_MANY_REQUESTS)]
    TooMany(Problem),
    /// A store or a service does not answer
    #[response(status = SERVICE_UNAVAILABLE)]
    Unavailable(Problem),
}

/// How one of StellarStack's own routes may refuse (contract 16).
#[derive(IntoResponses)]
pub enum PanelRefused {
    /// The body cannot be read, or a rule of the route is broken
    #[response(status = BAD_REQUEST)]
    BadRequest(PanelProblem),
    /// The page that asks is not trusted, or the key is wrong
    #[response(status = FORBIDDEN)]
    Forbidden(PanelProblem),
    /// The body is larger than 64 KiB
    #[response(status = PAYLOAD_TOO_LARGE)]
    TooLarge(PanelProblem),
    /// The body's media type is not taken here
    #[response(status = UNSUPPORTED_MEDIA_TYPE)]
    MediaType(PanelProblem),
    /// Asked too often
    #[response(status = TOO_MANY_REQUESTS)]
    TooMany(PanelProblem),
    /// A store or a service does not answer
    #[response(status = SERVICE_UNAVAILABLE)]
    Unavailable(PanelProblem),
}
