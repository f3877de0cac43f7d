//! A fault proxy: stands between a program and one of the services of a world, counts what is asked, and disturbs it on
//! command or at random from a seed.
//!
//! - `call` tells which service is asked for which operation;
//! - `fault` is what can go wrong, and what the service says then;
//! - `weather` says which call meets which fault, and notes what happened;
//! - `passing` passes requests on.
//!
//! Nothing here waits without a limit, so a proxy cannot hang a test; it ends with its value.

mod call;
mod fault;
mod passing;
mod weather;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub use fault::{Fault, Trouble};
use passing::{Body, pass_on};
pub use weather::Exchange;
use weather::Weather;

/// The longest that one request may take, from its head to the head of its answer. The SDK gives up earlier.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy in front of one service.
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    weather: Arc<Weather>,
    serving: JoinHandle<()>,
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct HungUp;

impl std::fmt::Display for HungUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the proxy hangs up")
    }
}

impl std::error::Error for HungUp {}

impl Proxy {
    /// Listens on a free port of this machine, in front of the service at this URL.
    pub async fn before(upstream: &str) -> Self {
        let upstream: SocketAddr = upstream.trim_start_matches("http://").parse().expect("http://ADDRESS:PORT");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let weather = Arc::new(Weather::default());
        let serving = tokio::spawn(serve(listener, upstream, Arc::clone(&weather)));
        Self { url, weather, serving }
    }

    /// From now on this many of a hundred calls meet a fault, drawn from `seed`.
    pub fn disturb(&self, seed: u64, percent: u8) {
        self.weather.disturb(seed, percent);
    }

    /// From now on nobody can be reached.
    pub fn cut(&self) {
        self.weather.cut();
    }

    /// From now on everything is passed on as it is.
    pub fn calm(&self) {
        self.weather.calm();
    }

    /// From now on the service's clock is so far ahead, by the date that its answers tell.
    pub fn set_ahead(&self, ahead: Duration) {
        self.weather.set_ahead(ahead);
    }

    /// The next call of this operation that comes meets this fault; said several times, so do the ones after it.
    pub fn spoil(&self, operation: &str, fault: Fault) {
        self.weather.spoil(operation, fault);
    }

    /// How often each operation was asked for, by its name such as `S3 PUT-IF stages`, from then to then.
    pub fn counted(&self, within: Range<Instant>) -> BTreeMap<String, usize> {
        self.weather.counted(within)
    }

    /// How often each kind of fault was met.
    pub fn faults(&self) -> BTreeMap<&'static str, usize> {
        self.weather.faults()
    }

    /// What the local CodePipeline was asked about jobs and answered, in the order in which it answered, whether or not
    /// the answer arrived.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.weather.exchanges()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, upstream: SocketAddr, weather: Arc<Weather>) {
    // The connections end with this set, and it with the proxy.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, upstream, Arc::clone(&weather)));
                }
                // A connection that was gone before it was accepted.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. Where the proxy hangs up, the other side sees a reset and not an orderly end.
async fn converse(stream: TcpStream, upstream: SocketAddr, weather: Arc<Weather>) {
    let service = service_fn(|request| Box::pin(answer(request, upstream, Arc::clone(&weather))));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if poll_fn(|context| connection.poll_without_shutdown(context)).await.is_err() {
        let stream = connection.into_parts().io.into_inner();
        // Fails where the other side has reset it before, which is as good.
        let _ = stream.set_zero_linger();
    }
}

async fn answer(
    request: Request<Incoming>,
    upstream: SocketAddr,
    weather: Arc<Weather>,
) -> Result<Response<Body>, HungUp> {
    // A task of its own: what was passed on is noted, also when whoever asked is gone before the answer.
    let passing = tokio::spawn(tokio::time::timeout(PATIENCE, pass_on(request, upstream, weather)));
    match passing.await {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) | Err(_) => Err(HungUp),
    }
}
