//! mfa-svc: second factors.

use std::process::ExitCode;

use mfa_svc::{app, config::Config};

fn main() -> ExitCode {
    service_kit::run(
        "mfa-svc",
        "second factors: codes of apps, codes by mail, backup codes, trusted devices",
        Config::read,
        app::start,
    )
}
