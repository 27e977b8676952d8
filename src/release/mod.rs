//! Helm's release records: what they hold ([`Payload`]), how they are found and marked in the
//! cluster ([`Releases`]), and what we write on them ([`Marks`]).
//!
//! The truth about a stack lives here, on Helm's own records; reading it costs no Helm process.
//! Uses `cluster` and the names; `lifecycle` and `run` use it.

mod codec;
mod manifest;
mod marks;
mod store;

pub use codec::{Hook, Payload, PayloadError};
pub use manifest::{ManifestError, ManifestObject, manifest_content, manifest_objects};
pub use marks::{LabelError, Marks};
pub use store::{Record, Records, Releases, Revision, StoreError};
