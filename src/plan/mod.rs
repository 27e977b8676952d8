//! What a run will do, as data: decided before anything happens, printed, executed.
//!
//! Pure: `Desired` (the stack's selection) and [`Observed`] (what the cluster holds) in, [`Plan`]
//! out. The engine executes any plan; whether it goes up or down is settled here.

mod model;
mod observed;

pub use model::{Node, NodeIx, Plan, Wait};
pub use observed::{Marks, Observed, ObservedRelease};
