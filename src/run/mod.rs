//! The application: the only place that puts the parts together.
//!
//! A [`Session`] is one stack and one cluster; it makes plans, executes them and tells the status.
//! [`Up`] and [`Down`] are the same in one call, for programs that embed stackctl. [`judge`] and
//! [`offline_plan`] need neither cluster nor Helm, [`fetch`] only the charts' servers. Nothing here
//! prints: events go to whoever
//! watches, results and errors to the caller.

mod check;
mod error;
mod execute;
mod fetch;
mod judge;
mod lease;
mod observe;
mod operation;
mod ownership;
mod preflight;
mod process_mark;
mod rehearsal;
mod render;
mod session;
mod settings;
mod status;

pub use crate::{
    chart::{FetchProgress, FetchStep, Move},
    inputs::InputsError,
    lifecycle::Implementations,
    sandbox::{FaultKind, Sandbox, SandboxError},
};
pub use error::{Problem, RunError};
pub use execute::{Finished, Watch};
pub use fetch::{FetchWatch, Resolved, fetch};
pub use judge::{Found, Sound, Verdict, judge};
pub use operation::{Down, Up};
pub use rehearsal::Rehearsal;
pub use session::{Session, offline_plan, select};
pub use settings::{PlanRequest, Settings};
pub use status::{State, StatusRow};
