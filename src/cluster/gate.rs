//! The one gate every request goes through: it has a deadline, and a policy for second attempts.
//!
//! The client library's own defaults would wait for ever for a server that hangs, and silently
//! repeat any request, writes included, up to 15 times. Here a read is repeated while the server is
//! out of reach or in trouble, a write only when the server says that it did not look at it (429),
//! and none ever takes longer than the deadline. Writes that are the same once or twice stand in
//! between: they are repeated as a read is, and a server-side apply also when it lost a race.

use std::{fmt, future::Future, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use kube::{Client, core::WatchEvent};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{ClusterError, error::classify};

/// Time for one request with all its attempts.
const DEADLINE: Duration = Duration::from_secs(15);

/// Pauses between attempts; their number bounds the attempts.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(3),
];

/// A request ready to be sent, as the client library builds it.
pub(super) type Request = http::Request<Vec<u8>>;

/// What a watch reports, until the server ends it.
pub(super) type EventStream = BoxStream<'static, Result<WatchEvent<Value>, ClusterError>>;

/// Whether sending a request twice is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Reads, and questions that happen to be POSTs.
    Read,
    /// Leaves the same behind once or twice, and says so the second time: sets keys that are ours,
    /// makes an object of a given name, deletes one as it was seen.
    Idempotent,
    /// Server-side apply with force: says how an object is to be, whatever it is.
    Apply,
    /// Changes something.
    Write,
}

/// Client, deadline and policy.
#[derive(Clone)]
pub(crate) struct Gate {
    client: Client,
    server: String,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Gate {
    pub(super) fn new(client: Client, server: String) -> Self {
        Self { client, server }
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Sends a read and parses the answer. `operation` names it in errors.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: Result<Request, kube::core::request::Error>,
    ) -> Result<T, ClusterError> {
        self.send(operation, Effect::Read, request).await
    }

    /// Sends a write and parses the answer.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: Result<Request, kube::core::request::Error>,
    ) -> Result<T, ClusterError> {
        self.send(operation, Effect::Write, request).await
    }

    /// Sends a write that leaves the same behind once or twice, and parses the answer. Of two that
    /// were sent the second one may find that it is done: a conflict, or nothing to delete.
    pub(super) async fn idempotent<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: Result<Request, kube::core::request::Error>,
    ) -> Result<T, ClusterError> {
        self.send(operation, Effect::Idempotent, request).await
    }

    /// Sends a server-side apply, which must be with force, and parses the answer.
    pub(super) async fn apply<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: Result<Request, kube::core::request::Error>,
    ) -> Result<T, ClusterError> {
        self.send(operation, Effect::Apply, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        operation: &str,
        effect: Effect,
        request: Result<Request, kube::core::request::Error>,
    ) -> Result<T, ClusterError> {
        let request = request.map_err(kube::Error::BuildRequest);
        let request = request.map_err(|error| classify(error, &self.server, operation))?;
        self.attempts(operation, effect, |client| {
            let request = request.clone();
            async move { client.request::<T>(request).await }
        })
        .await
    }

    /// Opens a watch. Only its start has a deadline; who reads it must mind its silence.
    pub(super) async fn watch(
        &self,
        operation: &str,
        request: Result<Request, kube::core::request::Error>,
    ) -> Result<EventStream, ClusterError> {
        let request = request.map_err(kube::Error::BuildRequest);
        let request = request.map_err(|error| classify(error, &self.server, operation))?;
        let stream = self
            .attempts(operation, Effect::Read, |client| {
                let request = request.clone();
                async move { client.request_events::<Value>(request).await }
            })
            .await?;
        let (server, operation) = (self.server.clone(), operation.to_owned());
        Ok(stream
            .map(move |event| event.map_err(|e| classify(e, &server, &operation)))
            .boxed())
    }

    /// Runs `attempt` until it succeeds, fails for good, or the deadline is over.
    pub(super) async fn attempts<T, F, A>(
        &self,
        operation: &str,
        effect: Effect,
        attempt: F,
    ) -> Result<T, ClusterError>
    where
        F: Fn(Client) -> A,
        A: Future<Output = kube::Result<T>>,
    {
        let deadline = Instant::now() + DEADLINE;
        let mut pauses = PAUSES.into_iter();
        loop {
            let Ok(result) = timeout_at(deadline, attempt(self.client.clone())).await else {
                return Err(ClusterError::Timeout {
                    server: self.server.clone(),
                    after: DEADLINE,
                    operation: operation.to_owned(),
                });
            };
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => classify(error, &self.server, operation),
            };
            let pause = pauses
                .next()
                .and_then(|pause| pause_before_retry(&error, effect, pause));
            match pause {
                Some(pause) if Instant::now() + pause < deadline => sleep(pause).await,
                _ => return Err(error),
            }
        }
    }
}

