//! Drives the real helm binary, 3 and 4: finds it, calls it, and makes sense of what it says.
//!
//! - `detect` finds the binary and asks for its version: a [`Helm`];
//! - `operation` is what can be asked of it, as data;
//! - `args` turns that into arguments, for each major: the only place that knows flags;
//! - `deadline` says how long a call may take, `surroundings` what environment it gets;
//! - `drive` makes the calls, through `process`;
//! - `answer` reads what helm prints when it succeeded, `words` and `classify` when it failed:
//!   a [`HelmError`] with a [`Cause`] and an [`Aftermath`].
//!
//! `--atomic` and its successor are never passed: on a failed first install they remove what one
//! needs to see, and they swallow signals. `--create-namespace` neither: Helm 4 takes the
//! namespace's labels over with it.

mod answer;
mod args;
mod cause;
mod classify;
mod deadline;
mod detect;
mod drive;
mod operation;
mod post_renderer;
mod surroundings;
mod words;

pub use cause::{Aftermath, Cause};
pub use classify::classify;
pub use deadline::GRACE;
pub use detect::{DetectError, Helm, Major};
pub use drive::{Call, HelmError, Upgraded};
pub use operation::{ApplyMode, Imagined, Operation, Rollback, Test, Uninstall, Upgrade, WaitMode};
pub use post_renderer::PostRenderer;
pub use surroundings::{Surroundings, user_locale};
pub use words::words;
