use contract::origin::TrustedOrigins;
use url::Url;

/// Where we send a browser is on a trusted origin, by the rules that browsers follow.
pub fn callback(bytes: &[u8]) {
    let Ok(target) = std::str::from_utf8(bytes) else { return };
    let own = "http://localhost:3001";
    let trusted = TrustedOrigins::new(own.into(), ["https://panel.example.com".into()]);
    if !trusted.allows_callback(target) {
        return;
    }
    for base in ["/", "/api/auth/verify-email", "/a/b/c?d"] {
        let base = Url::parse(&format!("{own}{base}")).expect("a URL");
        let landed = base.join(target).expect("what is allowed can be followed");
        let origin = landed.origin().ascii_serialization();
        assert!(trusted.contains(&origin), "{target:?} leads to {landed}");
        // Cut off from its origin, such a path would be another host.
        let is_relative = target.starts_with('/');
        assert!(!is_relative || !landed.path().starts_with("//"), "{target:?} leads to {landed}");
        assert!(!target.contains(['\r', '\n', '\0']), "{target:?} would end a header");
    }
}
