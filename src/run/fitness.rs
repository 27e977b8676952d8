//! What charts ask of Helm that the Helm of this run cannot do.

use super::Problem;
use crate::{
    helm::{Helm, Major},
    stack::{ApplyMode, Chart},
};

/// One problem per key that would mean nothing. Where Helm 3 always wins (`force_conflicts`), the
/// key is no promise that it breaks.
pub(super) fn problems<'e>(entries: impl Iterator<Item = &'e Chart>, helm: &Helm) -> Vec<Problem> {
    if helm.major != Major::V3 {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for entry in entries {
        let mut problem = |key: &str, wanted: &str| {
            problems.push(Problem {
                chart: Some(entry.name.clone()),
                message: format!("`{key}` needs {wanted}, and this is Helm {}", helm.version),
                hint: Some("install it, or name another Helm with --helm-binary".to_owned()),
            });
        };
        // What Helm 3 learned when (helm.md section 3).
        let apply = entry.apply;
        for (key, minor, is_said) in [
            ("take_ownership", 17, apply.take_ownership),
            ("skip_schema_validation", 16, apply.skip_schema_validation),
        ] {
            if is_said && helm.version.minor < minor {
                problem(key, &format!("Helm 3.{minor} or later"));
            }
        }
        if let ApplyMode::ServerSide {
            force_conflicts: false,
        } = entry.apply.mode
        {
            problem("server_side = true", "Helm 4");
        }
    }
    problems
}
