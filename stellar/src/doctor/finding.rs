//! What an examination says.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Good,
    /// Could not be examined.
    Skipped,
    /// Works, but not as safely as it could.
    Warning,
    /// Must be mended.
    Bad,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) subject: &'static str,
    pub(crate) verdict: Verdict,
    /// What is so. Holds no secret.
    pub(crate) said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Finding {
    pub(crate) fn good(subject: &'static str, said: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, said: said.into(), mend: None }
    }

    pub(crate) fn skipped(subject: &'static str, said: &str) -> Self {
        Self { subject, verdict: Verdict::Skipped, said: said.to_owned(), mend: None }
    }

    pub(crate) fn warning(
        subject: &'static str,
        said: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { subject, verdict: Verdict::Warning, said: said.into(), mend: Some(mend.into()) }
    }

    pub(crate) fn bad(
        subject: &'static str,
        said: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { subject, verdict: Verdict::Bad, said: said.into(), mend: Some(mend.into()) }
    }
}
