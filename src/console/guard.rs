//! Who may ask: a browser on this machine, and for changes only a page of the console itself.
//!
//! Nobody signs in. So a page of somebody else's that is open in the same browser must not be able to press the
//! console's buttons (that the browser says by `Origin` and `Sec-Fetch-Site`), nor to pass for it under a name of its
//! own that leads to this machine (then `Host` is that name).

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::local::is_own_name;

/// Everything comes from this server, and nothing is in the page itself. Forms go here, and nobody frames the page.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                              connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer. `same-origin` and not `no-referrer`: with that, browsers hide the origin of forms.
const HEADERS: [(header::HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "Accept"),
];

/// Lets a request pass that may ask, and gives every answer its headers.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let refusal = refusal(request.method(), request.headers());
    let mut answer = match refusal {
        None => next.run(request).await,
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    answer
}

/// Why a request may not ask, if it may not.
fn refusal(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text("host").unwrap_or_default();
    if !is_own_name(host) {
        return Some("The console answers only to localhost and to addresses, not to other names.\n");
    }
    if method.is_safe() {
        return None;
    }
    let (origin, site) = (text("origin"), text("sec-fetch-site"));
    let own_origin = origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    let own_site = site.is_none_or(|site| site == "same-origin");
    if own_origin && own_site && (origin.is_some() || site.is_some()) {
        return None;
    }
    Some("Only a page of the console may ask for this. Scripts use the API: the AWS CLI, or any SDK.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, given: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.insert(*name, value.parse().unwrap());
        }
        refusal(method, &headers).is_some()
    }

    #[test]
    fn a_page_is_read_under_an_address_or_as_localhost_only() {
        for host in ["127.0.0.1:4600", "[::1]:4600", "localhost:4600", "console.localhost", "192.168.1.2"] {
            assert!(!refused(&Method::GET, &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:4600", "127.0.0.1.evil.example", "", "a b"] {
            assert!(refused(&Method::GET, &[("host", host)]), "{host}");
        }
        assert!(refused(&Method::GET, &[]));
    }

    #[test]
    fn only_a_page_of_the_console_asks_for_a_change() {
        let host = ("host", "localhost:4600");
        let own = ("origin", "http://localhost:4600");
        assert!(!refused(&Method::POST, &[host, own, ("sec-fetch-site", "same-origin")]));
        assert!(!refused(&Method::POST, &[host, own]));
        for other in ["http://localhost:4601", "https://localhost:4600", "http://evil.example", "null"] {
            assert!(refused(&Method::POST, &[host, ("origin", other)]), "{other}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert!(refused(&Method::POST, &[host, own, ("sec-fetch-site", site)]), "{site}");
        }
        // A browser says where a form comes from; what says nothing is none.
        assert!(refused(&Method::POST, &[host]));
        assert!(refused(&Method::POST, &[("host", "evil.example"), ("origin", "http://evil.example")]));
    }
}
