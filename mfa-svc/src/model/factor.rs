//! The second factors there are.

use contract::{Refusal, session::Proof};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factor {
    Totp,
    EmailCode,
    BackupCode,
}

impl Factor {
    /// What a session is opened on, with the password before it.
    #[must_use]
    pub fn proof(self) -> Proof {
        match self {
            Self::Totp => Proof::PasswordAndTotp,
            Self::EmailCode => Proof::PasswordAndEmailCode,
            Self::BackupCode => Proof::PasswordAndBackupCode,
        }
    }

    /// The answer to a wrong code.
    #[must_use]
    pub fn wrong(self) -> Refusal {
        match self {
            Self::Totp | Self::EmailCode => Refusal::InvalidCode,
            Self::BackupCode => Refusal::InvalidBackupCode,
        }
    }
}
