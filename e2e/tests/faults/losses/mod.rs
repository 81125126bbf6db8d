//! A store is lost while a crowd uses everything: what was answered is so afterwards, what
//! could not be done was told to come again, nobody is signed out, and all of it goes on
//! by itself.

mod crowd;
mod nats;
mod postgres;
mod services;
