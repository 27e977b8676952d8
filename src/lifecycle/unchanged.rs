//! What a release would be made of, and what is left to do to one that is there.
//!
//! A run compares both before it starts (design, "Unchanged"), and a chart of which too little was
//! known then, when its turn comes. What tells is on the release's own record: labels that were
//! written through Helm with the revision, and one that we set when all was done.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Context, StepError, deploy, outputs};
use crate::{
    chart,
    cluster::{Cluster, ClusterError, ServerVersion},
    digest::{Digest, Digests, Done, Hasher, Short},
    lock::Verdict,
    name::{Action, Direction, ReleaseStatus, parse_version},
    plan::{self, Contents, Desired, ObservedRelease, Wanted},
    release::Revision,
    stack::{self, Scope, Stack, Template},
};

/// What a release is made of beside what the stack and the chart say.
#[derive(Debug, Clone)]
pub struct Setting {
    /// `1.37`.
    pub kubernetes: String,
    /// What the cluster serves; `None` if no chart asks.
    pub served: Option<BTreeSet<String>>,
}

impl Setting {
    /// Asks the cluster, of this version, as far as charts do.
    pub async fn of<'c>(
        cluster: &Cluster,
        version: &ServerVersion,
        mut charts: impl Iterator<Item = &'c chart::Chart>,
    ) -> Result<Self, ClusterError> {
        let asks = |chart: &chart::Chart| chart.asked_apis != chart::AskedApis::default();
        Ok(Self {
            kubernetes: format!("{}.{}", version.major, version.minor),
            served: if charts.any(asks) {
                Some(cluster.served().await?)
            } else {
                None
            },
        })
    }
}

/// What the release of a chart would be made of, with these values (all of them, merged). `at_hand`
/// is what is known without running commands: what these print in steps does not count, since a
/// plan could not tell.
pub fn digests(
    stack: &Stack,
    entry: &stack::Chart,
    chart: &chart::Chart,
    values: &Value,
    at_hand: &Scope,
    setting: &Setting,
) -> Digests {
    let served = setting.served.iter().flatten();
    let asked = &chart.asked_apis;
    let told: Vec<&String> = served
        .filter(|name| asked.any || asked.named.contains(*name))
        .collect();
    let namespace = stack.namespaces.get(&entry.release.namespace);
    Digests {
        chart: chart.digest.clone(),
        values: Digest::of(values.to_string().as_bytes()).short(),
        setting: short(&[
            &stack.name,
            &stack.environment.as_ref().map_or("", |name| name.as_str()),
            &entry.release,
            &setting.kubernetes,
            &json!(told),
            &json!(entry.post_renderer.as_ref().map(|said| &said.words)),
        ]),
        around: short(&[
            &expanded(&entry.steps.said, at_hand),
            &json!(namespace.map(|spec| (&spec.labels, &spec.annotations))),
        ]),
    }
}

fn short(fields: &[&dyn ToString]) -> Short {
    let mut hasher = Hasher::default();
    for field in fields {
        hasher.field(&field.to_string());
    }
    hasher.finish().short()
}

/// The steps with what their texts refer to, as far as it is known: another value is another step.
fn expanded(said: &Value, scope: &Scope) -> Value {
    match said {
        Value::String(text) => {
            let template = Template::parse(text).ok();
            let expanded = template.and_then(|template| template.expand(scope).ok());
            expanded.map_or_else(|| said.clone(), |expanded| expanded.text.into())
        }
        Value::Array(items) => items.iter().map(|item| expanded(item, scope)).collect(),
        Value::Object(table) => table
            .iter()
            .map(|(key, value)| (key.clone(), expanded(value, scope)))
            .collect(),
        other => other.clone(),
    }
}

/// What is known of what a release would be made of, to be compared.
pub fn wanted(entry: &stack::Chart, chart: &chart::Chart, digests: Digests) -> Wanted {
    match entry.skip_unchanged {
        Some(false) => Wanted::Always("`skip_unchanged = false`"),
        None if chart.looks_up => {
            Wanted::Always("its templates look at objects of the cluster (`lookup`)")
        }
        _ => Wanted::Known {
            digests,
            changed_values: Vec::new(),
        },
    }
}

/// What the marks of a revision tell, if nobody is at work on it.
pub fn observed(revision: &Revision) -> ObservedRelease {
    let marks = &revision.marks;
    let mut observed = ObservedRelease {
        revision: revision.revision,
        status: revision.status,
        marks: plan::Marks {
            stack: marks.stack.clone(),
            run: marks.run.clone(),
            revision: marks.revision,
            digest: marks.digest.clone(),
            done: marks.done.clone(),
        },
        chart_version: None,
        created: revision.created,
        verdict: Verdict::Free,
    };
    if observed.marks_hold() {
        observed.chart_version = marks.chart_version.as_deref().and_then(parse_version);
    }
    observed
}

