//! What is found out about a failed chart before anything is rolled back.
//!
//! What Helm, or whoever failed, said; of every object of the release that is not ready: why, its
//! pods and what they wrote, its events (`cluster`), and which of our values stand in it
//! (`appearing`). The most telling lines go to the terminal, all of it to the run folder.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use super::{Context, StepError, appearing::appearing, deploy, ready, words::in_words};
use crate::{
    cluster::{self, ObjectRef, Readiness, ready::readiness},
    release::{manifest_content, manifest_objects},
    stack::Leaf,
};

/// Collecting never takes longer than this, whatever the API server does.
const DEADLINE: Duration = Duration::from_secs(20);

/// Of that, to find the objects that are not ready.
const FINDING_SUSPECTS: Duration = Duration::from_secs(10);

/// Objects looked at at once.
const AT_ONCE: usize = 8;

/// Lines shown at the terminal; the rest is in the run folder.
const SHOWN: usize = 10;

/// Characters of a line shown at the terminal.
const LONGEST: usize = 300;

/// What was found out.
#[derive(Debug, Default)]
struct Dossier {
    /// Most telling first.
    lines: Vec<String>,
    /// The end of the containers' logs.
    logs: Vec<String>,
}

/// Finds out why, as far as the cluster tells. It can only add to what is known: its own troubles
/// become a line of it. `error` and `cause` are what is said of it already, and stand above it.
pub(super) async fn collect(cx: &Context<'_>, error: &str, cause: &[String]) {
    let clean = |line: &String| cx.run.redactor.redact(line).into_string();
    let looking = find_out(cx, Instant::now() + DEADLINE);
    // Who interrupts the run does not want to wait for this.
    let Ok(dossier) = ready::interruptible(cx, looking).await else {
        return;
    };
    let lines: Vec<String> = dossier.lines.iter().map(clean).collect();
    if lines.is_empty() {
        return;
    }
    let cause = cause.iter().map(|line| format!("  {line}"));
    let mut text: Vec<String> = std::iter::once(error.to_owned()).chain(cause).collect();
    text.push(String::new());
    text = text.iter().map(clean).collect();
    text.extend_from_slice(&lines);
    if !dossier.logs.is_empty() {
        text.push(String::new());
        text.extend(dossier.logs.iter().map(clean));
    }
    // The error stands right above them.
    let said = clean(&error.to_owned());
    let is_news = |line: &&String| {
        let (object, why) = line.split_once(": ").unwrap_or(("", line));
        !(said.contains(object) && said.contains(why))
    };
    let news = lines.iter().filter(is_news);
    let mut shown: Vec<String> = news.map(|line| cut(line)).collect();
    let file = format!("dossier-{}.txt", cx.chart.name);
    let text = format!("{}\n", text.join("\n"));
    match cx.run.folder.write_file(&file, text.as_bytes()) {
        Ok(path) if shown.len() > SHOWN || !dossier.logs.is_empty() => {
            shown.truncate(SHOWN - 1);
            shown.push(format!("… all of it is in {}", path.display()));
        }
        Ok(_) => {}
        Err(error) => {
            shown.truncate(SHOWN);
            cx.warn(&error.to_string());
        }
    }
    cx.remember(|memory| memory.dossier = shown);
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

async fn find_out(cx: &Context<'_>, until: Instant) -> Dossier {
    let only = |line: String| Dossier {
        lines: vec![line],
        ..Dossier::default()
    };
    let suspects = timeout_at(until - DEADLINE + FINDING_SUSPECTS, suspects(cx)).await;
    let (suspects, manifests) = match suspects {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return only(format!("the release's objects could not be read: {error}")),
        Err(_) => {
            return only(format!(
                "the cluster did not tell more within {}",
                in_words(FINDING_SUSPECTS)
            ));
        }
    };
    let mut findings = cx.run.cluster.investigate(&suspects, until).await;
    let values = timeout_at(until, values(cx)).await.unwrap_or_default();
    let namespace = &cx.chart.release.namespace;
    for finding in &mut findings {
        let content = manifests
            .iter()
            .find_map(|manifest| manifest_content(manifest, namespace, &finding.object));
        let note = content.and_then(|content| appearing(&values, &content));
        finding.notes.extend(note);
    }
    Dossier {
        lines: cluster::dossier(&findings),
        logs: cluster::log_lines(&findings),
    }
}

/// What the stack says of the chart's values, masked. What cannot be made any more is not told.
async fn values(cx: &Context<'_>) -> Vec<Leaf> {
    let Ok(scope) = deploy::scope(cx).await else {
        return Vec::new();
    };
    let environment = cx.run.stack.environment.as_ref();
    match cx.chart.values.explain(&scope, environment) {
        Ok(explained) => explained.masked(&cx.run.redactor).leaves(),
        Err(_) => Vec::new(),
    }
}

/// Objects that are not ready and why, and the manifests they come from.
type Suspects = (Vec<(ObjectRef, String)>, Vec<String>);

/// The objects of the newest revision that are not ready; none if no record was made.
async fn suspects(cx: &Context<'_>) -> Result<Suspects, StepError> {
    let release = &cx.chart.release;
    let Some(last) = cx.run.releases.history(release).await?.pop() else {
        return Ok(Suspects::default());
    };
    let Some(record) = cx.run.releases.get(release, last.revision).await? else {
        return Ok(Suspects::default());
    };
    let mut manifests = vec![record.manifest().to_owned()];
    manifests.extend(record.hooks().iter().map(|hook| hook.manifest.clone()));
    let mut objects = Vec::new();
    for (index, manifest) in manifests.iter().enumerate() {
        let found = manifest_objects(manifest, &release.namespace)?;
        objects.extend(found.into_iter().map(|found| (found.object, index > 0)));
    }
    let looked_at = futures::stream::iter(objects)
        .map(|(object, hook)| async move {
            match cx.run.cluster.get(&object).await {
                // A hook that did its work may be deleted already.
                Ok(None) if hook => None,
                Ok(found) => match readiness(found.as_ref()) {
                    Readiness::Ready => None,
                    Readiness::Progressing(text) | Readiness::Failed(text) => {
                        Some((found.is_none(), (object, text)))
                    }
                },
                Err(error) => Some((false, (object, error.to_string()))),
            }
        })
        .buffered(AT_ONCE);
    let mut suspects: Vec<_> = looked_at.filter_map(std::future::ready).collect().await;
    // Where Helm itself failed, those that are absent were not made any more: a consequence.
    suspects.sort_by_key(|(is_absent, _)| *is_absent);
    let suspects = suspects.into_iter().map(|(_, suspect)| suspect);
    Ok((suspects.collect(), manifests))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        cluster::testing::{Answer, Call},
        lifecycle::testing::{Lab, Ran},
        shutdown::{Level, Reason},
    };

    /// What the step that fails may take.
    const STEP: Duration = Duration::from_secs(2);

    /// Helm's record of a release of one pod.
    fn record() -> Value {
        let manifest = "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\n\
                        spec: { containers: [{ name: app, image: 'web:1.2', args: [hunter2] }] }\n";
        let release = json!({ "name": "web", "namespace": "shop", "version": 1,
                              "info": { "status": "deployed" }, "manifest": manifest });
        let data = STANDARD.encode(STANDARD.encode(release.to_string()));
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": { "name": "sh.helm.release.v1.web.v1", "namespace": "shop", "labels": {
                "owner": "helm", "name": "web", "status": "deployed", "version": "1" } },
            "data": { "release": data },
        })
    }

    fn pod() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "web", "namespace": "shop", "uid": "u" },
            "status": { "phase": "Running", "containerStatuses": [{
                "name": "app", "restartCount": 6,
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                "lastState": { "terminated": { "exitCode": 2, "reason": "Error" } },
            }] },
        })
    }

    fn events() -> Answer {
        let event = |number: usize| {
            json!({ "type": "Warning", "reason": format!("Reason{number}"), "message": "words",
                    "involvedObject": { "kind": "Pod", "name": "web", "uid": "u" } })
        };
        Answer::json(&json!({ "items": (0..9).map(event).collect::<Vec<_>>() }))
    }

    fn lab(answers: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static) -> Lab {
        Lab::new(&[record(), pod()])
            .input("password", "hunter2".into(), true)
            .diagnosed()
            .answers(move |call, _| answers(call))
    }

    async fn failed(lab: Lab) -> Ran {
        lab.run(
            r#"
            values = { image = { tag = "1.2" }, password = "${inputs.password}" }
            [[charts.web.pre]]
            timeout = "1s"
            equals = { kind = "pod", object = "web", field = "status.phase", value = "${inputs.password}" }
            "#,
        )
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn ten_lines_are_shown_and_all_of_it_is_kept_without_secrets() {
        let server = lab(|call| {
            let path = call.path.split('?').next().unwrap_or_default();
            match path.rsplit('/').next() {
                Some("events") => Some(events()),
                Some("log") => {
                    let mut log: Vec<String> = (1..=19).map(|n| format!("line {n}")).collect();
                    log.push("no database at db:5432 with hunter2".to_owned());
                    Some(Answer::Body(200, log.join("\n").into_bytes()))
                }
                _ => None,
            }
        });
        let ran = failed(server).await;
        let shown = ran.result.unwrap_err().dossier;
        assert_eq!(
            shown[1..6],
            [
                "Pod/web: container app: CrashLoopBackOff, exit code 2 (Error), 6 restarts",
                "Pod/web: log of app: line 18",
                "Pod/web: log of app: line 19",
                "Pod/web: log of app: no database at db:5432 with ***",
                "Pod/web: values that appear in it: image.tag = 1.2 (stack.toml:9)",
            ]
        );
        assert_eq!(shown.len(), 10, "{shown:#?}");
        assert!(shown[9].contains("dossier-web.txt"), "{shown:#?}");
        for text in ["*** is wanted", "line 1\n", "line 19\n", "Reason8"] {
            assert!(ran.dossier.contains(text), "{text} in {}", ran.dossier);
        }
        assert!(!ran.dossier.contains("hunter2"), "{}", ran.dossier);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_tell_neither_holds_the_run_up_nor_hides_the_cause() {
        let ran = failed(lab(|_| Some(Answer::Hang))).await;
        assert!(ran.took <= DEADLINE + STEP, "{:?}", ran.took);
        let failure = ran.result.unwrap_err();
        assert_eq!(failure.step, "pre/equals");
        assert_eq!(
            failure.dossier,
            ["the cluster did not tell more within 10s"]
        );

        // What is known already is told.
        let ran = failed(lab(|call| {
            let late = call.path.contains("/events") || call.path.contains("/log");
            late.then_some(Answer::Hang)
        }))
        .await;
        assert!(ran.took <= DEADLINE + STEP, "{:?}", ran.took);
        let shown = ran.result.unwrap_err().dossier.join("\n");
        assert!(shown.contains("CrashLoopBackOff"), "{shown}");
        assert!(shown.contains("image.tag = 1.2"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupted_run_does_not_wait_for_it() {
        let lab = lab(|_| Some(Answer::Hang));
        let trigger = lab.trigger();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            trigger.raise(Level::Terminate, Reason::Interrupt);
        });
        let ran = failed(lab).await;
        assert_eq!(ran.took.as_secs(), 5);
        let failure = ran.result.unwrap_err();
        assert!(!failure.cancelled, "{failure:?}");
        assert_eq!(failure.step, "pre/equals");
    }
}
