//! Passes a request on, or does to it what the weather says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, DATE, EXPECT};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::HungUp;
use super::call::{self, Call, Service};
use super::fault::{self, Fault, Trouble};
use super::weather::{Exchange, Weather};

/// A body that is streamed, or one that is at hand.
pub(super) type Body = Either<Incoming, Full<Bytes>>;

/// The largest body that is read to tell what is asked: eight times what CloudFormation takes.
const LARGEST_READ: usize = 8 << 20;

/// The services are on this machine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Answers the request, or hangs up.
pub(super) async fn pass_on(
    request: Request<Incoming>,
    upstream: SocketAddr,
    weather: Arc<Weather>,
) -> Result<Response<Body>, HungUp> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let service = call::service(&head);
    let (body, read) = match service {
        Service::S3 => (Either::Left(body), Bytes::new()),
        Service::CodePipeline | Service::CloudFormation => {
            let read = whole(body).await?;
            (Either::Right(Full::new(read.clone())), read)
        }
    };
    let call = call::call(service, &head, &read);
    let fault = weather.meets(&call, call::is_conditional(&head));
    match fault {
        Some(Fault::Drop) => return Err(HungUp),
        Some(Fault::Refuse(trouble)) => {
            // Whoever sends a body reads the answer only after it.
            drain(body).await;
            return Ok(refusal(service, trouble));
        }
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        None | Some(Fault::LoseAnswer | Fault::RefuseAfterwards(_)) => {}
    }
    let asked = Asked { at, call, read };
    let answered = asked.send(head, body, (upstream, &weather)).await?;
    match fault {
        Some(Fault::LoseAnswer) => {
            drain(answered.into_body()).await;
            Err(HungUp)
        }
        Some(Fault::RefuseAfterwards(trouble)) => {
            drain(answered.into_body()).await;
            Ok(refusal(service, trouble))
        }
        _ => Ok(answered),
    }
}

struct Asked {
    at: Instant,
    call: Call,
    read: Bytes,
}

impl Asked {
    /// One connection for each request: they are cheap on one machine, and none can go stale.
    async fn send(
        &self,
        mut head: Parts,
        body: Body,
        (upstream, weather): (SocketAddr, &Weather),
    ) -> Result<Response<Body>, HungUp> {
        // The proxy itself has told whoever asks to go on.
        head.headers.remove(EXPECT);
        let connecting = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(upstream)).await;
        let stream = connecting.map_err(|_| HungUp)?.map_err(|_| HungUp)?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|_| HungUp)?;
        tokio::spawn(connection); // Ends with the answer's body, or when that is dropped.
        let answered = sender.send_request(Request::from_parts(head, body)).await.map_err(|_| HungUp)?;
        let (mut head, body) = answered.into_parts();
        if let Some(ahead) = weather.ahead() {
            head.headers.insert(DATE, fault::date_in(ahead).parse().expect("a date"));
        }
        if self.call.service != Service::CodePipeline {
            return Ok(Response::from_parts(head, Either::Left(body)));
        }
        let answer = whole(body).await?;
        let json = |bytes: &Bytes| serde_json::from_slice(bytes).unwrap_or(Value::Null);
        weather.note(Exchange {
            asked: self.at,
            at: Instant::now(),
            operation: self.call.operation.clone(),
            request: json(&self.read),
            status: head.status.as_u16(),
            answer: json(&answer),
        });
        Ok(Response::from_parts(head, Either::Right(Full::new(answer))))
    }
}

async fn whole(body: Incoming) -> Result<Bytes, HungUp> {
    let read = Limited::new(body, LARGEST_READ).collect().await;
    read.map(|read| read.to_bytes()).map_err(|_| HungUp)
}

/// Reads a body to its end. One that breaks off has ended, too.
async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn refusal(service: Service, trouble: Trouble) -> Response<Body> {
    let (status, media_type, body) = fault::answer(service, trouble);
    let mut answer = Response::builder().status(status).header(CONTENT_TYPE, media_type);
    if let Some(date) = fault::date(trouble) {
        answer = answer.header(DATE, date);
    }
    answer.body(Either::Right(Full::new(Bytes::from(body)))).expect("an answer")
}
