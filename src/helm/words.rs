//! Helm's own words of an error, without the noise around them.

/// Lines kept when helm does not say which of its lines is the error (it crashed, say).
const MOST_LINES: usize = 40;

/// What helm writes before the error itself.
const PREFIXES: [&str; 3] = ["Error: ", "UPGRADE FAILED: ", "INSTALLATION FAILED: "];

/// The error in helm's standard error, line by line: from `Error:` on, without log lines (Helm 4
/// logs an error before it prints it), blank lines and needless prefixes. Without an `Error:` it
/// is the end of all that is not log.
pub fn words(stderr: &str) -> Vec<String> {
    let lines: Vec<&str> = stderr.lines().collect();
    let error = lines.iter().position(|line| line.starts_with(PREFIXES[0]));
    let told: Vec<&str> = lines[error.unwrap_or(0)..]
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty() && !is_noise(line))
        .collect();
    let start = match error {
        Some(_) => 0,
        None => told.len().saturating_sub(MOST_LINES),
    };
    let mut words: Vec<String> = told[start..].iter().map(|&line| line.to_owned()).collect();
    if let Some(first) = words.first_mut() {
        *first = without_prefixes(first).to_owned();
    }
    words
}

fn without_prefixes(mut line: &str) -> &str {
    for prefix in PREFIXES {
        line = line.strip_prefix(prefix).unwrap_or(line);
    }
    line
}

/// What is not part of an error. Log lines of Helm 4 (`level=WARN msg=…`), Helm 3 with `--debug`, and Kubernetes' client
/// (`W1122 17:00:53.360359   17297 warnings.go:107] …`), and
/// advice to people who call helm themselves.
fn is_noise(line: &str) -> bool {
    line.starts_with("level=")
        || line.contains(" [debug] ")
        || line.starts_with("WARNING: ")
        || line == "Use --debug flag to render out invalid YAML"
        || (line.starts_with("Release \"") && line.ends_with("Installing it now."))
        || is_client_log(line)
}

fn is_client_log(line: &str) -> bool {
    let (head, _) = line.split_once(' ').unwrap_or((line, ""));
    head.len() == 5
        && head.starts_with(['I', 'W', 'E', 'F'])
        && head.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_words_and_loses_the_noise() {
        let cases: [(&str, &[&str]); 8] = [
            (
                "Error: UPGRADE FAILED: pre-upgrade hooks failed: 1 error occurred:\n\t* job r-ok-hook failed: BackoffLimitExceeded\n\n\n",
                &[
                    "pre-upgrade hooks failed: 1 error occurred:",
                    "* job r-ok-hook failed: BackoffLimitExceeded",
                ],
            ),
            (
                "level=WARN msg=\"upgrade failed\" name=r-wl error=\"resource Deployment/ns/r-wl not ready. status: InProgress, message: Available: 0/1\\ncontext deadline exceeded\"\nError: UPGRADE FAILED: resource Deployment/ns/r-wl not ready. status: InProgress, message: Available: 0/1\ncontext deadline exceeded\n",
                &[
                    "resource Deployment/ns/r-wl not ready. status: InProgress, message: Available: 0/1",
                    "context deadline exceeded",
                ],
            ),
            (
                "I1122 17:00:53.360359   17297 warnings.go:107] \"Warning: unknown field \\\"spec.bogus\\\"\"\nError: context canceled\n",
                &["context canceled"],
            ),
            (
                "history.go:56: 2026-11-22 17:00:53 [debug] getting history for release web\nRelease \"web\" does not exist. Installing it now.\nError: INSTALLATION FAILED: cannot re-use a name that is still in use\nhelm.go:84: 2026-11-22 17:00:54 [debug] cannot re-use a name\n",
                &["cannot re-use a name that is still in use"],
            ),
            (
                "Error: execution error at (web/x.yaml:1:3): a name is required\n\nUse --debug flag to render out invalid YAML\n",
                &["execution error at (web/x.yaml:1:3): a name is required"],
            ),
            (
                "WARNING: Kubernetes configuration file is group-readable.\npanic: boom\n\ngoroutine 1 [running]:\n",
                &["panic: boom", "goroutine 1 [running]:"],
            ),
            ("level=INFO msg=\"all well\"\n", &[]),
            ("", &[]),
        ];
        for (stderr, expected) in cases {
            assert_eq!(words(stderr), expected, "{stderr}");
        }
    }

    #[test]
    fn a_crash_is_not_kept_whole() {
        let lines: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        let words = words(&lines.join("\n"));
        assert_eq!(words.len(), MOST_LINES);
        assert_eq!(words.last().map(String::as_str), Some("line 999"));
    }
}
