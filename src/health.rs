//! The worker's health over HTTP, for orchestrators and for people in a hurry: `/healthz`, `/readyz` and `/loops`, all
//! short JSON; and `/metrics`, for Prometheus. And the question itself, for containers that have no curl.
//!
//! The probes and the metrics tell no names of pipelines, services or jobs, and so are for anybody who reaches them; whoever
//! serves decides who may ask for the loops.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::telemetry;
use crate::worker::{Health, LoopTold, SignTold};

/// The largest answer that is read: a thousand jobs, each told in a line.
const LARGEST_ANSWER: usize = 1 << 20;

/// What anybody may ask: whether the worker is of use, whether it is ready, and its metrics.
pub fn probes(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// What tells names: each loop, and each job that is held.
pub fn details(health: Arc<Health>) -> Router {
    Router::new().route("/loops", get(loops)).with_state(health)
}

/// Serves on `listener` until `shutdown` ends.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn healthz(State(health): State<Arc<Health>>) -> Response {
    let overdue: Vec<Value> = health.overdue().iter().map(sign).collect();
    if overdue.is_empty() {
        return told(StatusCode::OK, &json!({"healthy": true}));
    }
    told(StatusCode::SERVICE_UNAVAILABLE, &json!({"healthy": false, "overdue": overdue}))
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let because = health.hindrances();
    if because.is_empty() {
        return told(StatusCode::OK, &json!({"ready": true}));
    }
    told(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false, "because": because}))
}

async fn loops(State(health): State<Arc<Health>>) -> Response {
    let loops: Vec<Value> = health.loops().iter().map(doing).collect();
    let signs: Vec<Value> = health.signs().iter().map(sign).collect();
    told(StatusCode::OK, &json!({"loops": loops, "signs": signs}))
}

/// In the text format of Prometheus.
async fn metrics() -> Response {
    match telemetry::text() {
        Some(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        None => (StatusCode::NOT_FOUND, "this process counts nothing").into_response(),
    }
}

fn told(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn doing(told: &LoopTold) -> Value {
    let LoopTold { of, doing, since, age } = told;
    json!({"loop": of.to_string(), "doing": doing, "since": time(*since), "seconds": seconds(*age)})
}

fn sign(told: &SignTold) -> Value {
    let SignTold { of, ever, since, age, limit, trouble } = told;
    json!({
        "sign": of.to_string(),
        "last_success": ever.then(|| time(*since)),
        "since": time(*since),
        "seconds": seconds(*age),
        "limit_seconds": seconds(*limit),
        "trouble": trouble,
    })
}

fn time(at: SystemTime) -> Option<String> {
    let at = jiff::Timestamp::try_from(at).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// To a tenth.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

/// Why a worker could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("nobody answers at {address}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// Whoever listens does not answer as a worker does.
    #[error("there is no answer to be had at {address}")]
    Answer {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        why: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Asks the worker that listens at `address` for `path`. Tells whether it says yes, and what it says.
///
/// # Errors
/// Nobody there gave an answer.
pub async fn ask(address: SocketAddr, path: &str) -> Result<(bool, String), AskError> {
    let address = reachable(address);
    let stream = TcpStream::connect(address).await.map_err(|why| AskError::Connect { address, why })?;
    answer(stream, (address, path)).await.map_err(|why| AskError::Answer { address, why })
}

async fn answer(
    stream: TcpStream,
    (address, path): (SocketAddr, &str),
) -> Result<(bool, String), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection); // It ends with the answer.
    let request = Request::get(path).header("host", address.to_string()).body(Empty::<Bytes>::new())?;
    let answered = sender.send_request(request).await?;
    let status = answered.status();
    let body = Limited::new(answered.into_body(), LARGEST_ANSWER).collect().await?.to_bytes();
    Ok((status == StatusCode::OK, String::from_utf8_lossy(&body).into_owned()))
}

/// A worker that listens on every address is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
