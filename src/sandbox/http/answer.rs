//! From what was found to a response.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WARNING},
};
use serde_json::Value;

use crate::sandbox::refusal::Refusal;

/// A response.
pub(super) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Bytes of a kind. They and the headers leave in one write.
pub(super) fn bytes(code: u16, media: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(bytes.into()).boxed());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(&mut answer, CONTENT_TYPE, media);
    set(&mut answer, CACHE_CONTROL, "no-cache, private");
    answer
}

/// A JSON document.
pub(super) fn json(code: u16, value: &Value) -> Answer {
    bytes(code, "application/json", value.to_string() + "\n")
}

/// A `Status`.
pub(super) fn refusal(refusal: &Refusal) -> Answer {
    json(refusal.code, &refusal.to_json())
}

/// Adds what the person at the terminal should know.
pub(super) fn warn(answer: &mut Answer, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        // What no header can hold is not said.
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(WARNING, value);
        }
    }
}

pub(super) fn set(answer: &mut Answer, name: HeaderName, value: &'static str) {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
