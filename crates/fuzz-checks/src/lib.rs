//! What must hold for any bytes that strangers send. `fuzz/` runs each function under
//! libFuzzer (`./dev fuzz`), `tests/corpus.rs` on everything that was found so far.
//!
//! Each takes the bytes, gives them to one parser, and panics if a law is broken.

mod attestation;
mod callback;
mod client_addr;
mod cookie;
mod head;
mod path;
mod routes_file;
mod token;

pub use attestation::attestation;
pub use callback::callback;
pub use client_addr::client_addr;
pub use cookie::cookie;
pub use head::{header_name, target};
pub use path::path;
pub use routes_file::routes_file;
pub use token::{assertion, session_token};

/// A function that checks one parser.
pub type Check = fn(&[u8]);

/// All of them by the names of their fuzz targets and of their folders in `fuzz/corpus`.
pub const ALL: [(&str, Check); 10] = [
    ("assertion", assertion),
    ("attestation", attestation),
    ("callback", callback),
    ("client_addr", client_addr),
    ("cookie", cookie),
    ("header_name", header_name),
    ("path", path),
    ("routes_file", routes_file),
    ("session_token", session_token),
    ("target", target),
];

/// The root secret of all checks; the corpus has values that are signed with it.
pub const SECRET: &str = "the-root-secret-of-the-fuzz-targets-0123456789";

fn secrets() -> contract::RootSecrets {
    contract::RootSecrets::parse(SECRET).expect("fit")
}
