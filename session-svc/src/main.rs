//! session-svc: the life of a session.

use std::process::ExitCode;

use session_svc::{app, config::Config};

fn main() -> ExitCode {
    let about = "opens, resolves, extends, lists and revokes sessions";
    service_kit::run("session-svc", about, Config::read, app::start)
}
