//! Who each chart is: its name and its release.

use std::collections::HashMap;

use crate::{
    name::{ChartName, InvalidName, Namespace, ReleaseId, ReleaseName},
    stack::{
        findings::{Finding, Findings},
        layers::origin::Text,
        raw::chart::RawChart,
        validate::known::Known,
    },
};

/// Where charts go if neither they nor `[defaults]` say.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// A chart's own names.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) name: ChartName,
    pub(crate) release: ReleaseId,
}

/// The identities of all enabled charts, by position; `None` if disabled or reported.
pub(crate) fn identities(
    charts: &[RawChart<'_>],
    known: &Known<'_>,
    f: &mut Findings,
) -> Vec<Option<Identity>> {
    let mut owners: HashMap<ReleaseId, &RawChart<'_>> = HashMap::new();
    let mut identities = Vec::with_capacity(charts.len());
    for chart in charts {
        let identity = if chart.enabled {
            identity(chart, known, f)
        } else {
            None
        };
        if let Some(identity) = &identity
            && let Some(first) = owners.insert(identity.release.clone(), chart)
            && !is_default(first, chart)
        {
            f.add(twice(first, chart, &identity.release));
        }
        identities.push(identity);
    }
    identities
}

/// Reports a name that is not valid.
pub(crate) fn check<T>(
    name: Result<T, InvalidName>,
    kind: &str,
    said: Text<'_>,
    f: &mut Findings,
) -> Option<T> {
    name.map_err(|error| {
        let message = format!("{kind} `{}` is not valid", said.value);
        f.add(Finding::error(message).at(said.origin, error.reason()));
    })
    .ok()
}

/// A namespace of the file.
pub(crate) fn namespace(said: Text<'_>, known: &Known<'_>, f: &mut Findings) -> Option<Namespace> {
    let text = known.now(said, f)?;
    check(Namespace::new(&text.value), "namespace", text.text(), f)
}

fn identity(chart: &RawChart<'_>, known: &Known<'_>, f: &mut Findings) -> Option<Identity> {
    let name = check(
        ChartName::new(chart.name.value),
        "chart name",
        chart.name,
        f,
    );
    let namespace = match chart.namespace {
        Some(said) => namespace(said, known, f),
        None => Namespace::new(DEFAULT_NAMESPACE).ok(),
    };
    let release = match chart.release {
        Some(said) => known.now(said, f).and_then(|text| {
            check(
                ReleaseName::new(&text.value),
                "release name",
                text.text(),
                f,
            )
        }),
        // Every chart name is a valid release name.
        None => ReleaseName::new(name.as_ref()?.as_str()).ok(),
    };
    Some(Identity {
        name: name?,
        release: ReleaseId {
            namespace: namespace?,
            name: release?,
        },
    })
}

/// A release from `[defaults]`, which is reported there.
fn is_default(first: &RawChart<'_>, second: &RawChart<'_>) -> bool {
    let origin = |chart: &RawChart| chart.release.map(|said| said.origin);
    origin(first).is_some() && origin(first) == origin(second)
}

fn twice(first: &RawChart<'_>, second: &RawChart<'_>, release: &ReleaseId) -> Finding {
    let place = |chart: &RawChart| {
        let said = chart.release.or(chart.namespace);
        said.unwrap_or(chart.name).origin
    };
    let (one, two) = (first.name.value, second.name.value);
    Finding::error(format!(
        "charts `{one}` and `{two}` are the same release `{release}`"
    ))
    .at(place(second), format!("`{two}`"))
    .at(place(first), format!("`{one}`"))
    .help("give one of them another `release` or `namespace`")
}
