//! What a child prints: lines for whoever watches, the end of it for later.

use std::mem;

/// A line without an end is cut here, so that a flood of it does not stay in memory.
const LONGEST_LINE: usize = 64 * 1024;

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Tail {
    /// Keeps at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            cut: false,
        }
    }

    /// Adds bytes; drops old ones only now and then, so that each is moved at most once.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * self.limit {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        if let Some(surplus) = self.bytes.len().checked_sub(self.limit)
            && surplus > 0
        {
            self.bytes.drain(..surplus);
            self.cut = true;
        }
    }

    /// The bytes, and whether some before them are missing.
    pub(super) fn finish(mut self) -> (Vec<u8>, bool) {
        self.shorten();
        (self.bytes, self.cut)
    }
}

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Adds bytes; every line they complete goes to `on_line`.
    pub(super) fn push(&mut self, mut bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.0.extend_from_slice(&bytes[..end]);
            self.flush(on_line);
            bytes = &bytes[end + 1..];
        }
        self.0.extend_from_slice(bytes);
        if self.0.len() > LONGEST_LINE {
            self.flush(on_line);
        }
    }

    /// The stream ended: what is left is a line too.
    pub(super) fn finish(&mut self, on_line: &mut dyn FnMut(&str)) {
        if !self.0.is_empty() {
            self.flush(on_line);
        }
    }

    fn flush(&mut self, on_line: &mut dyn FnMut(&str)) {
        let mut line = mem::take(&mut self.0);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        on_line(&String::from_utf8_lossy(&line));
        line.clear();
        self.0 = line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_bytes_arrive() {
        let text = b"one\r\n\ntw\xc3\xb6\n\xff!\nlast";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for chunk in text.chunks(size) {
                lines.push(chunk, &mut |line| seen.push(line.to_owned()));
            }
            lines.finish(&mut |line| seen.push(line.to_owned()));
            assert_eq!(seen, ["one", "", "twö", "\u{fffd}!", "last"], "{size}");
        }
    }

    #[test]
    fn a_line_without_end_is_handed_on_in_pieces() {
        let mut lines = Lines::default();
        let mut seen = 0;
        for _ in 0..64 {
            lines.push(&[b'x'; 8 * 1024], &mut |line| seen += line.len());
            assert!(lines.0.len() <= LONGEST_LINE);
        }
        lines.finish(&mut |line| seen += line.len());
        assert_eq!(seen, 64 * 8 * 1024);
    }

    #[test]
    fn the_tail_is_the_end_of_the_stream() {
        for (limit, kept, cut) in [(4, "6789", true), (10, "0123456789", false), (0, "", true)] {
            for size in 1..=10 {
                let mut tail = Tail::new(limit);
                for chunk in b"0123456789".chunks(size) {
                    tail.push(chunk);
                }
                assert_eq!(tail.finish(), (kept.into(), cut), "{limit} by {size}");
            }
        }
    }
}
