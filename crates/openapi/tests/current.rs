//! What is served is what the code says.

use std::path::Path;

#[test]
fn the_files_in_docs_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = [
        (openapi::DESCRIPTION, openapi::description().unwrap()),
        (openapi::PAGE, openapi::page().unwrap()),
    ];
    for (file, expected) in files {
        let found = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(found == expected, "{file} is not current; run `cargo run -p openapi`");
    }
}
