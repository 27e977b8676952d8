//! What is found out about a failed chart before anything is rolled back.

use std::time::Duration;

use futures::StreamExt as _;

use super::{Context, StepError};
use crate::{
    cluster::{self, ObjectRef, Readiness, ready::readiness},
    release::manifest_objects,
};

/// Collecting never takes longer than this, whatever the API server does.
const DEADLINE: Duration = Duration::from_secs(20);

/// Objects looked at at once.
const AT_ONCE: usize = 8;

/// Lines shown at the terminal; the rest is in the run folder.
const SHOWN: usize = 10;

/// Looks at every object of the release that is not ready: conditions, pods, events of exactly
/// these objects. It can only add to what is known: its own troubles become a line of it.
pub(super) async fn collect(cx: &Context<'_>) {
    let lines = match tokio::time::timeout(DEADLINE, find_out(cx)).await {
        Ok(lines) => lines,
        Err(_) => vec![format!("the cluster did not tell more within {DEADLINE:?}")],
    };
    let lines: Vec<String> = lines
        .iter()
        .map(|line| cx.run.redactor.redact(line).into_string())
        .collect();
    if lines.is_empty() {
        return;
    }
    let file = format!("dossier-{}.txt", cx.chart.name);
    let mut shown: Vec<String> = lines.iter().take(SHOWN).cloned().collect();
    match cx
        .run
        .folder
        .write_file(&file, format!("{}\n", lines.join("\n")).as_bytes())
    {
        Ok(path) if lines.len() > SHOWN => {
            shown.truncate(SHOWN - 1);
            let more = lines.len() - shown.len();
            shown.push(format!("… {more} more lines in {}", path.display()));
        }
        Ok(_) => {}
        Err(error) => cx.warn(&error.to_string()),
    }
    cx.remember(|memory| memory.dossier = shown);
}

async fn find_out(cx: &Context<'_>) -> Vec<String> {
    let objects = match objects(cx).await {
        Ok(objects) => objects,
        Err(error) => return vec![format!("the release's objects could not be read: {error}")],
    };
    let looked_at = futures::stream::iter(objects)
        .map(|(object, hook)| async move {
            match cx.run.cluster.get(&object).await {
                // A hook that did its work may be deleted already.
                Ok(None) if hook => None,
                Ok(found) => match readiness(found.as_ref()) {
                    Readiness::Ready => None,
                    Readiness::Progressing(text) | Readiness::Failed(text) => Some((object, text)),
                },
                Err(error) => Some((object, error.to_string())),
            }
        })
        .buffered(AT_ONCE);
    let suspects: Vec<(ObjectRef, String)> =
        looked_at.filter_map(std::future::ready).collect().await;
    cluster::dossier(&cx.run.cluster.investigate(&suspects).await)
}

/// The objects of the newest revision, and whether each is a hook; none if no record was made.
async fn objects(cx: &Context<'_>) -> Result<Vec<(ObjectRef, bool)>, StepError> {
    let release = &cx.chart.release;
    let Some(last) = cx.run.releases.history(release).await?.pop() else {
        return Ok(Vec::new());
    };
    let Some(record) = cx.run.releases.get(release, last.revision).await? else {
        return Ok(Vec::new());
    };
    let mut objects = Vec::new();
    for found in manifest_objects(record.manifest(), &release.namespace)? {
        objects.push((found.object, false));
    }
    for hook in record.hooks() {
        for found in manifest_objects(&hook.manifest, &release.namespace)? {
            objects.push((found.object, true));
        }
    }
    Ok(objects)
}
