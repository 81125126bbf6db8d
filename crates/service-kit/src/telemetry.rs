//! Logs: text for people in a terminal, a JSON object a line for machines.

use std::io::IsTerminal;

use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
    /// Text in a terminal, JSON otherwise.
    Auto,
}

impl std::str::FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "auto" => Ok(Self::Auto),
            _ => Err("expected text, json or auto"),
        }
    }
}

/// Starts logging, with what becomes part of traces beside it. `filter` is a list of
/// `target=level`, as `RUST_LOG` has it.
pub fn start(service: &'static str, format: Format, filter: &str, tracer: SdkTracer) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let in_terminal = std::io::stdout().is_terminal();
    let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false);
    let registry = tracing_subscriber::registry().with(filter).with(layer);
    if format == Format::Text || (format == Format::Auto && in_terminal) {
        registry.with(fmt::layer().with_ansi(in_terminal)).init();
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_current_span(true)).init();
    }
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
}
