//! What a bridge says of itself, by HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::Status;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/healthz`, `/readyz` and `/metrics` at an address, in the background. Returns where.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(address: SocketAddr, status: Arc<Status>) -> Result<SocketAddr> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot listen")?;
    let [alive, ready, metrics] = [0, 1, 2].map(|_| Arc::clone(&status));
    let router = Router::new()
        .route("/healthz", get(async move || said(alive.alive())))
        .route("/readyz", get(async move || said(ready.ready())))
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.metrics())));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn said(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
