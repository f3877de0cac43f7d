//! An S3 that keeps one object and has mishaps: answers that break off, credentials that expire between two parts, an
//! object that is replaced while it is read, parts that are refused, an upload that is gone at its end. It answers `GetJobDetails`, too.

use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use futures::stream;
use serde_json::json;

use crate::codepipeline::sdk_at;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The answer to the part that begins here breaks off, this often.
    BreaksOff { from: usize, times: usize },
    /// The old credentials are not taken any more from this part on.
    ExpiredFrom(usize),
    /// The object is another one after its first part.
    Replaced,
    /// It knows no ranges.
    NoRanges,
    /// It knows ranges only in the first part's answer.
    ForgetsRanges,
    /// It has no upload any more when all its parts are there.
    LosesUpload,
    /// It takes no part with this number.
    RefusesPart(usize),
}

struct Kept {
    object: Bytes,
    etag: &'static str,
    mishap: Mishap,
    /// What was asked, in order.
    asked: Vec<String>,
}

/// The server. It ends with the test's runtime.
pub(crate) struct Fickle {
    kept: Arc<Mutex<Kept>>,
    address: String,
}

impl Fickle {
    /// Serves `object` on a free port.
    pub(crate) async fn start(object: Vec<u8>, mishap: Mishap) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let kept = Kept { object: object.into(), etag: "\"first\"", mishap, asked: Vec::new() };
        let kept = Arc::new(Mutex::new(kept));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&kept));
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { kept, address }
    }

    /// How to reach it.
    pub(crate) async fn sdk(&self) -> SdkConfig {
        sdk_at(&self.address).await
    }

    /// How often something was asked that begins so.
    pub(crate) fn asked(&self, what: &str) -> usize {
        self.kept.lock().unwrap().asked.iter().filter(|asked| asked.starts_with(what)).count()
    }
}

async fn answer(
    State(kept): State<Arc<Mutex<Kept>>>,
    (method, uri): (Method, Uri),
    headers: HeaderMap,
    _body: Bytes,
) -> Response<Body> {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let mut kept = kept.lock().unwrap();
    if text("x-amz-target").ends_with("GetJobDetails") {
        kept.asked.push("GetJobDetails".to_owned());
        let fresh = json!({"accessKeyId": "FRESH", "secretAccessKey": "hush", "sessionToken": "t"});
        let told = json!({"jobDetails": {"id": "j-1", "data": {"artifactCredentials": fresh}}});
        return said(StatusCode::OK, told.to_string());
    }
    if method == Method::GET {
        return kept.part(text("range"), text("if-match"), text("authorization"));
    }
    let query = uri.query().unwrap_or_default();
    let number = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
    match (method.as_str(), number) {
        ("PUT", Some(number)) => kept.take(number.parse().unwrap()),
        ("POST", None) if query.contains("uploads") => {
            kept.asked.push("begin".to_owned());
            let id = "<UploadId>u-1</UploadId>";
            said(StatusCode::OK, format!("<InitiateMultipartUploadResult>{id}</InitiateMultipartUploadResult>"))
        }
        ("POST", None) if kept.mishap == Mishap::LosesUpload => {
            kept.asked.push("complete".to_owned());
            refused(StatusCode::NOT_FOUND, "NoSuchUpload")
        }
        ("DELETE", None) if query.contains("uploadId=u-1") => {
            kept.asked.push("abort".to_owned());
            said(StatusCode::NO_CONTENT, String::new())
        }
        _ => {
            kept.asked.push(format!("{method} {uri}"));
            said(StatusCode::OK, String::new())
        }
    }
}

impl Kept {
    fn take(&mut self, number: usize) -> Response<Body> {
        self.asked.push(format!("part {number}"));
        if self.mishap == Mishap::RefusesPart(number) {
            return refused(StatusCode::FORBIDDEN, "AccessDenied");
        }
        Response::builder().header("etag", format!("\"part-{number}\"")).body(Body::empty()).unwrap()
    }

    fn part(&mut self, range: &str, if_match: &str, authorization: &str) -> Response<Body> {
        let all = self.object.len();
        let (from, to) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).unwrap();
        let (from, to) = (from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap().min(all.saturating_sub(1)));
        self.asked.push(format!("get {from} of {if_match}"));
        if matches!(self.mishap, Mishap::ExpiredFrom(first) if from >= first) && !authorization.contains("=FRESH/") {
            return refused(StatusCode::BAD_REQUEST, "ExpiredToken");
        }
        if !if_match.is_empty() && if_match != self.etag {
            return refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let answer = Response::builder().header("etag", self.etag);
        if self.mishap == Mishap::Replaced {
            self.etag = "\"second\"";
        }
        if self.mishap == Mishap::NoRanges || (self.mishap == Mishap::ForgetsRanges && from > 0) {
            return answer.body(Body::from(self.object.clone())).unwrap();
        }
        let part = self.object.slice(from..=to);
        let answer = answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header("content-range", format!("bytes {from}-{to}/{all}"))
            .header("content-length", part.len());
        if let Mishap::BreaksOff { from: here, times } = &mut self.mishap
            && *here == from
            && *times > 0
        {
            *times -= 1;
            let half = Ok(part.slice(..part.len() / 2));
            let broken = stream::iter([half, Err(std::io::Error::other("as told"))]);
            return answer.body(Body::from_stream(broken)).unwrap();
        }
        answer.body(Body::from(part)).unwrap()
    }
}

fn said(status: StatusCode, body: String) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

fn refused(status: StatusCode, code: &str) -> Response<Body> {
    said(status, format!("<Error><Code>{code}</Code><Message>as told</Message></Error>"))
}
