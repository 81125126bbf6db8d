//! What was built, as `--version`, the log's first line and the metric `build_info` say.

use prometheus_client::{metrics::info::Info, registry::Registry};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// See `build.rs`.
pub const COMMIT: &str = env!("STELLAR_COMMIT");

pub fn register(registry: &mut Registry) {
    let build = Info::new(vec![("version", VERSION), ("commit", COMMIT)]);
    registry.register("build", "What this process was built from", build);
}
