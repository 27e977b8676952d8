//! HTTP, with a deadline for everything.
//!
//! - `check`: one GET, for `http` steps;
//! - `client`: requests whose answers are kept or written to a file, with redirects and retries;
//!   `message` is what goes in and out of it, `patience` how long it waits and when it asks again,
//!   `tls` whom it trusts, `proxy` the way through proxies, `url` the little arithmetic on
//!   addresses.
//!
//! A leaf but for `secret`. Nothing here knows charts or registries.

mod check;
mod client;
mod message;
mod patience;
mod proxy;
mod tls;
mod url;

pub use check::{Answer, HttpError, get};
pub use client::Client;
pub use message::{Ask, Authorization, Received, Refusal, Sink, Transfer, TransferError};
pub use patience::Patience;
pub use proxy::Proxies;
pub use tls::{Tls, TlsError};
pub use url::{BadUrl, is_same_origin, parse, query, resolve, without_user};

/// What we call ourselves.
const USER_AGENT: &str = concat!("stackctl/", env!("CARGO_PKG_VERSION"));

/// The messages of an error and of all its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their source.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
