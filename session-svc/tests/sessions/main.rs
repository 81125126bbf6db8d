//! The life of a session against real stores, with a clock that the test moves.

mod life;
mod races;
mod rollback;
mod rotation;
mod world;
