//! What a run will do, as data: decided before anything happens, printed, executed.
//!
//! Pure: what the stack wants ([`Desired`], through a [`Selection`](crate::graph::Selection)) and
//! what the cluster holds ([`Observed`]) in, [`Plan`] out. The engine executes any plan; whether it
//! goes up or down is settled here.
//!
//! `decide` says what is done to one chart, `crds` which chart brings which CRD, `make` turns the
//! graph's edges into waits between `nodes` and refuses what cannot work, `arrange` finds waves,
//! priorities and the critical path; `text` and `json` print the result. The plan that takes a failed
//! run back is made by `rollback`, of what that run has changed.

mod arrange;
mod crds;
mod decide;
mod error;
mod json;
mod known;
mod make;
mod model;
mod nodes;
mod observed;
mod rollback;
#[cfg(test)]
mod tests;
mod text;

pub use arrange::CyclicPlan;
pub use decide::{Desired, remedy};
pub use error::{Barred, MissingNeed, PlanError};
pub use json::json;
pub use known::{Contents, CrdContent, Known, Removal, Wanted};
pub use model::{KeptCrd, Node, NodeIx, Plan, Wait};
pub use observed::{Marks, Observed, ObservedCrd, ObservedRelease};
pub use rollback::{Reversal, taken_back_before};
pub use text::{counts, text};
