//! What to tell whoever started a stack.

use std::io::{self, Write};

use stack::Urls;

/// `print!` would panic when whoever reads has gone, as `| head` does.
pub(crate) fn print(text: &str) {
    io::stdout().write_all(text.as_bytes()).ok();
}

pub(crate) fn of(urls: &Urls, how_to_stop: &str) -> String {
    let Urls { gateway_url, frontend_url, outbox, .. } = urls;
    let outbox = outbox.display();
    format!(
        r#"
Ready. The gateway is {gateway_url}, mails land in {outbox}. {how_to_stop}

Try it:
  curl -c cookies.txt -H 'content-type: application/json' -H 'origin: {frontend_url}' -d '{{"name":"Ada","email":"ada@example.com","password":"correct horse"}}' {gateway_url}/api/auth/sign-up/email
  curl -b cookies.txt {gateway_url}/api/auth/get-session
  curl -b cookies.txt {gateway_url}/api/servers

"#
    )
}
