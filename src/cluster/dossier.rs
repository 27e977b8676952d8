//! Turns findings into lines, most telling first. Pure.

use super::{ContainerState, EventLine, Finding, PodState};

/// All lines, most telling first, for the caller to show as many as it has room for: what is wrong
/// with each object, what its containers say, warnings (newest first), conditions, the rest.
pub fn dossier(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(
        findings
            .iter()
            .map(|finding| format!("{}: {}", finding.object, finding.why)),
    );
    lines.extend(findings.iter().flat_map(pods));
    let events = |warning: bool| {
        let all = findings
            .iter()
            .flat_map(|finding| finding.events.iter().rev());
        all.filter(move |event| event.warning == warning).map(event)
    };
    lines.extend(events(true));
    for finding in findings {
        let condition = |text: &String| format!("{}: condition {text}", finding.object);
        lines.extend(finding.conditions.iter().map(condition));
    }
    for finding in findings {
        let unread = |text: &String| format!("{}: could not be read: {text}", finding.object);
        lines.extend(finding.unread.iter().map(unread));
    }
    lines.extend(events(false));
    let mut seen = std::collections::HashSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    lines
}

/// Pods with the same complaint are one line.
fn pods(finding: &Finding) -> Vec<String> {
    let mut complaints: Vec<(String, Vec<&str>)> = Vec::new();
    for pod in finding.pods.iter().filter(|pod| !pod.ready) {
        for complaint in pod_complaints(pod) {
            match complaints.iter_mut().find(|(known, _)| *known == complaint) {
                Some((_, names)) => names.push(&pod.name),
                None => complaints.push((complaint, vec![&pod.name])),
            }
        }
    }
    let line = |(complaint, names): (String, Vec<&str>)| match &names[..] {
        [first, rest @ ..] if !rest.is_empty() => {
            format!("Pod/{first} and {} more: {complaint}", rest.len())
        }
        names => format!("Pod/{}: {complaint}", names.concat()),
    };
    complaints.into_iter().map(line).collect()
}

fn pod_complaints(pod: &PodState) -> Vec<String> {
    let mut complaints: Vec<_> = pod.containers.iter().filter_map(container).collect();
    complaints.extend(pod.message.iter().map(|message| one_line(message)));
    if complaints.is_empty() && pod.phase != "Succeeded" {
        complaints.push(format!("{}, not ready", pod.phase));
    }
    complaints
}

fn container(state: &ContainerState) -> Option<String> {
    let mut parts = Vec::new();
    if let Some((reason, message)) = &state.waiting {
        // Every container of a pod that just starts says so.
        if matches!(reason.as_str(), "ContainerCreating" | "PodInitializing")
            && state.exit.is_none()
        {
            return None;
        }
        parts.push(match one_line(message) {
            message if message.is_empty() => reason.clone(),
            message => format!("{reason} ({message})"),
        });
    }
    match &state.exit {
        Some((0, _)) | None => {}
        Some((code, reason)) if reason.is_empty() => parts.push(format!("exit code {code}")),
        Some((code, reason)) => parts.push(format!("exit code {code} ({reason})")),
    }
    if parts.is_empty() {
        return None;
    }
    if state.restarts > 0 {
        parts.push(format!("{} restarts", state.restarts));
    }
    Some(format!("container {}: {}", state.name, parts.join(", ")))
}

fn event(event: &EventLine) -> String {
    let times = if event.count > 1 {
        format!(" ({} times)", event.count)
    } else {
        String::new()
    };
    format!(
        "{}: {}{times}: {}",
        event.object,
        event.reason,
        one_line(&event.message)
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ObjectRef;

    fn finding() -> Finding {
        Finding {
            object: ObjectRef {
                api_version: "apps/v1".to_owned(),
                kind: "Deployment".to_owned(),
                namespace: Some("a".to_owned()),
                name: "web".to_owned(),
            },
            why: "0 of 2 replicas available".to_owned(),
            conditions: Vec::new(),
            pods: Vec::new(),
            events: Vec::new(),
            unread: Vec::new(),
        }
    }

    fn crashing(name: &str) -> PodState {
        PodState {
            name: name.to_owned(),
            phase: "Running".to_owned(),
            ready: false,
            message: None,
            containers: vec![ContainerState {
                name: "app".to_owned(),
                waiting: Some(("CrashLoopBackOff".to_owned(), "back-off\n5m0s".to_owned())),
                exit: Some((137, "OOMKilled".to_owned())),
                restarts: 6,
            }],
        }
    }

    fn event(warning: bool, reason: &str, count: i64) -> EventLine {
        EventLine {
            warning,
            object: "Pod/web-1".to_owned(),
            reason: reason.to_owned(),
            message: "words".to_owned(),
            count,
            last: None,
        }
    }

    #[test]
    fn the_most_telling_lines_come_first() {
        let ready = PodState {
            ready: true,
            ..crashing("web-3")
        };
        let finding = Finding {
            conditions: vec!["Available=False MinimumReplicasUnavailable".to_owned()],
            pods: vec![crashing("web-1"), crashing("web-2"), ready],
            events: vec![
                event(false, "Pulled", 1),
                event(true, "Failed", 1),
                event(true, "BackOff", 6),
            ],
            unread: vec!["events: not allowed".to_owned()],
            ..finding()
        };
        assert_eq!(
            dossier(&[finding]),
            [
                "Deployment/web: 0 of 2 replicas available",
                "Pod/web-1 and 1 more: container app: CrashLoopBackOff (back-off 5m0s), \
                 exit code 137 (OOMKilled), 6 restarts",
                "Pod/web-1: BackOff (6 times): words",
                "Pod/web-1: Failed: words",
                "Deployment/web: condition Available=False MinimumReplicasUnavailable",
                "Deployment/web: could not be read: events: not allowed",
                "Pod/web-1: Pulled: words",
            ]
        );
    }

    #[test]
    fn a_pod_without_containers_says_why_it_has_none() {
        let unscheduled = PodState {
            phase: "Pending".to_owned(),
            message: Some("0/3 nodes are available".to_owned()),
            containers: Vec::new(),
            ..crashing("web-1")
        };
        let starting = PodState {
            message: None,
            ..unscheduled.clone()
        };
        let lines = dossier(&[Finding {
            pods: vec![unscheduled, starting],
            ..finding()
        }]);
        assert_eq!(lines[1], "Pod/web-1: 0/3 nodes are available");
        assert_eq!(lines[2], "Pod/web-1: Pending, not ready");
    }
}
