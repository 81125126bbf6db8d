//! mfa-svc: second factors and passkeys.

use std::process::ExitCode;

use mfa_svc::{app, config::Config};

fn main() -> ExitCode {
    service_kit::run(
        "mfa-svc",
        "second factors (codes of apps, codes by mail, backup codes, trusted devices) and passkeys",
        Config::read,
        app::start,
    )
}
