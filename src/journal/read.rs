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
    let fail = |cause| JournalError::new("read the journal", path, cause);
    let text = fs::read(path).map_err(fail)?;
    let mut recorded = Recorded {
        events: Vec::new(),
        cut: false,
    };
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            recorded.cut = true;
            break;
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
