//! The stackctl binary: everything is in the library.

fn main() {
    stackctl::process::guard();
}
