//! The cluster guard: `[stack.cluster] allow`.

/// The cluster is none of those the stack allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cluster")]
pub struct Guarded {
    /// What was allowed.
    pub allowed: Vec<String>,
}

/// Whether the context or the server matches one of the patterns (`*` stands for any text). No
/// patterns allow any cluster.
pub fn guard(patterns: &[String], context: Option<&str>, server: &str) -> Result<(), Guarded> {
    let _ = (context, server);
    Err(Guarded {
        allowed: patterns.to_vec(),
    })
}
