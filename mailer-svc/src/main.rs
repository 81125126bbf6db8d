//! mailer-svc: mails from a work queue out by SMTP.

use std::process::ExitCode;

use mailer_svc::{app, config::Config, preview};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("preview") {
        return preview::run(arguments.next().as_deref());
    }
    let about = "sends mails; `mailer-svc preview TEMPLATE` prints one";
    service_kit::run("mailer-svc", about, Config::read, app::start)
}
