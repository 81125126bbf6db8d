//! Every message has somebody who may say it and somebody who may hear it.

use std::path::Path;

#[test]
fn every_subject_has_its_permissions_on_nats() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = std::fs::read_to_string(root.join("../../deploy/nats/users.conf")).unwrap();
    let subjects: Vec<_> = rules.lines().map(|line| line.trim().trim_matches('"')).collect();
    for entry in std::fs::read_dir(root.join("golden")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // `session.v1.create.reply.json` is about the subject `session.v1.create`.
        let about =
            |subject: &&&str| name.starts_with(&format!("{}.", subject.trim_end_matches(".*")));
        let is_subject = name.split('.').nth(1) == Some("v1");
        // The mails' queue is heard by JetStream, which needs no permission; events are
        // heard by whoever the operator lets.
        let needed =
            if name.starts_with("mail.v1.") || name.starts_with("event.v1.") { 1 } else { 2 };
        assert!(
            !is_subject || subjects.iter().filter(about).count() >= needed,
            "{name}: who may publish the subject, and who may subscribe to it? \
             deploy/nats/users.conf does not say"
        );
    }
}
