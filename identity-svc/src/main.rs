//! identity-svc: users and how they prove who they are.

use std::process::ExitCode;

use identity_svc::{app, config::Config};

fn main() -> ExitCode {
    let about = "users, passwords, social sign-in, e-mail verification, first set-up, recovery";
    service_kit::run("identity-svc", about, Config::read, app::start)
}
