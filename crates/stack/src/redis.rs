//! A Redis of our own.

use std::path::Path;

use anyhow::Result;

use crate::accounts::redis_users;
use crate::dirs::Dirs;
use crate::launch::Launch;
use crate::options::StoreTls;
use crate::ports::Ports;
use crate::process::Process;
use crate::programs;
use crate::secrets::{Secrets, write_private};

pub(crate) fn prepare(
    dirs: &Dirs,
    ports: Ports,
    secrets: &Secrets,
    tls: Option<&StoreTls>,
) -> Result<Launch> {
    let file = dirs.redis().join("redis.conf");
    let port = ports.listen(Process::Redis).map_or(0, |address| address.port());
    let users = dirs.redis().join("users.acl");
    write_private(&users, redis_users(secrets).as_bytes())?;
    let listens = tls.map_or_else(|| format!("port {port}\n"), |tls| speaks_tls(port, tls));
    let config = listens + &config(&users, &dirs.redis());
    write_private(&file, config.as_bytes())?;
    Ok(Launch::new(programs::redis()?).args([&file]))
}

/// It never saves by itself, as it only holds copies. A `SAVE` writes
/// `dump.rdb`, which the next start reads: so a test can bring back the past.
fn config(users: &Path, dir: &Path) -> String {
    let [users, dir] = [users, dir].map(quoted);
    format!(
        r#"bind 127.0.0.1
aclfile {users}
dir {dir}
dbfilename dump.rdb
save ""
appendonly no
daemonize no
maxmemory-policy noeviction
"#
    )
}

fn speaks_tls(port: u16, tls: &StoreTls) -> String {
    let [certificate, key] = [&tls.certificate, &tls.key].map(|path| quoted(path));
    format!(
        r"port 0
tls-port {port}
tls-cert-file {certificate}
tls-key-file {key}
tls-auth-clients no
"
    )
}

/// As JSON, whose escapes Redis reads alike.
fn quoted(path: &Path) -> serde_json::Value {
    path.to_string_lossy().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_may_have_spaces() {
        let dir = Path::new("/tmp/my stack/redis");
        let config = config(&dir.join("users.acl"), dir);
        assert!(config.contains("\ndir \"/tmp/my stack/redis\"\n"), "{config}");
        assert!(config.contains("\naclfile \"/tmp/my stack/redis/users.acl\"\n"), "{config}");
    }
}
