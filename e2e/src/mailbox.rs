//! Mails, read where the local stack puts them.

use std::path::Path;

use crate::wait::eventually;

/// The first mail to this address, once it is there.
pub async fn mail_to(outbox: &Path, email: &str) -> String {
    let found = eventually(|| async { find(outbox, email) });
    found.await.unwrap_or_else(|| panic!("no mail to {email} arrived in {}", outbox.display()))
}

fn find(outbox: &Path, email: &str) -> Option<String> {
    let files = std::fs::read_dir(outbox).ok()?;
    let mails = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
    mails.into_iter().find(|mail| mail.lines().any(|line| line.starts_with("To:") && line.contains(email)))
}
