//! The public door, as a client comes to it.

use std::{net::IpAddr, time::Duration};

use contract::{
    Purpose,
    internal::{DOCTOR_PATH, DoctorView},
    jwt::{DOCTOR_AUDIENCE, DoctorClaims, Signer, validity},
};
use service_kit::Deployment;
use tokio::task::spawn_blocking;
use ureq::{
    Agent,
    http::StatusCode,
    tls::{RootCerts, TlsConfig},
};

use super::{clock, finding::Finding};

const SUBJECT: &str = "door";
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// From a range for documents (RFC 5737): no client comes from there.
const CLAIMED: &str = "203.0.113.77";

pub(crate) async fn examine(deployment: &Deployment) -> Vec<Finding> {
    let deployment = deployment.clone();
    let examined = spawn_blocking(move || ask(&deployment)).await;
    examined.unwrap_or_else(|error| vec![Finding::skipped(SUBJECT, &error.to_string())])
}

fn ask(deployment: &Deployment) -> Vec<Finding> {
    let agent = agent();
    let (view, agreement) = match view(&agent, deployment) {
        Ok(seen) => seen,
        Err(finding) => return vec![*finding],
    };
    let mut findings = vec![client_address(&view), agreement];
    findings.extend(same_deployment(&view, deployment));
    findings.push(readable_by_frontend(&agent, deployment));
    findings
}

fn agent() -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .http_status_as_error(false)
        .tls_config(tls)
        .build()
        .into()
}

/// What the gateway sees of us when we claim to be somebody else.
fn view(agent: &Agent, deployment: &Deployment) -> Result<(DoctorView, Finding), Box<Finding>> {
    let bad = |said: String, mend: &str| Box::new(Finding::bad(SUBJECT, said, mend));
    let api = &deployment.api_origin;
    let before = clock::now();
    let sent = agent
        .get(format!("{api}{DOCTOR_PATH}"))
        .header("Authorization", format!("Bearer {}", token(deployment)))
        .header("X-Forwarded-For", CLAIMED)
        .call();
    let mut answer = sent.map_err(|error| {
        bad(
            format!("{api} cannot be reached: {error}"),
            "see whether API_URL is the public address, and its name and certificate are good",
        )
    })?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            return Err(bad(
                format!("{api} does not know us"),
                "give the doctor the gateway's BETTER_AUTH_SECRET and API_URL; let proxies pass \
                 /auth/ on; compare the clocks",
            ));
        }
        other => {
            return Err(bad(
                format!("{api} answers {other}"),
                "let the proxies in front pass all paths and the header Authorization on",
            ));
        }
    }
    let view: DoctorView = answer.body_mut().read_json().map_err(|error| {
        bad(format!("{api} is no gateway of ours: {error}"), "see where API_URL leads")
    })?;
    let agreement = clock::compare(SUBJECT, before, view.time, clock::now());
    Ok((view, agreement))
}

fn token(deployment: &Deployment) -> String {
    let (iat, exp) = validity(clock::now());
    let claims = DoctorClaims {
        iss: deployment.api_origin.clone(),
        aud: DOCTOR_AUDIENCE.to_owned(),
        iat,
        exp,
    };
    let signed = Signer::new(&deployment.secrets, Purpose::DoctorToken).sign(&claims);
    signed.expect("claims of text and numbers can be signed")
}

