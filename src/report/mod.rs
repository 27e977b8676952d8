//! Events to eyes.
//!
//! Everything here is a fold over the events of a run: [`Terminal`] (a line per running chart,
//! redrawn), [`Lines`] (plain lines, for logs), [`JsonLines`] (the events themselves) while it
//! goes on, [`Summary`] at its end, and [`Account`] for one who looks back later. A [`Watcher`] runs them on a thread of their own, so that
//! neither a slow terminal nor a closed pipe holds up a run.

mod account;
mod board;
mod echo;
mod frame;
mod json;
mod lines;
mod summary;
mod table;
mod tally;
mod terminal;
mod text;
mod watcher;
mod wording;

pub use account::{Account, Ending, FullAccount};
pub use frame::Size;
pub use json::JsonLines;
pub use lines::Lines;
pub use summary::{Closing, Summary};
pub use table::{Align, Table};
pub use terminal::Terminal;
pub use text::age;
pub use watcher::{Notices, Watcher};

use std::io;

use crate::event::Event;

/// Shows a run while it goes on. An error means nobody can see it any more: it is then dropped,
/// and the run goes on.
pub trait Reporter: Send {
    /// Takes one event, in order.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Takes a message that is no event (`stopping: …`).
    fn notice(&mut self, text: &str) -> io::Result<()>;

    /// Shows what it took; called after each burst of events, and some ten times a second.
    /// `elapsed_ms` is the time since the run started.
    fn show(&mut self, elapsed_ms: u64) -> io::Result<()>;

    /// Leaves the place tidy: nothing comes after this.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much of a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Only what is no event: that the run is being stopped, say.
    Notices,
    /// What a person wants to follow.
    Progress,
    /// Also every step, milestone and line of output.
    Everything,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How much.
    pub detail: Detail,
    /// With colours.
    pub color: bool,
}

#[cfg(test)]
mod samples;
