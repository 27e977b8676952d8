//! A plan for people.
use super::Plan;

/// The plan as text.
pub fn text(plan: &Plan) -> String {
    let _ = plan;
    todo!()
}
