//! The cluster guard: `[stack.cluster] allow` keeps a stack off every other cluster.

/// The cluster is none of those the stack allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{cluster} is not one this stack may touch: `allow` of [stack.cluster] has only {}",
    quoted(.allowed)
)]
pub struct Guarded {
    /// The cluster that was matched: context, if there is one, and server.
    pub cluster: String,
    /// The patterns it was matched against.
    pub allowed: Vec<String>,
}

fn quoted(patterns: &[String]) -> String {
    let quoted: Vec<_> = patterns
        .iter()
        .map(|pattern| format!("`{pattern}`"))
        .collect();
    quoted.join(", ")
}

/// Passes if the context or the server's URL matches one of the patterns, in which `*` stands for
/// any text. No patterns allow any cluster.
pub fn guard(patterns: &[String], context: Option<&str>, server: &str) -> Result<(), Guarded> {
    let server = server.trim_end_matches('/');
    let allows = |pattern: &String| {
        context.is_some_and(|context| matches(pattern, context))
            || matches(pattern.trim_end_matches('/'), server)
    };
    if patterns.is_empty() || patterns.iter().any(allows) {
        return Ok(());
    }
    let cluster = match context {
        Some(context) => format!("context `{context}` (server {server})"),
        None => format!("the cluster of server {server}"),
    };
    Err(Guarded {
        cluster,
        allowed: patterns.to_vec(),
    })
}

/// Whether the whole text matches the pattern.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("prod-*", "prod-eu", true),
            ("prod-*", "prod-", true),
            ("prod-*", "my-prod-eu", false),
            ("prod", "prod", true),
            ("prod", "prod2", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab", "aab", true),
            ("a*a", "a", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn context_or_server_must_match() {
        let allow = [
            "prod-*".to_owned(),
            "https://*.eks.amazonaws.com".to_owned(),
        ];
        assert_eq!(guard(&[], Some("x"), "https://s"), Ok(()));
        assert_eq!(guard(&allow, Some("prod-eu"), "https://s"), Ok(()));
        assert_eq!(
            guard(&allow, None, "https://a.gr7.eks.amazonaws.com/"),
            Ok(())
        );
        let error = guard(&allow, Some("kind"), "https://127.0.0.1:6443").unwrap_err();
        assert_eq!(
            error.to_string(),
            "context `kind` (server https://127.0.0.1:6443) is not one this stack may touch: \
             `allow` of [stack.cluster] has only `prod-*`, `https://*.eks.amazonaws.com`"
        );
    }
}
