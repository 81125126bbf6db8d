//! Findings, for people and for programs.

use std::fmt::Write as _;

use super::finding::{Finding, Verdict};

/// Whether anything must be mended before this deployment serves anybody.
pub(crate) fn must_mend(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Bad)
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
pub(crate) fn print(findings: &[Finding], json: bool) {
    if json {
        let text = serde_json::to_string_pretty(findings);
        println!("{}", text.expect("findings are text"));
    } else {
        print!("{}", in_words(findings));
    }
}

fn in_words(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { subject, verdict, said, mend } in findings {
        let mark = match verdict {
            Verdict::Good => "ok  ",
            Verdict::Skipped => "skip",
            Verdict::Warning => "warn",
            Verdict::Bad => "BAD ",
        };
        // Writing to a string cannot fail.
        writeln!(text, "{mark}  {subject:<13} {said}").ok();
        if let Some(mend) = mend {
            writeln!(text, "{:<19} -> {mend}", "").ok();
        }
    }
    let count = |wanted| findings.iter().filter(|finding| finding.verdict == wanted).count();
    let (bad, warnings) = (count(Verdict::Bad), count(Verdict::Warning));
    writeln!(text, "{bad} to mend, {warnings} to consider").ok();
    text
}
