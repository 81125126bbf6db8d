//! gateway: the only door.

use std::process::ExitCode;

use gateway::{config::Config, server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let about = "validates sessions and routes requests to the services and the application";
    match service_kit::kit::configure("gateway", about, Config::read) {
        Ok(config) => server::run(config),
        Err(code) => code,
    }
}
