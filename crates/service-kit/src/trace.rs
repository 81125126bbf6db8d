//! Traces: which request led to which, over HTTP and NATS (W3C Trace Context).
//!
//! The context travels whether traces are exported or not, so that a deployment may
//! export those of some services only.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// `traceparent` and `tracestate`, which belong together.
pub const HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];

const SCOPE: &str = "stellar-auth";

struct Traces {
    provider: SdkTracerProvider,
    exports: bool,
}

static TRACES: OnceLock<Traces> = OnceLock::new();

/// Where traces go: `http://host:port` of an OTLP collector.
#[derive(Debug, Clone)]
pub struct Endpoint(String);

impl std::str::FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match url::Url::parse(text) {
            Ok(url) if url.scheme() == "http" && url.has_host() => {
                Ok(Self(format!("{}/v1/traces", text.trim_end_matches('/'))))
            }
            _ => Err("expected http://host:port of a collector"),
        }
    }
}

/// Starts to trace, once in a process. Without an endpoint nothing is kept.
pub fn start(service: &'static str, endpoint: Option<Endpoint>) -> anyhow::Result<SdkTracer> {
    let exports = endpoint.is_some();
    let resource = Resource::builder().with_service_name(service).build();
    let provider = SdkTracerProvider::builder().with_resource(resource);
    let provider = match endpoint {
        Some(Endpoint(endpoint)) => {
            let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
            provider.with_batch_exporter(exporter)
        }
        None => provider.with_sampler(Sampler::AlwaysOff),
    };
    let provider = provider.build();
    let tracer = provider.tracer(SCOPE);
    TRACES.set(Traces { provider, exports }).ok();
    Ok(tracer)
}

/// Sends what has not been sent. Called when a process ends.
pub fn finish() {
    if let Some(traces) = TRACES.get()
        && let Err(error) = traces.provider.shutdown()
    {
        tracing::debug!(%error, "some traces were lost");
    }
}

/// The trace that a request's headers name.
#[must_use]
pub fn named_by(headers: &dyn Extractor) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), headers)
}

/// Makes a span part of the trace that its request's headers name.
pub fn continue_in(span: &tracing::Span, headers: &dyn Extractor) {
    // It fails for a span that has begun, or that nobody records.
    span.set_parent(named_by(headers)).ok();
}

/// Names the trace of the work at hand to whoever is asked next.
pub fn name_current(headers: &mut dyn Injector) {
    let of_span = tracing::Span::current().context();
    let context = if is_valid(&of_span) { of_span } else { Context::current() };
    name(&context, headers);
}

/// Names this trace to whoever is asked next.
pub fn name(context: &Context, headers: &mut dyn Injector) {
    TraceContextPropagator::new().inject_context(context, headers);
}

fn is_valid(context: &Context) -> bool {
    context.span().span_context().is_valid()
}

/// A request at the edge. Unless traces are exported it is part of a trace only if its
/// headers say so, and costs next to nothing.
#[must_use]
pub fn begin_request(headers: &HeaderMap) -> Option<Context> {
    let named = headers.contains_key(&HEADERS[0]).then(|| named_by(&Headers(headers)));
    let exporting = TRACES.get().filter(|traces| traces.exports);
    let Some(exporting) = exporting else { return named.filter(is_valid) };
    let parent = named.unwrap_or_default();
    let tracer = exporting.provider.tracer(SCOPE);
    let builder = tracer.span_builder("request").with_kind(SpanKind::Server);
    let span = builder.start_with_context(&tracer, &parent);
    Some(parent.with_span(span))
}

/// How a request at the edge ended.
pub fn end_request(context: &Context, method: &str, route: &str, status: u16) {
    let span = context.span();
    if !span.is_recording() {
        return;
    }
    span.update_name(format!("{method} {route}"));
    span.set_attribute(KeyValue::new("http.request.method", method.to_owned()));
    span.set_attribute(KeyValue::new("http.route", route.to_owned()));
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
    span.end();
}

/// Headers of HTTP, as the propagator reads and writes them.
pub struct Headers<T>(pub T);

impl Extractor for Headers<&HeaderMap> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

impl Injector for Headers<&mut HeaderMap> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

impl Extractor for Headers<&async_nats::HeaderMap> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(async_nats::HeaderValue::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_ref()).collect()
    }
}

impl Injector for Headers<&mut async_nats::HeaderMap> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(parent: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HEADERS[0].clone(), HeaderValue::from_static(parent))])
    }

    #[test]
    fn a_trace_goes_on_as_it_came() {
        let context = begin_request(&headers(PARENT)).expect("a trace");
        let mut over_http = HeaderMap::new();
        name(&context, &mut Headers(&mut over_http));
        assert_eq!(over_http[&HEADERS[0]], PARENT);
        let mut over_nats = async_nats::HeaderMap::new();
        name(&context, &mut Headers(&mut over_nats));
        assert!(is_valid(&named_by(&Headers(&over_nats))));
    }

    #[test]
    fn rubbish_names_no_trace() {
        for parent in
            ["", "00-0-0-0", "rubbish", "00-00000000000000000000000000000000-b7ad6b7169203331-01"]
        {
            assert!(begin_request(&headers(parent)).is_none(), "{parent}");
        }
        assert!(begin_request(&HeaderMap::new()).is_none());
    }

    #[test]
    fn an_endpoint_is_a_url_of_http() {
        let read = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.0);
        assert_eq!(read("http://otel:4318/").as_deref(), Ok("http://otel:4318/v1/traces"));
        assert!(read("otel:4318").is_err() && read("https://otel:4318").is_err());
    }
}
