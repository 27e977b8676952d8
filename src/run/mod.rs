//! The application: the only place that puts the parts together.
//!
//! A [`Session`] is one stack and one cluster; it makes plans, executes them and tells the status.
//! A run that fails may be taken back, which is a run of its own. [`Up`] and [`Down`] are the same in
//! one call, for programs that embed stackctl. [`judge`] and [`offline_plan`] need neither cluster
//! nor Helm, [`fetch`] only the charts' servers. Nothing here prints: events go to whoever watches,
//! results and errors to the caller.

mod check;
mod crds;
mod doctor;
mod error;
mod execute;
mod fetch;
mod fitness;
mod helm;
mod history;
mod judge;
mod late;
mod lease;
mod lock;
mod manifests;
mod namespaces;
mod observe;
mod operation;
mod ownership;
mod planned;
mod preflight;
mod private;
mod rehearsal;
mod render;
mod rights;
mod rollback;
mod session;
mod settings;
mod status;
mod values;
mod wanted;

pub use crate::{
    chart::{FetchProgress, FetchStep, Move},
    inputs::InputsError,
    journal::{JournalError, PastRun, Recorded},
    lifecycle::{Implementations, Validation},
    sandbox::{FaultKind, Sandbox, SandboxError},
};
pub use check::carriers;
pub use doctor::{Examined, examine};
pub use error::{Problem, RunError};
pub use execute::{Finished, Watch};
pub use fetch::{FetchRequest, FetchWatch, Resolved, fetch};
pub use history::{NoSuchRun, find_run, runs};
pub use judge::{Found, Sound, Verdict, judge};
pub use lease::Notice;
pub use lock::{Announced, LockInfo, LockState};
pub use manifests::{Manifests, RenderRequest, render, write_manifests};
pub use operation::{Down, Up};
pub use rehearsal::Rehearsal;
pub use session::{Session, offline_plan, select};
pub use settings::{PlanRequest, Settings};
pub use status::{State, StatusRow};
pub use values::values;
