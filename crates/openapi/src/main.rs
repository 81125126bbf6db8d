//! Writes `docs/openapi.json` and `docs/reference.html` from the code. Run it in the
//! root of the repository after a route has changed.

use std::path::Path;

fn main() -> anyhow::Result<()> {
    openapi::write(Path::new("."))
}