/// What this chart's release is made of now; `None` if some of its values are not known.
pub(super) async fn of(cx: &Context<'_>) -> Result<Option<Digests>, StepError> {
    let entry = cx.chart;
    let Some(chart) = cx.opened() else {
        return Ok(None);
    };
    let Ok(values) = entry.values.merged(&*deploy::scope(cx).await?) else {
        return Ok(None);
    };
    let run = cx.run;
    let setting = Setting::of(&run.cluster, &run.version, std::iter::once(chart)).await?;
    let digests = digests(&run.stack, entry, chart, &values, &run.at_hand, &setting);
    Ok(Some(digests))
}

/// What is done to a chart of which the plan knew too little.
pub(super) async fn settle(cx: &Context<'_>) -> Result<Action, StepError> {
    if outputs::are_used(cx) {
        outputs::read(cx).await?;
    }
    let (digests, chart) = match (of(cx).await?, cx.opened()) {
        (Some(digests), Some(chart)) => (digests, chart),
        // Its own `pre` steps tell: compared after them.
        (None, Some(_)) => {
            cx.remember(|memory| memory.is_open = true);
            return Ok(Action::Upgrade);
        }
        (_, None) => return Ok(Action::Upgrade),
    };
    let history = cx.run.releases.history(&cx.chart.release).await?;
    let contents = Contents {
        version: Some(chart.version.to_string()),
        wanted: wanted(cx.chart, chart, digests),
        ..Contents::default()
    };
    let desired = Desired {
        chart: cx.chart,
        contents: Some(&contents),
        // The plan would not have left it open.
        anew: None,
    };
    let release = history.last().map(observed);
    let (action, reason) = desired.decide(Direction::Up, release.as_ref());
    cx.status(&format!("{action}: {reason}"));
    Ok(action)
}

/// What an earlier run did to a chart that it did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    /// What its steps are told: an install or an upgrade.
    pub(super) action: Action,
    /// The `post` steps have run.
    pub(super) posted: bool,
}

pub(super) async fn left(cx: &Context<'_>) -> Result<Left, StepError> {
    let history = cx.run.releases.history(&cx.chart.release).await?;
    let Some(newest) = history.last() else {
        let message = format!(
            "release {} is gone since the plan was made",
            cx.chart.release
        );
        return Err(StepError::new(message));
    };
    let done = newest.marks.done.as_ref();
    Ok(Left {
        action: match newest.revision {
            1 => Action::Install,
            _ => Action::Upgrade,
        },
        posted: done.is_some_and(|done| done.revision == newest.revision),
    })
}

/// The revision that is made of just this already, if it was not known before the `pre` steps.
pub(super) fn is_there(cx: &Context<'_>, last: &Revision, digests: Option<&Digests>) -> bool {
    let may_skip = cx.opened().is_some_and(|chart| {
        let unknown = digests.map(|digests| wanted(cx.chart, chart, digests.clone()));
        matches!(unknown, Some(Wanted::Known { .. }))
    });
    let ours = last.marks.revision == Some(last.revision);
    let same = last.marks.digest.as_ref() == digests;
    cx.memory().is_open && may_skip && ours && same && last.status == ReleaseStatus::Deployed
}

/// Says on the record how far the chart has come. If that fails, the next run does it again.
pub(super) async fn mark(cx: &Context<'_>, validated: bool) {
    if let Err(error) = try_to_mark(cx, validated).await {
        cx.warn(&format!(
            "it could not be marked as done, and is validated again next time: {error}"
        ));
    }
}

/// Only a revision of ours is marked: when somebody else made another one meanwhile, the next run
/// will see that.
async fn try_to_mark(cx: &Context<'_>, validated: bool) -> Result<(), StepError> {
    let release = &cx.chart.release;
    let history = cx.run.releases.history(release).await?;
    let newest = history.last();
    let ours = newest.filter(|newest| newest.marks.revision == Some(newest.revision));
    let Some((revision, digests)) = ours.and_then(|it| Some((it, it.marks.digest.as_ref()?)))
    else {
        return Ok(());
    };
    let done = Done {
        revision: revision.revision,
        around: digests.around.clone(),
        validated,
    };
    if revision.marks.done.as_ref() == Some(&done) {
        return Ok(());
    }
    cx.run.releases.mark_done(release, revision, &done).await?;
    Ok(())
}
