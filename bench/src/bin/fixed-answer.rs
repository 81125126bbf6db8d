//! An upstream that always says the same, as fast as it can.
//!
//! `fixed-answer LISTEN BYTES`

use axum::Router;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(bytes)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: fixed-answer LISTEN BYTES");
    };
    let body = "x".repeat(bytes.parse()?);
    let router = Router::new().fallback(move || std::future::ready(body.clone()));
    Ok(axum::serve(TcpListener::bind(listen).await?, router).await?)
}
