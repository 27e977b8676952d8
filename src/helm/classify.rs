//! Reads cause and aftermath of a failed call from Helm's words.
//!
//! Helm exits with 1 whatever happened, so its words are all there is. They differ between 3 and
//! 4 in case and prefix: so they are matched in lower case, anywhere. The texts come from helm.md
//! section 9 and from provoking Helm 3.22 and 4.3.1 on a Kubernetes 1.37 API server; the tests
//! hold what these said.

use super::{Aftermath, Cause, Operation, words};

/// What must all be in the text, in lower case, and what it then means. The first match counts:
/// errors are nested (`pre-upgrade hooks failed: … failed calling webhook … connection refused`),
/// and what can be acted upon goes before where it happened.
const CAUSES: &[(&[&str], Cause)] = &[
    (&["unknown flag"], Cause::BadFlags),
    (&["unknown shorthand flag"], Cause::BadFlags),
    (&["unknown command"], Cause::BadFlags),
    (&["invalid argument", "flag"], Cause::BadFlags),
    (&["\" requires ", " argument"], Cause::BadFlags),
    // Said by a program of the stack, and so by nobody that is known here.
    (&["error while running post render"], Cause::PostRenderer),
    // Said by the author of the chart: whatever it is, it is not what the cluster says.
    (&["execution error at ("], Cause::Template),
    (&["parse error at ("], Cause::Template),
    (&["executing \"", "\" at <"], Cause::Template),
    (&["error: template: "], Cause::Template),
    (
        &["values don't meet the specifications of the schema"],
        Cause::ValuesSchema,
    ),
    (&["chart requires kubeversion"], Cause::KubeVersion),
    (&["missing in charts/ directory"], Cause::Dependencies),
    (
        &["the lock file (chart.lock) is out of sync"],
        Cause::Dependencies,
    ),
    (
        &["another operation (install/upgrade/rollback) is in progress"],
        Cause::LockHeld,
    ),
    (&["release: already exists"], Cause::LockLost),
    (&["cannot re-use a name"], Cause::NameInUse),
    (&["cannot reuse a name"], Cause::NameInUse),
    (&["release: not found"], Cause::NotFound),
    (&["has no deployed releases"], Cause::NotFound),
    (&["release has no ", " version"], Cause::NotFound),
    (
        &["the server has asked for the client to provide credentials"],
        Cause::Unauthorized,
    ),
    (&["getting credentials: "], Cause::Unauthorized),
    (&[": unauthorized"], Cause::Unauthorized),
    (&["cluster unreachable"], Cause::Unreachable),
    (&["yaml parse error on"], Cause::Manifest),
    (&["failed to parse ", "yaml"], Cause::Values),
    (&["failed parsing --"], Cause::Values),
    (&["chart.yaml file is missing"], Cause::ChartMissing),
    (&["unable to detect chart at"], Cause::ChartMissing),
    (&["error: path \"", "\" not found"], Cause::ChartMissing),
    (&["error: repo ", " not found"], Cause::ChartMissing),
    (&["error: chart \"", " not found"], Cause::ChartMissing),
    (&["no cached repo found"], Cause::ChartMissing),
    (
        &["is not a valid chart repository or cannot be reached"],
        Cause::ChartMissing,
    ),
    (&["failed to fetch "], Cause::ChartMissing),
    (
        &["failed to perform \"fetchreference\""],
        Cause::ChartMissing,
    ),
    (
        &["error: open ", "no such file or directory"],
        Cause::Values,
    ),
    (&["context canceled"], Cause::Cancelled),
    (&["would exceed context deadline"], Cause::Throttled),
    (&["failed calling webhook"], Cause::Webhook),
    (&["conversion webhook for"], Cause::Webhook),
    (&["because it is being terminated"], Cause::NamespaceMissing),
    (&["namespaces \"", "\" not found"], Cause::NamespaceMissing),
    (&["exceeded quota"], Cause::Denied),
    (&["denied the request"], Cause::Denied),
    (&["denied request"], Cause::Denied),
    (&["violates podsecurity"], Cause::Denied),
    (&["request entity too large"], Cause::TooLarge),
    (&["too long: may not be more than"], Cause::TooLarge),
    (&["too long: must have at most"], Cause::TooLarge),
    (&["request is too large"], Cause::TooLarge),
    (&["message larger than max"], Cause::TooLarge),
    (&["is immutable"], Cause::Immutable),
    (&["updates to statefulset spec"], Cause::Immutable),
    (&["may not change once set"], Cause::Immutable),
    (
        &["conflict occurred while applying object"],
        Cause::FieldConflict,
    ),
    (&["apply failed with", "conflict"], Cause::FieldConflict),
    (&["invalid ownership metadata"], Cause::Ownership),
    (&["no matches for kind"], Cause::NoMatch),
    (&["could not find the requested resource"], Cause::NoMatch),
    (&["is forbidden: user"], Cause::Forbidden),
    (&["is forbidden: "], Cause::Denied),
    (&["error validating data"], Cause::Manifest),
    (&["failed to create typed patch object"], Cause::Manifest),
    (&["cannot be handled as a"], Cause::Manifest),
    (
        &["unable to build kubernetes objects from"],
        Cause::Manifest,
    ),
    (&[" is invalid: "], Cause::Manifest),
    (&["connection refused"], Cause::Network),
    (&["connection reset by peer"], Cause::Network),
    (&["connection lost"], Cause::Network),
    (&["i/o timeout"], Cause::Network),
    (&["tls handshake timeout"], Cause::Network),
    (&["no such host"], Cause::Network),
    (&["no route to host"], Cause::Network),
    (&["unexpected eof"], Cause::Network),
    (&["etcdserver: "], Cause::Network),
    (
        &["the server is currently unable to handle the request"],
        Cause::Network,
    ),
    (&["too many requests"], Cause::Network),
    (&["failed pre-"], Cause::Hook),
    (&["failed post-"], Cause::Hook),
    (&["hooks failed: "], Cause::Hook),
    (&["not ready. status: failed"], Cause::WorkloadFailed),
    (&["failed: backofflimitexceeded"], Cause::WorkloadFailed),
    (&["failed: deadlineexceeded"], Cause::WorkloadFailed),
    (&["job is failed"], Cause::WorkloadFailed),
    (&["still exists. status: "], Cause::WaitTimeout),
    (&["not ready. status: "], Cause::WaitTimeout),
    (&["context deadline exceeded"], Cause::WaitTimeout),
    (&["timed out waiting"], Cause::WaitTimeout),
    (
        &["client rate limiter wait returned an error"],
        Cause::Throttled,
    ),
    (&["uninstallation completed with"], Cause::UninstallFailed),
    (&["failed to delete release"], Cause::UninstallFailed),
    (&["create: failed to create"], Cause::Storage),
    (&["update: failed to update"], Cause::Storage),
    (&["query: failed to query"], Cause::Storage),
];

