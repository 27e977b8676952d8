//! The end of what containers wrote: all that many programs say of why they do not work.
//!
//! The API server asks the kubelet, which may be slow, away or not allowed to tell. Logs only add
//! to what is known already, so whatever goes wrong here goes unsaid.

use std::time::Duration;

use futures::future::join_all;
use kube::{
    client::Body,
    core::{Request, subresource::LogParams},
};
use tokio::time::timeout;

use super::{
    Cluster,
    evidence::{ContainerState, LogTail, PodState},
    gate::Effect,
    service_proxy::{BODY_LIMIT, first_bytes},
};

/// Lines of each log.
const LINES: i64 = 20;

/// Containers looked at for one object: replicas mostly fail alike.
const CONTAINERS: usize = 3;

/// Time for one log. Nothing else waits for it.
const TIME: Duration = Duration::from_secs(5);

impl Cluster {
    /// The last lines of the containers that fail, of the run before the last restart first. Those
    /// that say the same are told once.
    pub(super) async fn logs_of(&self, namespace: &str, pods: &[PodState]) -> Vec<LogTail> {
        let failing = pods
            .iter()
            .filter(|pod| !pod.ready && pod.phase != "Succeeded")
            .flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
            .filter(|(_, container)| wrote_and_fails(container))
            .take(CONTAINERS);
        let asked = failing.flat_map(|(pod, container)| {
            let runs = [true, false].into_iter();
            let runs = runs.filter(|previous| !previous || container.restarts > 0);
            runs.map(|previous| self.log_tail(namespace, &pod.name, &container.name, previous))
        });
        let mut tails: Vec<LogTail> = Vec::new();
        for tail in join_all(asked).await.into_iter().flatten() {
            if !tails.iter().any(|known| known.lines == tail.lines) {
                tails.push(tail);
            }
        }
        tails
    }

    /// `None` if it is empty, or cannot be had.
    async fn log_tail(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
    ) -> Option<LogTail> {
        let params = LogParams {
            container: Some(container.to_owned()),
            previous,
            tail_lines: Some(LINES),
            ..LogParams::default()
        };
        let request = Request::new(format!("/api/v1/namespaces/{namespace}/pods"));
        let request = request.logs(pod, &params).ok()?;
        let operation = format!("GET the log of Pod/{pod}");
        let work = self.gate().attempts(&operation, Effect::Read, |client| {
            let request = request.clone().map(Body::from);
            async move {
                let response = client.send(request).await?;
                let is_log = response.status().is_success();
                let body = first_bytes(response.into_body()).await?;
                Ok(is_log.then_some(body))
            }
        });
        let body = timeout(TIME, work).await.ok()?.ok()??;
        let lines = lines(&body);
        (!lines.is_empty()).then(|| LogTail {
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
            lines,
        })
    }
}

/// It ran, so there may be a log, and is not as it should be.
fn wrote_and_fails(container: &ContainerState) -> bool {
    let has_run = container.waiting.is_none() || container.exit.is_some() || container.restarts > 0;
    has_run && !container.ready
}

fn lines(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    if body.len() >= BODY_LIMIT {
        // Half of a secret would not be known as one.
        lines.pop();
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn container(name: &str) -> ContainerState {
        ContainerState {
            name: name.to_owned(),
            waiting: Some(("CrashLoopBackOff".to_owned(), String::new())),
            exit: Some((1, "Error".to_owned())),
            restarts: 6,
            ready: false,
        }
    }

    fn pod(name: &str, containers: &[ContainerState]) -> PodState {
        PodState {
            name: name.to_owned(),
            phase: "Running".to_owned(),
            ready: false,
            message: None,
            containers: containers.to_vec(),
        }
    }

    fn told(tails: &[LogTail]) -> Vec<String> {
        let tell = |tail: &LogTail| {
            let run = if tail.previous { "previous" } else { "current" };
            format!(
                "{}/{} {run}: {}",
                tail.pod,
                tail.container,
                tail.lines.join(" | ")
            )
        };
        tails.iter().map(tell).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_both_runs_of_what_fails_is_read_and_told_once() {
        let (cluster, script) = Script::cluster(|_, call| {
            let text = match (call.path.contains("previous"), call.path.contains("=app")) {
                (true, true) => "listening\n\n\tpanic: no database\n",
                (false, true) => "listening\n",
                _ => "waiting for app\n",
            };
            Answer::Body(200, text.as_bytes().to_vec())
        });
        let sidecar = ContainerState {
            waiting: None,
            exit: None,
            restarts: 0,
            ..container("sidecar")
        };
        let ready = ContainerState {
            ready: true,
            ..container("proxy")
        };
        let unborn = ContainerState {
            exit: None,
            restarts: 0,
            ..container("unborn")
        };
        let web = pod("web-1", &[container("app"), sidecar, ready, unborn]);
        let twin = PodState {
            name: "web-2".to_owned(),
            ..web.clone()
        };
        let well = PodState {
            ready: true,
            ..web.clone()
        };
        let tails = cluster.logs_of("a", &[well, web, twin]).await;
        assert_eq!(
            told(&tails),
            [
                "web-1/app previous: listening | \tpanic: no database",
                "web-1/app current: listening",
                "web-1/sidecar current: waiting for app",
            ]
        );
        let path = "/api/v1/namespaces/a/pods/web-1/log?&container=app&previous=true&tailLines=20";
        let first = script.calls()[0].path.replace("?c", "?&c");
        assert_eq!(first, path);
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_log_can_be_had_of_goes_unsaid_and_does_not_take_long() {
        for answer in [
            || Answer::status(403, "no"),
            || Answer::status(500, "the kubelet is away"),
            || Answer::Body(200, Vec::new()),
            || Answer::Refused,
            || Answer::Hang,
        ] {
            let (cluster, _script) = Script::cluster(move |_, _| answer());
            let start = tokio::time::Instant::now();
            let tails = cluster
                .logs_of("a", &[pod("web-1", &[container("app")])])
                .await;
            assert_eq!(told(&tails), Vec::<String>::new());
            assert!(start.elapsed() <= TIME, "{:?}", start.elapsed());
        }
    }

    #[test]
    fn a_line_that_is_cut_is_left_out() {
        let mut body = b"first\n".to_vec();
        body.resize(BODY_LIMIT, b'x');
        assert_eq!(lines(&body), ["first"]);
        assert_eq!(lines(b"caf\xc3\xa9 \xff\r\n"), ["café \u{fffd}"]);
    }
}
