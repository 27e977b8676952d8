//! What kind of failure an error is: whether the same may succeed another time.

use crate::{cluster::ClusterError, helm::Cause, stack::ErrorClass};

/// Words of the API server when a webhook did not answer; they come as HTTP 500.
const WEBHOOK: [&str; 2] = ["failed calling webhook", "conversion webhook for"];

/// Words of a 403 that is not about who asks: a policy, a quota, a namespace on its way out.
const POLICY: [&str; 3] = [
    "admission webhook",
    "exceeded quota",
    "because it is being terminated",
];

/// Words about a body that does not fit its kind; applied, it comes as HTTP 500.
const NOT_THE_KIND: [&str; 1] = ["failed to create typed patch object"];

/// Of a failed request.
pub(super) fn of_request(error: &ClusterError) -> ErrorClass {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match error {
        _ if says(&WEBHOOK) => ErrorClass::Webhook,
        _ if says(&NOT_THE_KIND) => ErrorClass::Refused,
        ClusterError::Unreachable { .. }
        | ClusterError::Timeout { .. }
        | ClusterError::Server { .. }
        | ClusterError::Expired { .. } => ErrorClass::Network,
        ClusterError::Forbidden { .. } if says(&POLICY) => ErrorClass::Refused,
        ClusterError::Credentials { .. }
        | ClusterError::Unauthorized { .. }
        | ClusterError::Forbidden { .. } => ErrorClass::Auth,
        ClusterError::NotFound { .. } => ErrorClass::NotFound,
        ClusterError::Conflict { .. } => ErrorClass::Conflict,
        ClusterError::Invalid { .. } => ErrorClass::Refused,
        ClusterError::UnknownKind { .. } => ErrorClass::NoMatch,
        ClusterError::AmbiguousKind { .. } => ErrorClass::Schema,
        ClusterError::Unexpected { .. } => ErrorClass::Other,
    }
}

/// Of a failed helm call.
pub(super) fn of_helm(cause: Cause) -> ErrorClass {
    match cause {
        Cause::Webhook => ErrorClass::Webhook,
        Cause::NoMatch => ErrorClass::NoMatch,
        Cause::LockHeld | Cause::LockLost | Cause::NameInUse => ErrorClass::Lock,
        Cause::Unreachable | Cause::Network | Cause::Throttled => ErrorClass::Network,
        Cause::WaitTimeout | Cause::TimedOut => ErrorClass::Timeout,
        Cause::FieldConflict => ErrorClass::Conflict,
        Cause::NotFound => ErrorClass::NotFound,
        Cause::Hook => ErrorClass::Hook,
        Cause::Immutable
        | Cause::Ownership
        | Cause::Manifest
        | Cause::Denied
        | Cause::NamespaceMissing
        | Cause::TooLarge => ErrorClass::Refused,
        Cause::ValuesSchema
        | Cause::Values
        | Cause::KubeVersion
        | Cause::ChartMissing
        | Cause::Dependencies
        | Cause::BadFlags => ErrorClass::Schema,
        Cause::Template => ErrorClass::Template,
        Cause::PostRenderer => ErrorClass::Command,
        Cause::Unauthorized | Cause::Forbidden => ErrorClass::Auth,
        Cause::Cancelled | Cause::Interrupted | Cause::Killed | Cause::NotStarted => {
            ErrorClass::Kill
        }
        Cause::WorkloadFailed
        | Cause::Storage
        | Cause::UninstallFailed
        | Cause::Other
        | Cause::BadAnswer => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_a_webhook_did_not_answer_may_pass_and_one_it_denied_not_by_itself() {
        let server = |message: &str| ClusterError::Server {
            server: "https://test".into(),
            code: 500,
            message: message.into(),
            retry_after: None,
        };
        let forbidden = |message: &str| ClusterError::Forbidden {
            message: message.into(),
        };
        for (error, class) in [
            (
                server("Internal error occurred: failed calling webhook \"a.b.c\": refused"),
                ErrorClass::Webhook,
            ),
            (server("etcd is away"), ErrorClass::Network),
            (
                server("failed to create typed patch object (a/b; v1, Kind=X): .y: not declared"),
                ErrorClass::Refused,
            ),
            (
                forbidden("admission webhook \"a\" denied the request: no"),
                ErrorClass::Refused,
            ),
            (
                forbidden("pods is forbidden: exceeded quota: q"),
                ErrorClass::Refused,
            ),
            (
                forbidden("pods is forbidden: User \"x\" cannot list resource"),
                ErrorClass::Auth,
            ),
        ] {
            assert_eq!(of_request(&error), class, "{error}");
        }
    }
}
