//! `--log-format json`: the events, one a line, exactly as the journal has them.

use std::io::{self, Write};

use super::Reporter;
use crate::event::Event;

/// Writes every event as one line of JSON to one place, and messages that are no events to
/// another.
#[derive(Debug)]
pub struct JsonLines<E, N> {
    events: E,
    notices: N,
    buffer: Vec<u8>,
}

impl<E: Write + Send, N: Write + Send> JsonLines<E, N> {
    /// Writes events to `events` (standard output), all else to `notices` (standard error).
    pub fn new(events: E, notices: N) -> Self {
        Self {
            events,
            notices,
            buffer: Vec::new(),
        }
    }
}

impl<E: Write + Send, N: Write + Send> Reporter for JsonLines<E, N> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, event)?;
        self.buffer.push(b'\n');
        Ok(())
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        // If nobody listens there, the events may still have a reader.
        let _ = writeln!(self.notices, "{text}");
        Ok(())
    }

    fn show(&mut self, _elapsed_ms: u64) -> io::Result<()> {
        self.events.write_all(&self.buffer)?;
        self.buffer.clear();
        self.events.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn the_stream_is_the_events_and_nothing_else() {
        let mut events = Vec::new();
        let mut notices = Vec::new();
        let mut reporter = JsonLines::new(&mut events, &mut notices);
        let sample = samples::failed_run();
        for event in &sample {
            reporter.event(event).unwrap();
            reporter.notice("stopping").unwrap();
            reporter.show(event.elapsed_ms).unwrap();
        }
        let read: Vec<Event> = String::from_utf8(events)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read, sample);
        assert!(notices.starts_with(b"stopping\n"));
    }
}
