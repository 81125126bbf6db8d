//! mfa-svc: second factors.

use std::process::ExitCode;

use mfa_svc::{app, config::Config};

fn main() -> ExitCode {
    service_kit::run("mfa-svc", "second factors", Config::read, app::start)
}
