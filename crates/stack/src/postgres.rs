//! A Postgres cluster of our own.
//!
//! Postgres refuses to run as root. Where we are root, in a container for
//! instance, it runs as the `postgres` user the package has made, and its files
//! belong to that user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::accounts::postgres_roles;
use crate::console::Console;
use crate::dirs::{Dirs, make, unless_missing};
use crate::launch::{Account, Launch};
use crate::options::StoreTls;
use crate::ports::Ports;
use crate::process::Process;
use crate::programs;
use crate::secrets::Secrets;
use crate::urls::{DATABASE, SUPERUSER};

pub(crate) async fn prepare(
    dirs: &Dirs,
    ports: Ports,
    secrets: &Secrets,
    new_secrets: bool,
    tls: Option<&StoreTls>,
    console: Console,
) -> Result<Launch> {
    let bin = programs::postgres_bin()?;
    let account = account()?;
    let data = place(dirs, account, console).await?.join("postgres");
    if new_secrets && data.exists() {
        // Nobody knows its password any more, so nobody can miss what is in it.
        console.say("forgetting a database whose password is gone");
        fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))?;
    }
    if !data.exists() {
        console.say("creating the postgres cluster …");
        create(&bin, &data, account, secrets).await?;
    }
    let mut server = server(&bin, &data, ports);
    if let Some(tls) = tls {
        server = server.args(speaks_tls(&data, tls, account)?);
    }
    Ok(server.run_as(account))
}

/// Postgres reads a key only if it is its own.
fn speaks_tls(data: &Path, tls: &StoreTls, account: Option<Account>) -> Result<Vec<String>> {
    let [certificate, key] = ["server.crt", "server.key"].map(|name| data.join(name));
    for (from, to) in [(&tls.certificate, &certificate), (&tls.key, &key)] {
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
        if let Some(Account { uid, gid }) = account {
            chown(to, Some(uid), Some(gid)).context("giving the pair to the postgres user")?;
        }
    }
    fs::set_permissions(&key, Permissions::from_mode(0o600)).context("closing the key")?;
    // Under these names it looks for them itself.
    Ok(vec!["-c".to_owned(), "ssl=on".to_owned()])
}

/// Nothing here turns off `fsync`: what is acknowledged shall survive.
fn server(bin: &Path, data: &Path, ports: Ports) -> Launch {
    let port = ports.listen(Process::Postgres).map_or(0, |address| address.port());
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        "max_connections=200".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "log_line_prefix=%m [%p] ".to_owned(),
    ];
    let settings = settings.drain(..).flat_map(|setting| ["-c".to_owned(), setting]);
    Launch::new(bin.join("postgres")).args(["-D".as_ref(), data.as_os_str()]).args(settings)
}

/// Made beside its place and moved there when complete: an interrupted start
/// leaves no half of a cluster.
async fn create(
    bin: &Path,
    data: &Path,
    account: Option<Account>,
    secrets: &Secrets,
) -> Result<()> {
    let unfinished = data.with_extension("new");
    unless_missing(fs::remove_dir_all(&unfinished)).context("removing an unfinished cluster")?;
    make(&unfinished, 0o700).with_context(|| format!("creating {}", unfinished.display()))?;
    // `initdb` wants an empty directory and reads the password from a file.
    let cluster = unfinished.join("data");
    let password_file = unfinished.join("password");
    fs::write(&password_file, &secrets.postgres_password)
        .context("writing the password for initdb")?;
    for path in [&unfinished, &password_file] {
        if let Some(Account { uid, gid }) = account {
            chown(path, Some(uid), Some(gid)).context("giving the cluster to the postgres user")?;
        }
    }
    Launch::new(bin.join("initdb"))
        .args([
            "--username",
            SUPERUSER,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
        ])
        .args([
            "--pwfile".as_ref(),
            password_file.as_os_str(),
            "--pgdata".as_ref(),
            cluster.as_os_str(),
        ])
        .run_as(account)
        .run(Process::Postgres, "")
        .await?;
    Launch::new(bin.join("postgres"))
        .args(["--single".as_ref(), "-D".as_ref(), cluster.as_os_str(), "postgres".as_ref()])
        .run_as(account)
        .run(Process::Postgres, &format!("CREATE DATABASE {DATABASE};\n"))
        .await?;
    // Statements end with an empty line (-j), so that they may have several lines.
    Launch::new(bin.join("postgres"))
        .args(["--single".as_ref(), "-j".as_ref(), "-D".as_ref(), cluster.as_os_str()])
        .args(["-v", "log_statement=none", DATABASE])
        .run_as(account)
        .run(Process::Postgres, &without_comments(&postgres_roles(secrets)))
        .await?;
    fs::rename(&cluster, data).context("putting the cluster in its place")?;
    fs::remove_dir_all(&unfinished).context("removing what initdb read")
}

/// Single-user mode takes statements and nothing else.
fn without_comments(sql: &str) -> String {
    let lines = sql.lines().filter(|line| !line.starts_with("--"));
    lines.chain(["", ""]).collect::<Vec<_>>().join("\n")
}

/// The user to run Postgres as, when it cannot be ours.
fn account() -> Result<Option<Account>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let found = find_account(&users, "postgres");
    let found = found
        .context("Postgres does not run as root, and there is no user `postgres` to run it as")?;
    Ok(Some(found))
}

fn find_account(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

/// The directory that holds the cluster: the stack's own, unless the postgres
/// user cannot get there, as below a closed `/root`.
async fn place(dirs: &Dirs, account: Option<Account>, console: Console) -> Result<PathBuf> {
    if account.is_none() || can_enter(dirs.root(), account).await {
        return Ok(dirs.root().to_owned());
    }
    let place = elsewhere(dirs);
    console.say(&format!(
        "the postgres user cannot enter {}, so the database is in {}",
        dirs.root().display(),
        place.display()
    ));
    make(&place, 0o711).with_context(|| format!("creating {}", place.display()))?;
    let found =
        fs::symlink_metadata(&place).with_context(|| format!("looking at {}", place.display()))?;
    // Everybody may create names in /var/tmp; what we use there must be our own.
    ensure!(
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw(),
        "{} belongs to somebody else",
        place.display()
    );
    fs::set_permissions(&place, Permissions::from_mode(0o711))
        .context("opening it to the postgres user")?;
    Ok(place)
}

async fn can_enter(dir: &Path, account: Option<Account>) -> bool {
    let test = Launch::new(PathBuf::from("/usr/bin/test")).args(["-x".as_ref(), dir.as_os_str()]);
    test.run_as(account).run(Process::Postgres, "").await.is_ok()
}

/// Where the cluster is when it cannot be in the stack's directory. The name
/// follows from that directory, so that the next start finds it again.
pub(crate) fn elsewhere(dirs: &Dirs) -> PathBuf {
    let hash = fnv1a(dirs.root().as_os_str().as_encoded_bytes());
    PathBuf::from(format!("/var/tmp/stellar-stack-{hash:016x}"))
}

/// The standard library's hasher may change between releases; a directory's name may not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_found_by_its_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh";
        assert_eq!(find_account(users, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(find_account(users, "redis"), None);
    }

    #[test]
    fn the_other_place_never_moves() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
