//! The stack as a graph: what comes before what, in which waves, and which part of it a run is
//! about.
//!
//! Uses `stack` and names; `plan` turns what it says into a run. petgraph is inside [`Dag`] and
//! nowhere else.

mod dag;
mod export;
#[cfg(test)]
pub(crate) mod fixture;
mod select;
mod selector;
mod stack_graph;

pub use dag::{Cycle, Dag, Layers};
pub use export::{Format, export};
pub use select::{Request, SelectError, Selection, UnknownChart};
pub use selector::{Selector, SelectorError};
pub use stack_graph::{Edge, Graph, Outside};
