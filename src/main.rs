//! The stackctl binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stackctl::cli::run(std::env::args_os())
}
