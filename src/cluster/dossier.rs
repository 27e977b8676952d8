//! Turns findings into lines, most telling first.

use super::Finding;

/// All lines, most telling first: the caller shows as many as it has room for.
pub fn dossier(findings: &[Finding]) -> Vec<String> {
    let _ = findings;
    todo!()
}
