//! A QR code as SVG.

use qrcode::{EcLevel, QrCode, render::svg, types::QrError};

/// Pixels, at least; it scales.
const SIZE: u32 = 240;

pub fn svg(text: &str) -> Result<String, QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    Ok(code.render::<svg::Color>().min_dimensions(SIZE, SIZE).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        otpauth::{ISSUER_MAX_CHARS, uri},
        totp::TotpSecret,
    };

    #[test]
    fn the_longest_address_fits() {
        let issuer = "\u{1f680}".repeat(ISSUER_MAX_CHARS);
        let email = format!("{}@example.com", "a".repeat(242));
        let secret = TotpSecret::parse(&"x".repeat(32)).expect("a secret");
        let svg = svg(&uri(&secret, &issuer, &email)).expect("fits");
        assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>"));
    }
}
