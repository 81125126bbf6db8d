//! `mailer-svc preview TEMPLATE`: what a mail would say, with made-up data.

use std::{io::Write, process::ExitCode};

use anyhow::{Context, bail};
use service_kit::{Env, kit::fail};

use crate::{
    config,
    render::{SAMPLE_NAMES, Templates, sample},
};

#[must_use]
pub fn run(name: Option<&str>) -> ExitCode {
    match print(name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn print(name: Option<&str>) -> anyhow::Result<()> {
    let Some(template) = name.and_then(sample) else {
        bail!("which template? There are {}", SAMPLE_NAMES.join(" and "));
    };
    let env = Env::of_process();
    let dir = config::templates_dir(&env);
    let dir = env.finish(dir)?;
    let mail = Templates::load(dir.as_deref())?.render(&template)?;
    let text = format!("Subject: {}\n\n{}\n\n{}\n", mail.subject, mail.text, mail.html);
    std::io::stdout().write_all(text.as_bytes()).context("writing the preview")
}
