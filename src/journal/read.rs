//! Reading a journal back.

use std::{fs, io, path::Path};

use super::JournalError;
use crate::event::Event;

/// What a journal holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The events, in order.
    pub events: Vec<Event>,
    /// The last line is cut: the writer was stopped in the middle of it.
    pub cut: bool,
}

/// Reads a journal (`events.jsonl`). A cut last line is left out; any other line that is no event
/// is an error, since then the file is not what it should be.
pub fn read_events(path: &Path) -> Result<Recorded, JournalError> {
    read(path, |_| true)
}

/// Reads a journal without the events of steps, which are most of it; its last event is there,
/// whatever it is.
pub(super) fn read_outline(path: &Path) -> Result<Recorded, JournalError> {
    read(path, |line| !is_of_step(line))
}

/// Whether a line is an event of a step. What else a line holds, quotes in it are escaped.
fn is_of_step(line: &[u8]) -> bool {
    /// `seq`, times, run and chart are before it: no name is long.
    const HEAD: usize = 512;
    const KEY: &[u8] = b"\"event\":\"step_";
    let head = &line[..line.len().min(HEAD)];
    head.windows(KEY.len()).any(|window| window == KEY)
}

fn read(path: &Path, wanted: impl Fn(&[u8]) -> bool) -> Result<Recorded, JournalError> {
    let fail = |cause| JournalError::new("read the journal", path, cause);
    let text = fs::read(path).map_err(fail)?;
    let mut recorded = Recorded {
        events: Vec::new(),
        cut: false,
    };
    let whole = text.iter().rposition(|&byte| byte == b'\n');
    let whole = whole.map_or(0, |end| end + 1);
    recorded.cut = whole < text.len();
    let mut lines = text[..whole]
        .split_inclusive(|&byte| byte == b'\n')
        .enumerate()
        .peekable();
    while let Some((index, line)) = lines.next() {
        if lines.peek().is_some() && !wanted(line) {
            continue;
        }
        let event = serde_json::from_slice(line).map_err(|error| {
            fail(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("line {} is not an event: {error}", index + 1),
            ))
        })?;
        recorded.events.push(event);
    }
    Ok(recorded)
}
