//! What other services ask over NATS.

use contract::mfa::{Gate, GateAnswer};
use service_kit::{Error, While};

/// May a sign-in with the right password go on without a second factor?
///
/// It is asked for users whose row says that they have a factor, and no factor
/// can be verified here yet. So the answer is that the gate is out of order: such
/// a user, who can only come from an older system, stays outside rather than
/// getting in with half of what they are asked for.
pub async fn gate(call: Gate) -> Result<GateAnswer, Error> {
    tracing::warn!(user.id = %call.user_id, "a user with a second factor was kept out");
    Err("second factors cannot be verified yet").doing("opening the gate").map_err(Error::from)
}
