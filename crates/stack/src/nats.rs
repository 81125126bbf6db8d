//! A NATS server with JetStream of our own.

use std::path::Path;

use anyhow::Result;

use crate::accounts::nats_passwords;
use crate::dirs::Dirs;
use crate::launch::Launch;
use crate::ports::Ports;
use crate::process::Process;
use crate::programs;
use crate::secrets::{Secrets, write_private};

pub(crate) fn prepare(dirs: &Dirs, ports: Ports, secrets: &Secrets) -> Result<Launch> {
    let file = dirs.nats().join("nats.conf");
    let port = ports.listen(Process::Nats).map_or(0, |address| address.port());
    write_private(&file, config(port, &dirs.nats()).as_bytes())?;
    let users = include_str!("../../../deploy/nats/users.conf");
    write_private(&dirs.nats().join("users.conf"), users.as_bytes())?;
    write_private(&dirs.nats().join("passwords.conf"), nats_passwords(secrets).as_bytes())?;
    Ok(Launch::new(programs::nats()?).args(["--config".as_ref(), file.as_os_str()]))
}

/// The limits of JetStream are stated, because its own follow from the free
/// memory and disk of the machine, and a stack is only a guest there.
fn config(port: u16, dir: &Path) -> String {
    let dir = serde_json::Value::from(dir.to_string_lossy());
    format!(
        r#"listen: "127.0.0.1:{port}"
server_name: "stellar-stack"
include ./users.conf
jetstream {{ store_dir: {dir}, max_memory_store: 64MB, max_file_store: 1GB }}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_loopback_only() {
        let config = config(3013, Path::new("/tmp/s/nats"));
        assert!(config.starts_with("listen: \"127.0.0.1:3013\"\n"), "{config}");
        assert!(config.contains(r#"store_dir: "/tmp/s/nats""#), "{config}");
    }
}
