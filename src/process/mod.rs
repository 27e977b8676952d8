//! Child processes: started so that they die with us, fed and drained while they run, ended as a
//! group.
//!
//! The only place that starts processes. [`run`] is one child from its start to its end:
//!
//! - `spawn` starts it, in a process group of its own, on a thread that lasts as long as we do;
//! - `guard` is the small program between us and the child that ties its life to ours (Linux);
//! - `group` signals the child and all it started, and never a stranger;
//! - `ending` says when it gets which signal: its deadline, and the run's [`Shutdown`];
//! - `output` cuts what it prints into lines and keeps the end of it;
//! - `run` is the loop over all of that;
//! - [`mark`] tells from the same machine whether another of us, and its children, are gone.
//!
//! A leaf but for `secret`, `event` and `shutdown`.
//!
//! [`Shutdown`]: crate::shutdown::Shutdown

mod command;
mod ending;
mod group;
mod guard;
pub mod mark;
mod output;
mod path;
mod run;
mod spawn;

pub use command::{
    Command, End, KEPT_DATA, KEPT_OUTPUT, Keep, OnTerminate, Orphaned, Output, ProcessError,
};
pub use guard::guard;
pub use path::find_in_path;
pub use run::run;
