//! `tracing` for developers: `STACKCTL_LOG=debug`, on standard error, without secrets.

use std::io::{self, Write};

use anyhow::Context;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::{
    console::{Console, UsageError},
    environment,
};
use crate::secret::Redactor;

/// Holds a filter as `tracing-subscriber` reads it (`debug`, `stackctl::engine=trace`).
const VARIABLE: &str = "STACKCTL_LOG";

/// Starts logging if `STACKCTL_LOG` asks for it.
pub(super) fn init(console: &Console) -> anyhow::Result<()> {
    let Some(filter) = environment::get(&console.environment, VARIABLE) else {
        return Ok(());
    };
    let filter = filter.to_string_lossy();
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| UsageError(format!("{VARIABLE}={filter} is not a log filter: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(console.color_stderr)
        .with_writer(Redacting {
            redactor: console.redactor.clone(),
            out: io::stderr,
        })
        .try_init()
        .map_err(|error| anyhow::anyhow!(error))
        .context("could not start logging")
}

/// Takes secrets out of every record. `fmt` hands over one whole record with each write.
struct Redacting<F> {
    redactor: Redactor,
    out: F,
}

struct RedactingWriter<W> {
    redactor: Redactor,
    out: W,
}

impl<'a, W: Write, F: Fn() -> W + 'a> MakeWriter<'a> for Redacting<F> {
    type Writer = RedactingWriter<W>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter {
            redactor: self.redactor.clone(),
            out: (self.out)(),
        }
    }
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = self.redactor.redact(&String::from_utf8_lossy(record));
        self.out.write_all(text.as_str().as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::secret::Secret;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn log_records_hold_no_secrets() {
        let redactor = Redactor::default();
        let kept = Kept::default();
        let out = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(Redacting {
                redactor: redactor.clone(),
                out: move || out.clone(),
            })
            .finish();
        redactor.add(&Secret::new("hunter2"));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(token = "hunter2", "logged in with hunter2");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("logged in with ***"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
