use gateway::{app_routes::AppRoutes, path::check, routes_file::RoutesFile};
use http::Method;

/// A file is refused with reasons, or every route in it can be reached by its own path.
pub fn routes_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = match RoutesFile::parse(text) {
        Ok(file) => file,
        Err(problems) => {
            assert!(problems.to_string().contains('\n'), "refused for no reason");
            return;
        }
    };
    let rules = file.routes.clone();
    let routes = AppRoutes::build(file, &AppRoutes::default());
    for rule in rules {
        let path = match rule.path.text() {
            "" => "/",
            path => path,
        };
        assert_eq!(check(path), Ok(()), "{path:?} can never be asked for");
        let method = rule.methods.first().cloned().unwrap_or(Method::GET);
        let found = format!("{:?}", routes.find(&method, path));
        assert!(found.starts_with("Route"), "{path:?} leads to {found}");
    }
}
