//! The programs that are compared.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    net::TcpStream,
    time::{interval, timeout},
};

/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends with the value, so that nothing outlives the run.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a program and waits until it listens at `address`.
pub(crate) async fn run(program: &Path, arguments: &[&str], address: &str) -> Result<Running> {
    let named = || program.display().to_string();
    let mut command = Command::new(program);
    let child = command.args(arguments).stdout(Stdio::null()).spawn().with_context(named)?;
    let running = Running(child);
    let listens = async {
        let mut tick = interval(Duration::from_millis(50));
        while TcpStream::connect(address).await.is_err() {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, listens).await.with_context(named)?;
    Ok(running)
}

/// Where nginx listens, and what it is put in front of.
pub(crate) struct Nginx<'a> {
    /// Passes everything on to `upstream`.
    pub(crate) pass: &'a str,
    /// The same after asking `auth` about every request.
    pub(crate) ask: &'a str,
    pub(crate) upstream: &'a str,
    pub(crate) auth: &'a str,
}

impl Nginx<'_> {
    /// One process, one thread, connections kept on both sides, no log.
    pub(crate) async fn start(&self, dir: &Path) -> Result<Running> {
        let file = dir.join("nginx.conf");
        fs::write(&file, self.config(dir)).context("writing nginx.conf")?;
        let (file, log) = (file.display().to_string(), dir.join("nginx.log").display().to_string());
        let arguments = ["-c", &file, "-e", &log];
        run(Path::new("/usr/sbin/nginx"), &arguments, self.pass)
            .await
            .context("nginx is missing or did not start; apt-get install nginx-light")
    }

    fn config(&self, dir: &Path) -> String {
        let Self { pass, ask, upstream, auth } = self;
        let dir = dir.display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {dir}/{kind};"))
            .join("\n  ");
        let forward = "proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                       proxy_set_header Host $host;";
        format!(
            r"daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  {temporary}
  upstream application {{ server {upstream}; keepalive 512; keepalive_requests 100000000; }}
  upstream auth {{ server {auth}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen {pass};
    location / {{ {forward} proxy_pass http://application; }}
  }}
  server {{
    listen {ask};
    location / {{ auth_request /_auth; {forward} proxy_pass http://application; }}
    location = /_auth {{
      internal;
      {forward}
      proxy_pass_request_body off;
      proxy_set_header Content-Length '';
      proxy_pass http://auth;
    }}
  }}
}}
"
        )
    }
}
