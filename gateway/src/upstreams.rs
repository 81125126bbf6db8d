//! Where our own services are reached. Applications' upstreams come with their routes
//! ([`crate::application`]).

use std::sync::Arc;

use service_kit::Kit;

use crate::{
    metrics::Metrics, route_table::Service, routes_file::UpstreamConfig, upstream::Upstream,
};

pub struct Upstreams {
    identity: Arc<Upstream>,
    session: Arc<Upstream>,
    mfa: Arc<Upstream>,
}

impl Upstreams {
    /// `identity`, `session` and `mfa` are `host:port`. Their names are looked up once
    /// now, then again and again in the background.
    pub async fn start(
        identity: &str,
        session: &str,
        mfa: &str,
        metrics: &Metrics,
        kit: &Kit,
    ) -> Self {
        let upstream = |service: Service, address| {
            Upstream::new(UpstreamConfig::service(service.name(), address))
        };
        let upstreams = Self {
            identity: upstream(Service::Identity, identity),
            session: upstream(Service::Session, session),
            mfa: upstream(Service::Mfa, mfa),
        };
        for upstream in [&upstreams.identity, &upstreams.session, &upstreams.mfa] {
            upstream.look_up().await;
            upstream.tend(metrics, kit.tasks(), kit.shutdown());
        }
        upstreams
    }

    #[must_use]
    pub fn service(&self, service: Service) -> &Arc<Upstream> {
        match service {
            Service::Identity => &self.identity,
            Service::Session => &self.session,
            Service::Mfa => &self.mfa,
        }
    }
}