/// Limits and the list of sessions go by the client's address.
fn client_address(view: &DoctorView) -> Finding {
    let DoctorView { client_address, peer_address, forwarded_for, peer_is_trusted, .. } = view;
    let forwarded = forwarded_for.as_deref().unwrap_or_default();
    let passed_a_proxy = forwarded != CLAIMED;
    let believed = CLAIMED.parse::<IpAddr>().is_ok_and(|claimed| claimed == *client_address);
    if believed && is_local(*peer_address) {
        return Finding::warning(
            SUBJECT,
            format!("from {peer_address}, which is trusted, any address can be claimed"),
            "nothing, if only proxies can connect from there; ask from outside as well",
        );
    }
    if believed {
        return Finding::bad(
            SUBJECT,
            format!("a client chose its own address ({client_address}): limits do not hold"),
            "let the proxy set or append X-Forwarded-For; name only proxies in TRUSTED_PROXIES",
        );
    }
    if passed_a_proxy && !peer_is_trusted {
        return Finding::bad(
            SUBJECT,
            format!("all clients look like the proxy {peer_address}: they share one limit"),
            format!("add {peer_address} or its network to TRUSTED_PROXIES"),
        );
    }
    Finding::good(SUBJECT, format!("the gateway sees us as {client_address}"))
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

fn same_deployment(view: &DoctorView, deployment: &Deployment) -> Vec<Finding> {
    let mut findings = Vec::new();
    if view.frontend_url != deployment.frontend_origin {
        findings.push(Finding::bad(
            SUBJECT,
            format!(
                "the gateway has FRONTEND_URL {}, here it is {}",
                view.frontend_url, deployment.frontend_origin
            ),
            "give all services and the doctor the same",
        ));
    }
    if !view.rate_limit && deployment.production {
        findings.push(Finding::bad(
            SUBJECT,
            "limits by address are turned off",
            "remove RATE_LIMIT=off from the gateway",
        ));
    }
    findings
}

/// Whether the panel's pages may read answers (CORS, Fetch standard 3.2).
fn readable_by_frontend(agent: &Agent, deployment: &Deployment) -> Finding {
    let frontend = &deployment.frontend_origin;
    let sent = agent
        .options(format!("{}/api/auth/get-session", deployment.api_origin))
        .header("Origin", frontend)
        .header("Access-Control-Request-Method", "GET")
        .call();
    let header = |name: &str| {
        let answer = sent.as_ref().ok()?;
        answer.headers().get(name)?.to_str().ok().map(str::to_owned)
    };
    let origin = header("access-control-allow-origin");
    let credentials = header("access-control-allow-credentials");
    if origin.as_ref() == Some(frontend) && credentials.as_deref() == Some("true") {
        return Finding::good(SUBJECT, format!("pages of {frontend} may call the API"));
    }
    Finding::bad(
        SUBJECT,
        format!("pages of {frontend} may not read the API's answers"),
        "let proxies in front pass OPTIONS and the headers of CORS through unchanged",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn verdict(client: &str, peer: &str, forwarded: &str, trusted: bool) -> Verdict {
        let view = DoctorView {
            client_address: client.parse().expect("an address"),
            peer_address: peer.parse().expect("an address"),
            forwarded_for: Some(forwarded.to_owned()),
            peer_is_trusted: trusted,
            rate_limit: true,
            api_url: String::new(),
            frontend_url: String::new(),
            time: clock::now(),
        };
        client_address(&view).verdict
    }

    #[test]
    fn who_may_say_where_a_client_is() {
        let behind = format!("{CLAIMED}, 198.51.100.9");
        // Straight to the gateway, which does not believe us.
        assert_eq!(verdict("198.51.100.9", "198.51.100.9", CLAIMED, false), Verdict::Good);
        // Through a proxy that appends and is known.
        assert_eq!(verdict("198.51.100.9", "10.0.0.2", &behind, true), Verdict::Good);
        // Through one that is not known.
        assert_eq!(verdict("10.0.0.2", "10.0.0.2", &behind, false), Verdict::Bad);
        // Through one that replaces what we said.
        assert_eq!(verdict("198.51.100.9", "10.0.0.2", "198.51.100.9", true), Verdict::Good);
        // Believed from out in the world.
        assert_eq!(verdict(CLAIMED, "198.51.100.9", CLAIMED, true), Verdict::Bad);
        // Believed on this machine, where the doctor stands in for a proxy.
        assert_eq!(verdict(CLAIMED, "127.0.0.1", CLAIMED, true), Verdict::Warning);
    }
}
