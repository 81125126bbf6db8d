//! Abuse that needs a stack of its own: with an upstream that writes down what it
//! gets, with limits on, or with a secret that the test knows.

mod addresses;
mod desync;
mod memory;
mod probes;
mod recorder;
mod secrets;
mod tokens;