/// What of the aftermath can be told whatever the cause.
const AFTERMATHS: &[(&str, Aftermath)] = &[
    (
        "an error occurred while rolling back the release",
        Aftermath::RollbackFailed,
    ),
    (
        "an error occurred while uninstalling the release",
        Aftermath::RollbackFailed,
    ),
    ("has been rolled back due to", Aftermath::RolledBack),
    ("has been uninstalled due to", Aftermath::Uninstalled),
    ("uninstallation completed with", Aftermath::Uninstalled),
    // The last write of an operation, which Helm does not repeat.
    ("update: failed to update", Aftermath::Pending),
    ("create: failed to create", Aftermath::Untouched),
    ("query: failed to query", Aftermath::Untouched),
    ("cluster unreachable", Aftermath::Untouched),
    ("unable to continue with", Aftermath::Untouched),
    (
        "unable to build kubernetes objects from",
        Aftermath::Untouched,
    ),
];

/// Words of the part of an operation that comes after its record was created.
const UNDER_WAY: &[&str] = &[
    "server-side apply failed",
    "conflict occurred while applying object",
    "cannot patch",
    "failed to create resource",
    "failed to replace object",
    "failed to delete release",
    // Helm 3 prints the errors of creating objects, and of hooks, as a list.
    "error occurred:",
    "errors occurred:",
];

/// Why a call failed and what it left behind, as far as helm's standard error tells.
pub fn classify(operation: Operation, stderr: &str) -> (Cause, Aftermath) {
    // With the prefix that `words` takes off, since some texts are only telling at the start.
    let text = format!("error: {}", words(stderr).join("\n")).to_lowercase();
    let mut cause = cause_of(&text);
    if cause == Cause::Other {
        // The error itself says nothing; what was logged before it may.
        cause = cause_of(&stderr.to_lowercase());
    }
    // These two wait for readiness only in hooks, and do not say so.
    if matches!(
        operation,
        Operation::Uninstall | Operation::Rollback | Operation::Test
    ) && (cause == Cause::WorkloadFailed || cause == Cause::WaitTimeout)
        && !text.contains("uninstallation completed with")
    {
        cause = Cause::Hook;
    }
    (cause, aftermath_of(operation, cause, &text))
}

fn cause_of(text: &str) -> Cause {
    CAUSES
        .iter()
        .find(|(needles, _)| needles.iter().all(|needle| text.contains(needle)))
        .map_or(Cause::Other, |&(_, cause)| cause)
}

fn aftermath_of(operation: Operation, cause: Cause, text: &str) -> Aftermath {
    // The tests of a release are no part of it.
    if matches!(operation, Operation::Template | Operation::Test) {
        return Aftermath::Untouched;
    }
    if let Some(&(_, told)) = AFTERMATHS.iter().find(|(needle, _)| text.contains(needle)) {
        return told;
    }
    // Helm closes the record of an operation that failed half-way, but not of an uninstall, and
    // not of a rollback whose hook failed.
    let half_way = match (operation, cause) {
        (Operation::Uninstall, _) | (Operation::Rollback, Cause::Hook) => Aftermath::Pending,
        _ => Aftermath::Failed,
    };
    if UNDER_WAY.iter().any(|needle| text.contains(needle)) {
        return half_way;
    }
    match cause {
        Cause::BadFlags
        | Cause::Template
        | Cause::PostRenderer
        | Cause::ValuesSchema
        | Cause::Values
        | Cause::KubeVersion
        | Cause::Dependencies
        | Cause::ChartMissing
        | Cause::LockHeld
        | Cause::LockLost
        | Cause::NameInUse
        | Cause::NotFound
        | Cause::Ownership
        | Cause::Manifest
        | Cause::Unreachable => Aftermath::Untouched,
        Cause::Hook | Cause::Cancelled | Cause::WorkloadFailed | Cause::WaitTimeout => half_way,
        _ => Aftermath::Unknown,
    }
}

#[cfg(test)]
mod tests;
