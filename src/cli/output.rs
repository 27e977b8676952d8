//! Standard output: data, for people or the next program.

use std::io::{self, ErrorKind, Write};

/// Writes all of a command's data to standard output. A reader that has seen enough and closed
/// the pipe (`stackctl plan | head`) is not an error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_to(&mut io::stdout().lock(), text)
        .map_err(|error| anyhow::Error::new(error).context("could not write to standard output"))
}

fn print_to(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_the_end_and_a_full_disk_an_error() {
        assert!(print_to(&mut Broken(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(print_to(&mut Broken(ErrorKind::StorageFull), "x").is_err());
        let mut written = Vec::new();
        print_to(&mut written, "data\n").unwrap();
        assert_eq!(written, b"data\n");
    }
}
