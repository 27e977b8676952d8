//! Turns findings into lines, most telling first. Pure.

use super::{ContainerState, EventLine, Finding, LogTail, PodState};

/// Lines of a log that are told among the rest; the log itself has more.
const TOLD_OF_A_LOG: usize = 3;

/// All lines, most telling first, for the caller to show as many as it has room for: what is wrong
/// with each object, what its containers say and wrote last, what the caller knows of it, warnings
/// (newest first), conditions, the rest.
pub fn dossier(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(
        findings
            .iter()
            .map(|finding| format!("{}: {}", finding.object, finding.why)),
    );
    lines.extend(findings.iter().flat_map(pods));
    lines.extend(findings.iter().flat_map(last_words));
    for finding in findings {
        let note = |text: &String| format!("{}: {text}", finding.object);
        lines.extend(finding.notes.iter().map(note));
    }
    lines.extend(events(findings, true));
    for finding in findings {
        let condition = |text: &String| format!("{}: condition {text}", finding.object);
        lines.extend(finding.conditions.iter().map(condition));
    }
    for finding in findings {
        let unread = |text: &String| format!("{}: could not be read: {text}", finding.object);
        lines.extend(finding.unread.iter().map(unread));
    }
    lines.extend(events(findings, false));
    let mut seen = std::collections::HashSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    lines
}

/// The logs of the findings, as far as they were read, each below a line that says whose it is.
pub fn logs(findings: &[Finding]) -> Vec<String> {
    let tails = findings.iter().flat_map(|finding| &finding.logs);
    let lines = tails.flat_map(|tail| {
        let run = if tail.previous {
            ", before its last restart"
        } else {
            ""
        };
        let head = format!("Pod/{}: log of {}{run}:", tail.pod, tail.container);
        let lines = tail.lines.iter().map(|line| format!("  {line}"));
        std::iter::once(head).chain(lines)
    });
    lines.collect()
}

/// The end of each container's log: before its last restart, if it was restarted.
fn last_words(finding: &Finding) -> Vec<String> {
    let mut told: Vec<&LogTail> = Vec::new();
    for tail in &finding.logs {
        let is_told =
            |other: &&LogTail| (&other.pod, &other.container) == (&tail.pod, &tail.container);
        if !told.iter().any(is_told) {
            told.push(tail);
        }
    }
    let lines = told.into_iter().flat_map(|tail| {
        let skipped = tail.lines.len().saturating_sub(TOLD_OF_A_LOG);
        let lines = tail.lines.iter().skip(skipped);
        lines.map(|line| {
            format!(
                "Pod/{}: log of {}: {}",
                tail.pod,
                tail.container,
                one_line(line)
            )
        })
    });
    lines.collect()
}

/// Events that say the same of several objects are one line, with all their counts.
fn events(findings: &[Finding], warning: bool) -> Vec<String> {
    let all = findings
        .iter()
        .flat_map(|finding| finding.events.iter().rev());
    let mut groups: Vec<Group> = Vec::new();
    let pods: Vec<&str> = findings
        .iter()
        .flat_map(|finding| &finding.pods)
        .map(|pod| pod.name.as_str())
        .collect();
    for event in all.filter(|event| event.warning == warning) {
        let group = Group::of(event, &pods);
        let like = groups.iter_mut().find(|known| known.key == group.key);
        match like {
            Some(known) => known.add(event),
            None => groups.push(group),
        }
    }
    groups.iter().map(Group::line).collect()
}

/// Events that say the same.
struct Group<'a> {
    /// Kind of the object, reason, and message without names of pods.
    key: (&'a str, &'a str, String),
    first: &'a EventLine,
    objects: Vec<&'a str>,
    count: i64,
}

impl<'a> Group<'a> {
    fn of(event: &'a EventLine, pods: &[&str]) -> Self {
        let kind = event.object.split('/').next().unwrap_or_default();
        let message = pods
            .iter()
            .fold(event.message.clone(), |text, pod| text.replace(pod, ""));
        Self {
            key: (kind, &event.reason, message),
            first: event,
            objects: vec![&event.object],
            count: event.count,
        }
    }

    fn add(&mut self, event: &'a EventLine) {
        self.count += event.count;
        if !self.objects.contains(&event.object.as_str()) {
            self.objects.push(&event.object);
        }
    }

    fn line(&self) -> String {
        let more = match self.objects.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let times = match self.count {
            ..=1 => String::new(),
            count => format!(" ({count} times)"),
        };
        let EventLine {
            object,
            reason,
            message,
            ..
        } = self.first;
        format!("{object}{more}: {reason}{times}: {}", one_line(message))
    }
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
            logs: Vec::new(),
            notes: Vec::new(),
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
                ready: false,
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

    fn tail(previous: bool, lines: &[&str]) -> LogTail {
        LogTail {
            pod: "web-1".to_owned(),
            container: "app".to_owned(),
            previous,
            lines: lines.iter().map(ToString::to_string).collect(),
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
            logs: vec![
                tail(true, &["a", "b", "c", "\tpanic: d"]),
                tail(false, &["a"]),
            ],
            notes: vec!["values that appear in it: image.tag".to_owned()],
            unread: vec!["events: not allowed".to_owned()],
            ..finding()
        };
        assert_eq!(
            logs(std::slice::from_ref(&finding)),
            [
                "Pod/web-1: log of app, before its last restart:",
                "  a",
                "  b",
                "  c",
                "  \tpanic: d",
                "Pod/web-1: log of app:",
                "  a",
            ]
        );
        assert_eq!(
            dossier(&[finding]),
            [
                "Deployment/web: 0 of 2 replicas available",
                "Pod/web-1 and 1 more: container app: CrashLoopBackOff (back-off 5m0s), \
                 exit code 137 (OOMKilled), 6 restarts",
                "Pod/web-1: log of app: b",
                "Pod/web-1: log of app: c",
                "Pod/web-1: log of app: panic: d",
                "Deployment/web: values that appear in it: image.tag",
                "Pod/web-1: BackOff (6 times): words",
                "Pod/web-1: Failed: words",
                "Deployment/web: condition Available=False MinimumReplicasUnavailable",
                "Deployment/web: could not be read: events: not allowed",
                "Pod/web-1: Pulled: words",
            ]
        );
    }

    #[test]
    fn events_that_say_the_same_are_counted_together() {
        let of = |pod: &str, reason: &str, count: i64| EventLine {
            object: format!("Pod/{pod}"),
            message: format!("restarting app in pod {pod}"),
            ..event(true, reason, count)
        };
        let lines = dossier(&[Finding {
            pods: vec![crashing("web-1"), crashing("web-2")],
            events: vec![
                of("web-1", "BackOff", 4),
                of("web-1", "Unhealthy", 1),
                of("web-2", "BackOff", 1),
                of("web-1", "BackOff", 2),
            ],
            ..finding()
        }]);
        assert_eq!(
            lines[2..],
            [
                "Pod/web-1 and 1 more: BackOff (7 times): restarting app in pod web-1",
                "Pod/web-1: Unhealthy: restarting app in pod web-1",
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
