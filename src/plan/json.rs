//! A plan for programs.
use super::Plan;

/// The plan as one JSON document, indented.
pub fn json(plan: &Plan) -> String {
    let _ = plan;
    todo!()
}
