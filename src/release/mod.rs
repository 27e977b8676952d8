//! Helm's release records: codec, store, marks.

mod codec;
mod manifest;
mod marks;
mod store;

pub use codec::{Hook, Payload, PayloadError};
pub use manifest::{ManifestError, ManifestObject, manifest_objects};
pub use marks::{LabelError, Marks};
pub use store::{Releases, Revision, StoreError};
