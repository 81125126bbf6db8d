//! The description of everything the gateway serves, put together from the routes of
//! all services, as OpenAPI 3.1 and as a page for people.

mod page;

use std::path::Path;

use anyhow::{Context, Result};
use gateway::route_table::Service;
use utoipa::openapi::{Info, OpenApi, OpenApiBuilder};

/// Where the files are, below the root of the repository.
pub const DESCRIPTION: &str = "docs/openapi.json";
pub const PAGE: &str = "docs/reference.html";

/// What all services say of their routes.
#[must_use]
pub fn describe() -> OpenApi {
    let mut info = Info::new("Stellar Auth", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "The authentication API of StellarStack. Routes under `/api/auth` speak Better Auth's \
         protocol; a session is a signed, HTTP-only cookie."
            .to_owned(),
    );
    let mut document = OpenApiBuilder::new().info(info).build();
    document.merge(gateway::openapi::openapi());
    for (_, part) in services() {
        document.merge(part);
    }
    document
}

/// What each service says of its own.
#[must_use]
pub fn services() -> [(Service, OpenApi); 3] {
    [
        (Service::Identity, identity_svc::app::openapi()),
        (Service::Session, session_svc::app::openapi()),
        (Service::Mfa, mfa_svc::app::openapi()),
    ]
}

/// The description as text.
pub fn description() -> Result<String> {
    Ok(describe().to_pretty_json()? + "\n")
}

/// The page as text.
pub fn page() -> Result<String> {
    page::render(&serde_json::to_value(describe())?)
}

/// Writes both files.
pub fn write(root: &Path) -> Result<()> {
    for (file, text) in [(DESCRIPTION, description()?), (PAGE, page()?)] {
        std::fs::write(root.join(file), text).with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}
