//! Load by `wrk`, and what it cost the program that answered.

use std::{collections::BTreeMap, fs, io::Write, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;

/// The kernel counts a process's time in hundredths of a second.
const TICK_US: f64 = 10_000.0;

#[derive(Args)]
pub(crate) struct Load {
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5, global = true)]
    pub(crate) rounds: usize,
    /// Seconds of load for each variant in each round.
    #[arg(long, default_value_t = 4, global = true)]
    pub(crate) seconds: u32,
    /// Connections of the load.
    #[arg(long, default_value_t = 64, global = true)]
    pub(crate) connections: u32,
}

pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) cookie: Option<String>,
    /// The process that answers.
    pub(crate) pid: u32,
}

#[derive(Clone, Copy)]
struct Measured {
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// What the process that answered spent on a request.
    cpu_us: f64,
}

/// What `wrk` prints.
struct Wrk {
    requests: f64,
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

pub(crate) struct Results(BTreeMap<&'static str, Vec<Measured>>);

/// The variants take turns, so that whatever else the machine does meets all alike.
pub(crate) fn measure_all(load: &Load, variants: &[Variant]) -> Result<Results> {
    let mut results: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for round in 1..=load.rounds {
        for variant in variants {
            writeln!(std::io::stderr(), "round {round}: {}", variant.name)?;
            results.entry(variant.name).or_default().push(measure(load, variant)?);
        }
    }
    Ok(Results(results))
}

fn measure(load: &Load, variant: &Variant) -> Result<Measured> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "--latency"])
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.seconds));
    if let Some(cookie) = &variant.cookie {
        wrk.arg("-H").arg(format!("Cookie: {cookie}"));
    }
    let before = cpu_us(variant.pid)?;
    let output = wrk.arg(&variant.url).output().context("wrk is missing; apt-get install wrk")?;
    let spent = cpu_us(variant.pid)? - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains("Non-2xx"), "{}: not every answer was good:\n{text}", variant.name);
    let wrk = parse(&text).with_context(|| format!("wrk said:\n{text}"))?;
    Ok(Measured {
        requests_per_second: wrk.requests_per_second,
        p50_ms: wrk.p50_ms,
        p99_ms: wrk.p99_ms,
        cpu_us: spent / wrk.requests,
    })
}

/// Processor time of a process so far, user and system, all threads (proc(5)).
fn cpu_us(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading its times")?;
    let (_, after_name) = stat.rsplit_once(") ").context("a name in brackets")?;
    let times = after_name.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(times.sum::<Result<f64, _>>()? * TICK_US)
}

fn parse(text: &str) -> Option<Wrk> {
    let after = |label: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .map(|rest| rest.trim().to_owned())
    };
    let total = text.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
    Some(Wrk {
        requests: total.parse().ok()?,
        requests_per_second: after("Requests/sec:")?.parse().ok()?,
        p50_ms: milliseconds(&after("50%")?)?,
        p99_ms: milliseconds(&after("99%")?)?,
    })
}

/// `1.23ms`, `456.00us`, `1.20s`
fn milliseconds(text: &str) -> Option<f64> {
    let (number, factor) = match text {
        _ if text.ends_with("us") => (text.trim_end_matches("us"), 0.001),
        _ if text.ends_with("ms") => (text.trim_end_matches("ms"), 1.0),
        _ => (text.trim_end_matches('s'), 1000.0),
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

/// Medians, and each variant's throughput in relation to that of `yardstick`.
pub(crate) fn report(variants: &[Variant], results: &Results, yardstick: &str) -> Result<()> {
    let mut out = std::io::stdout();
    let median = |name: &str, pick: fn(&Measured) -> f64| {
        let mut values: Vec<_> = results.0[name].iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let whole = median(yardstick, |m| m.requests_per_second);
    writeln!(
        out,
        "| variant | requests/s | ratio | p50 ms | p99 ms | CPU us a request |\n\
         | --- | --- | --- | --- | --- | --- |"
    )?;
    for variant in variants {
        let rate = median(variant.name, |m| m.requests_per_second);
        let (p50, p99) = (median(variant.name, |m| m.p50_ms), median(variant.name, |m| m.p99_ms));
        let (ratio, cpu) = (rate / whole, median(variant.name, |m| m.cpu_us));
        writeln!(
            out,
            "| {} | {rate:.0} | {ratio:.2} | {p50:.2} | {p99:.2} | {cpu:.1} |",
            variant.name
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let text = "  Thread Stats\n    50%    1.50ms\n    75%    2.00ms\n    99%  900.00us\n  \
                    49383 requests in 4.00s, 9.10MB read\nRequests/sec:  12345.67\n";
        let wrk = parse(text).expect("understood");
        assert!((wrk.requests_per_second - 12_345.67).abs() < 0.001);
        assert!((wrk.p50_ms - 1.5).abs() < 0.001 && (wrk.p99_ms - 0.9).abs() < 0.001);
        assert!((wrk.requests - 49_383.0).abs() < 0.001);
    }

    #[test]
    fn time_is_spent() {
        let pid = std::process::id();
        let before = cpu_us(pid).expect("our own times");
        while cpu_us(pid).expect("our own times") <= before {
            std::hint::spin_loop();
        }
    }
}