/// How long to stay away before trying again, `None` not to.
fn pause_before_retry(error: &ClusterError, effect: Effect, pause: Duration) -> Option<Duration> {
    match error {
        ClusterError::Server {
            code: 429,
            retry_after,
            ..
        } => Some(retry_after.unwrap_or(pause).max(pause)),
        ClusterError::Server { retry_after, .. } if effect != Effect::Write => {
            Some(retry_after.unwrap_or(pause).max(pause))
        }
        ClusterError::Conflict { .. } if effect == Effect::Apply => Some(pause),
        error if effect != Effect::Write && error.is_passing() => Some(pause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn get(path: &str) -> Result<Request, kube::core::request::Error> {
        http::Request::get(path)
            .body(Vec::new())
            .map_err(kube::core::request::Error::BuildRequest)
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_ends_at_the_deadline() {
        let (gate, _script) = Script::gate(|_, _| Answer::Hang);
        let start = Instant::now();
        let error = gate
            .read::<Value>("GET /version", get("/version"))
            .await
            .unwrap_err();
        assert_eq!(start.elapsed(), DEADLINE);
        assert_eq!(
            error.to_string(),
            "the API server https://test did not answer within 15 s (GET /version)"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_repeated_until_the_server_recovers() {
        let (gate, script) = Script::gate(|nth, _| match nth {
            0 => Answer::Refused,
            1 => Answer::status(503, "etcd is away"),
            2 => Answer::status(429, "slow down"),
            _ => Answer::json(&json!({ "ok": true })),
        });
        let value = gate.read::<Value>("GET", get("/x")).await.unwrap();
        assert_eq!(value, json!({ "ok": true }));
        assert_eq!(script.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_gives_up_within_its_bound() {
        let (gate, script) = Script::gate(|_, _| Answer::Refused);
        let start = Instant::now();
        let error = gate.read::<Value>("GET", get("/x")).await.unwrap_err();
        assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
        assert!(start.elapsed() < DEADLINE);
        assert_eq!(script.count(), PAUSES.len() + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_repeated_only_when_it_was_not_looked_at() {
        let (gate, script) = Script::gate(|_, _| Answer::status(500, "who knows"));
        gate.write::<Value>("POST", get("/x")).await.unwrap_err();
        assert_eq!(script.count(), 1);

        let (gate, script) = Script::gate(|_, _| Answer::Refused);
        gate.write::<Value>("POST", get("/x")).await.unwrap_err();
        assert_eq!(script.count(), 1);

        let (gate, script) = Script::gate(|nth, _| match nth {
            0 => Answer::status(429, "slow down"),
            _ => Answer::json(&json!({})),
        });
        gate.write::<Value>("POST", get("/x")).await.unwrap();
        assert_eq!(script.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_the_same_twice_is_repeated_but_not_when_it_is_done() {
        let (gate, script) = Script::gate(|nth, _| match nth {
            0 => Answer::Refused,
            1 => Answer::status(500, "who knows"),
            _ => Answer::reason(409, "exists", "AlreadyExists"),
        });
        let error = gate.idempotent::<Value>("POST", get("/x")).await;
        let error = error.unwrap_err();
        let done = matches!(error, ClusterError::Conflict { exists: true, .. });
        assert!(done, "{error}");
        assert_eq!(script.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_apply_is_repeated_also_when_it_lost_a_race() {
        let (gate, script) = Script::gate(|nth, _| match nth {
            0 => Answer::status(409, "apply your changes to the latest version"),
            1 => Answer::status(503, "etcd is away"),
            _ => Answer::json(&json!({})),
        });
        gate.apply::<Value>("PATCH", get("/x")).await.unwrap();
        assert_eq!(script.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_change_is_not_repeated() {
        let (gate, script) = Script::gate(|_, _| Answer::status(403, "no"));
        gate.read::<Value>("GET", get("/x")).await.unwrap_err();
        assert_eq!(script.count(), 1);
    }
}
