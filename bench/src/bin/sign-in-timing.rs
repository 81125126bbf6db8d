//! Whether the time of a refused sign-in tells who has an account.
//!
//! Asks in turn with a wrong password for an address that has an account and for one
//! that has none, and compares the two distributions by the Mann-Whitney U test. A
//! small p would mean that they can be told apart.
//!
//! `sign-in-timing [SAMPLES]`

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use reqwest::Client;
use serde_json::json;
use stack::{Options, Stack, Urls};

/// Wrong passwords for one address. After ten it would be locked, account or not.
const GUESSES: usize = 9;

#[tokio::main]
async fn main() -> Result<()> {
    let samples: usize = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let stack = Stack::start(Options { quiet: true, ..Options::new(dir.path()) }).await?;
    let (client, urls) = (Client::new(), stack.urls().clone());
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let account = sample / GUESSES;
        if sample % GUESSES == 0 {
            sign_up(&client, &urls, &format!("known-{account}@example.com")).await?;
        }
        known.push(refused(&client, &urls, &format!("known-{account}@example.com")).await?);
        unknown.push(refused(&client, &urls, &format!("nobody-{account}@example.com")).await?);
    }
    report(&mut known, &mut unknown)?;
    stack.shutdown().await;
    Ok(())
}

async fn sign_up(client: &Client, urls: &Urls, email: &str) -> Result<()> {
    let body = json!({ "name": "K", "email": email, "password": "correct horse" });
    let url = format!("{}/api/auth/sign-up/email", urls.gateway_url);
    let answer = client.post(url).header("origin", &urls.frontend_url).json(&body).send().await?;
    ensure!(answer.status() == 200, "the sign-up was refused: {}", answer.status());
    Ok(())
}

async fn refused(client: &Client, urls: &Urls, email: &str) -> Result<Duration> {
    let body = json!({ "email": email, "password": "not the password" });
    let url = format!("{}/api/auth/sign-in/email", urls.gateway_url);
    let request = client.post(url).header("origin", &urls.frontend_url).json(&body);
    let began = Instant::now();
    let answer = request.send().await?;
    let took = began.elapsed();
    ensure!(answer.status() == 401, "expected a refusal, got {}", answer.status());
    Ok(took)
}

fn report(known: &mut [Duration], unknown: &mut [Duration]) -> Result<()> {
    known.sort_unstable();
    unknown.sort_unstable();
    let mut out = std::io::stdout();
    writeln!(out, "| | p50 ms | p95 ms |\n| --- | --- | --- |")?;
    for (name, times) in [("known", &known), ("unknown", &unknown)] {
        let at = |hundredths: usize| times[times.len() * hundredths / 100].as_secs_f64() * 1000.0;
        writeln!(out, "| {name} | {:.2} | {:.2} |", at(50), at(95))?;
    }
    writeln!(out, "\nMann-Whitney U, two-sided: p = {:.3}", mann_whitney(known, unknown))?;
    Ok(())
}

/// The two-sided p by the normal approximation, which is good for many samples; ties
/// between durations in nanoseconds hardly occur. Both are sorted.
#[expect(clippy::cast_precision_loss, reason = "counts of samples are small")]
fn mann_whitney(first: &[Duration], second: &[Duration]) -> f64 {
    let below = |value: &Duration| second.partition_point(|other| other < value) as f64;
    let u: f64 = first.iter().map(below).sum();
    let (n, m) = (first.len() as f64, second.len() as f64);
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    2.0 * (1.0 - normal_below(z.abs()))
}

/// The normal distribution (Abramowitz and Stegun 26.2.17), to seven digits.
fn normal_below(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let series = terms.iter().rev().fold(0.0, |sum, term| t * (term + sum));
    1.0 - (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * series
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: impl Iterator<Item = u64>) -> Vec<Duration> {
        values.map(Duration::from_millis).collect()
    }

    #[test]
    fn alike_is_not_told_apart_and_shifted_is() {
        let even = millis((0..200).map(|n| n * 2));
        let odd = millis((0..200).map(|n| n * 2 + 1));
        let shifted = millis((0..200).map(|n| n * 2 + 100));
        assert!(mann_whitney(&even, &odd) > 0.5);
        assert!(mann_whitney(&even, &shifted) < 0.001);
        assert!((normal_below(1.96) - 0.975).abs() < 0.001);
    }
}
