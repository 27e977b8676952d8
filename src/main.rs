//! The stackctl binary: everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A stack is many small texts and tables: loading one of 10,000 charts takes about a quarter less time
/// than with glibc's allocator (`cargo bench --bench plan`, which uses this one, too).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // First: children are started by this very program, under another name (see `process`).
    stackctl::process::guard();
    stackctl::cli::run(std::env::args_os())
}
