//! The stackctl binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First: children are started by this very program, under another name (see `process`).
    stackctl::process::guard();
    stackctl::cli::run(std::env::args_os())
}
