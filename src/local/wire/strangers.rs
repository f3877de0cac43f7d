//! A page of somebody else's in a browser on this machine must not reach the API: nobody signs in here.
//!
//! A browser tells with every request that changes something which page asks (`Origin`); clients of the API do not.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses what a page of somebody else's asks for.
pub(super) async fn keep_out(request: Request, next: Next) -> Response {
    if is_strange(request.headers()) {
        return (StatusCode::FORBIDDEN, "A page of another origin may not ask for this.\n").into_response();
    }
    next.run(request).await
}

fn is_strange(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text("host").unwrap_or_default();
    text("origin").is_some_and(|origin| origin.strip_prefix("http://") != Some(host) || !is_own_name(host))
}

/// Whether a host is an address, or a name that always means this machine: anybody can let a name of his own lead here,
/// and a browser then takes his page for one of ours.
#[must_use]
pub fn is_own_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strange(given: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.insert(*name, value.parse().unwrap());
        }
        is_strange(&headers)
    }

    #[test]
    fn a_client_of_the_api_may_ask_under_any_name_and_a_page_of_somebody_else_under_none() {
        assert!(!strange(&[("host", "codepipeline:4600")]));
        assert!(!strange(&[("host", "localhost:4600"), ("origin", "http://localhost:4600")]));
        assert!(strange(&[("host", "localhost:4600"), ("origin", "http://evil.example")]));
        assert!(strange(&[("host", "evil.example:4600"), ("origin", "http://evil.example:4600")]));
        assert!(strange(&[("host", "localhost:4600"), ("origin", "null")]));
    }
}
