//! Label selectors, as the API server reads them (`k8s.io/apimachinery/pkg/labels`).

/// What is wrong with a selector, in words.
pub(super) fn check(text: &str) -> Result<(), String> {
    split(text)?.into_iter().try_for_each(requirement)
}

/// Splits at the commas that are not within brackets.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let mut parts = Vec::new();
    let (mut from, mut depth) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if !(0..=1).contains(&depth) {
            return Err("its brackets do not match".to_owned());
        }
    }
    if depth != 0 {
        return Err("its brackets do not match".to_owned());
    }
    parts.push(&text[from..]);
    Ok(parts)
}

fn requirement(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("there is nothing between two commas".to_owned());
    }
    if let Some(name) = text.strip_prefix('!') {
        return key(name);
    }
    if let Some(open) = text.find('(') {
        let (head, set) = text.split_at(open);
        let mut words = head.split_whitespace();
        let (name, operator) = (words.next().unwrap_or(""), words.next());
        if !matches!(operator, Some("in" | "notin")) || words.next().is_some() {
            return Err("a list goes with `in` and `notin`".to_owned());
        }
        let values = set.trim_start_matches('(').strip_suffix(')');
        let values = values.ok_or("there is something behind a bracket")?;
        key(name)?;
        return values.split(',').try_for_each(|one| value(one.trim()));
    }
    let operator = ["==", "!=", "="].into_iter().find(|one| text.contains(one));
    match operator.and_then(|operator| text.split_once(operator)) {
        Some((name, wanted)) => {
            key(name.trim())?;
            value(wanted.trim())
        }
        None => key(text),
    }
}

/// A label's name, with an optional prefix.
fn key(text: &str) -> Result<(), String> {
    let text = text.trim();
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    if name.is_empty() || text.matches('/').count() > 1 || !text.chars().all(allowed_in_key) {
        return Err(format!("`{text}` is not the name of a label"));
    }
    Ok(())
}

fn value(text: &str) -> Result<(), String> {
    if text.len() > 63 || !text.chars().all(allowed) {
        return Err(format!("`{text}` is not the value of a label"));
    }
    Ok(())
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn allowed_in_key(c: char) -> bool {
    allowed(c) || c == '/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_kubernetes_reads_them() {
        for text in [
            "app=web",
            "app==web, tier != base",
            "a.b/c=d",
            "qovery-type in (high, standard),x",
            "env notin (a)",
            "!legacy",
            "app=",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "app=web,",
            "app=we b",
            "=web",
            "app in web",
            "app in (a",
            "app of (a)",
            "app in (a) b",
            "a/b/c=d",
            "app: web",
            "app=a=b",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
