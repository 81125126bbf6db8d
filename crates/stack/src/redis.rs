//! A Redis of our own.

use std::path::Path;

use anyhow::Result;

use crate::accounts::redis_users;
use crate::dirs::{Dirs, quoted};
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
    write_private(&file, config(&listening(port, tls), &users, &dirs.redis()).as_bytes())?;
    Ok(Launch::new(programs::redis()?).args([&file]))
}

/// It never saves by itself, as it only holds copies. A `SAVE` writes
/// `dump.rdb`, which the next start reads: so a test can bring back the past.
fn config(listening: &str, users: &Path, dir: &Path) -> String {
    let [users, dir] = [users, dir].map(quoted);
    format!(
        r#"bind 127.0.0.1
{listening}
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

fn listening(port: u16, tls: Option<&StoreTls>) -> String {
    let Some(tls) = tls else { return format!("port {port}") };
    let [certificate, key] = [&tls.certificate, &tls.key].map(|path| quoted(path));
    format!(
        r"port 0
tls-port {port}
tls-cert-file {certificate}
tls-key-file {key}
tls-auth-clients no"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_may_have_spaces() {
        let dir = Path::new("/tmp/my stack/redis");
        let config = config(&listening(3012, None), &dir.join("users.acl"), dir);
        assert!(config.contains("\ndir \"/tmp/my stack/redis\"\n"), "{config}");
        assert!(
            config.contains("\nport 3012\naclfile \"/tmp/my stack/redis/users.acl\"\n"),
            "{config}"
        );
    }
}
