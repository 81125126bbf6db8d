//! Whether mails can leave.

use mailer_svc::transport::{Destination, Transport};

use super::{finding::Finding, surroundings::Surroundings};

const SUBJECT: &str = "mail";
const VARIABLE: &str = "MAIL_TRANSPORT_URL";

pub(crate) async fn examine(surroundings: &Surroundings) -> Vec<Finding> {
    let Some(url) = surroundings.env().text(VARIABLE) else {
        return vec![Finding::skipped(SUBJECT, "MAIL_TRANSPORT_URL is not set")];
    };
    let destination = match Destination::parse(&url) {
        Ok(destination) => destination,
        Err(problem) => {
            return vec![Finding::bad(
                SUBJECT,
                format!("{VARIABLE}: {problem}"),
                "see `mailer-svc --help`",
            )];
        }
    };
    let production = matches!(&destination, Destination::Folder(_)).then(|| {
        Finding::warning(
            SUBJECT,
            "mails are put into a folder, and reach nobody",
            "set MAIL_TRANSPORT_URL to a mail server once there are users",
        )
    });
    let transport = Transport::open(destination);
    let taken = match transport.check().await {
        Ok(()) => Finding::good(SUBJECT, "the transport takes mails"),
        Err(reason) => Finding::bad(
            SUBJECT,
            format!("mails cannot leave: {reason}"),
            "see whether the server can be reached, and whether user, password and tls are right",
        ),
    };
    production.into_iter().chain([taken]).collect()
}
