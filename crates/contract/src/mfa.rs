//! What is asked of mfa-svc.

use auth_types::UserId;
use serde::{Deserialize, Serialize};

use crate::bus::Call;

/// `mfa.v1.gate`: may this sign-in, whose password was right, go on without a
/// second factor? Asked for users whose `twoFactorEnabled` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub user_id: UserId,
}

/// `Unavailable` instead of an answer means no: the factor may be owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateAnswer {
    NoFactorOwed,
}

impl Call for Gate {
    const SUBJECT: &'static str = "mfa.v1.gate";
    type Reply = GateAnswer;
}
