//! Parsers of flag values: `k=v`, `CHART:path=v`, `CHART=FILE`, durations.

use std::{path::PathBuf, time::Duration};

use super::settings::{
    ChartValue, ChartValuesFile, Failure, FailurePolicy, InputValue, SandboxDir,
};
use crate::{
    name::{ChartName, RunId, parse_version},
    run::{FaultKind, Rehearsal},
};

/// `--input NAME=VALUE`.
pub(super) fn input(text: &str) -> Result<InputValue, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(InputValue {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("expected NAME=VALUE, such as `region=eu`".to_owned()),
    }
}

/// `--set CHART:PATH=VALUE`. The path ends at the first `=` without a backslash before it, as in
/// Helm's own `--set`.
pub(super) fn chart_value(text: &str) -> Result<ChartValue, String> {
    let expected = || "expected CHART:PATH=VALUE, such as `web:replicas=3`".to_owned();
    let (chart, edit) = text.split_once(':').ok_or_else(expected)?;
    let equals = unescaped_equals(edit).ok_or_else(expected)?;
    let (path, value) = (&edit[..equals], &edit[equals + 1..]);
    if path.is_empty() {
        return Err(expected());
    }
    Ok(ChartValue {
        chart: chart_name(chart)?,
        path: path.to_owned(),
        value: value.to_owned(),
    })
}

fn unescaped_equals(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'=' if !escaped => return Some(index),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// `--values CHART=FILE`.
pub(super) fn chart_values_file(text: &str) -> Result<ChartValuesFile, String> {
    match text.split_once('=') {
        Some((chart, file)) if !file.is_empty() => Ok(ChartValuesFile {
            chart: chart_name(chart)?,
            file: PathBuf::from(file),
        }),
        _ => Err("expected CHART=FILE, such as `web=values/web.yaml`".to_owned()),
    }
}

/// A chart's name.
pub(super) fn chart_name(text: &str) -> Result<ChartName, String> {
    ChartName::new(text).map_err(|error| error.to_string())
}

/// `lock release --run ID`.
pub(super) fn run_id(text: &str) -> Result<RunId, String> {
    RunId::new(text).map_err(|error| error.to_string())
}

/// `--concurrency`.
pub(super) fn concurrency(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "expected a whole number of Helm processes, 0 for no limit".to_owned())
}

/// `--failure-policy`.
pub(super) fn failure_policy(text: &str) -> Result<FailurePolicy, String> {
    match text {
        "stop" => Ok(FailurePolicy::Stop),
        "continue" => Ok(FailurePolicy::Continue),
        "rollback" => Ok(FailurePolicy::Rollback),
        _ => Err("expected `stop`, `continue` or `rollback`".to_owned()),
    }
}

/// `--kube-version`.
pub(super) fn kube_version(text: &str) -> Result<String, String> {
    match parse_version(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected a Kubernetes version such as `1.33` or `v1.33.2`".to_owned()),
    }
}

/// `--sandbox=DIR`; from the environment also as a switch.
pub(super) fn sandbox(text: &str) -> Result<SandboxDir, String> {
    Ok(SandboxDir(match text {
        "" => return Err("it must be a folder".to_owned()),
        "0" | "false" => None,
        "1" | "true" => Some(Rehearsal::DIR.into()),
        dir => Some(dir.into()),
    }))
}

/// `--rehearse-fail CHART=KIND`.
pub(super) fn failure(text: &str) -> Result<Failure, String> {
    let (chart, kind) = text.split_once('=').ok_or("it must be CHART=KIND")?;
    let kind = match kind {
        "crashloop" => FaultKind::CrashLoop,
        "image-pull" => FaultKind::ImagePull,
        "hook" => FaultKind::Hook,
        "never-ready" => FaultKind::NeverReady,
        "api-500" => FaultKind::Api500,
        other => {
            return Err(format!(
                "`{other}` is none of crashloop, image-pull, hook, never-ready, api-500"
            ));
        }
    };
    Ok(Failure {
        chart: chart_name(chart)?,
        kind,
    })
}

/// A duration as Helm writes it (`90s`, `5m`, `1h30m`), or a number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as `90s`, `5m` or `1h30m`".to_owned();
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration: jiff::SignedDuration = text.parse().map_err(|_| expected())?;
    Duration::try_from(duration).map_err(|_| expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_splits_at_its_first_equals_sign() {
        for (text, name, value) in [("a=b", "a", "b"), ("a=b=c", "a", "b=c"), ("a=", "a", "")] {
            let got = input(text).unwrap();
            assert_eq!((got.name.as_str(), got.value.as_str()), (name, value));
        }
        assert!(input("a").is_err());
        assert!(input("=b").is_err());
    }

    #[test]
    fn a_set_names_chart_path_and_value() {
        for (text, chart, path, value) in [
            ("web:a.b=1", "web", "a.b", "1"),
            ("web:a=x:y=z", "web", "a", "x:y=z"),
            (r"web:a\=b=c", "web", r"a\=b", "c"),
            (r"web:a\\=c", "web", r"a\\", "c"),
            ("web:list[0].c=", "web", "list[0].c", ""),
        ] {
            let got = chart_value(text).unwrap();
            assert_eq!(got.chart.as_str(), chart);
            assert_eq!((got.path.as_str(), got.value.as_str()), (path, value));
        }
        for bad in ["a.b=1", "web:a", "web:=1", "Web:a=1", ":a=1"] {
            assert!(chart_value(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_values_file_belongs_to_a_chart() {
        let got = chart_values_file("web=a=b.yaml").unwrap();
        assert_eq!(got.chart.as_str(), "web");
        assert_eq!(got.file, PathBuf::from("a=b.yaml"));
        for bad in ["web", "web=", "=x.yaml"] {
            assert!(chart_values_file(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_helms_or_seconds() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("5m", 300),
            ("1h30m", 5400),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "-5s", "five", "5x", "-1"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
