//! The second factors there are.

use contract::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factor {
    Totp,
    EmailCode,
    BackupCode,
}

impl Factor {
    /// The answer to a wrong code.
    #[must_use]
    pub fn wrong(self) -> Refusal {
        match self {
            Self::Totp | Self::EmailCode => Refusal::InvalidCode,
            Self::BackupCode => Refusal::InvalidBackupCode,
        }
    }
}
