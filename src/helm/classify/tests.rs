//! What Helm 3.22 and 4.3.1 said when they were provoked on a real API server, and texts of
//! helm.md section 9 that could not be provoked there.

use super::*;

const INSTALL: Operation = Operation::Upgrade;

#[track_caller]
fn check(operation: Operation, cases: &[(&str, Cause, Aftermath)]) {
    for &(stderr, cause, aftermath) in cases {
        assert_eq!(classify(operation, stderr), (cause, aftermath), "{stderr}");
        // Nobody relies on case: Helm 4 changed it in many places.
        let shouted = stderr.to_uppercase().replace("ERROR: ", "Error: ");
        assert_eq!(classify(operation, &shouted).0, cause, "{shouted}");
    }
}

#[test]
fn what_is_refused_before_anything_is_written() {
    use Aftermath::Untouched;
    check(
        INSTALL,
        &[
            (
                "Error: \"helm upgrade\" requires 2 arguments\n\nUsage:  helm upgrade [RELEASE] [CHART] [flags]\n",
                Cause::BadFlags,
                Untouched,
            ),
            ("Error: unknown flag: --bogus", Cause::BadFlags, Untouched),
            (
                "Error: unknown shorthand flag: 'a' in -a",
                Cause::BadFlags,
                Untouched,
            ),
            (
                "Error: failed to parse bad.yaml: error converting YAML to JSON: yaml: line 1: did not find expected node content",
                Cause::Values,
                Untouched,
            ),
            (
                "Error: failed to parse bad.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 1: did not find expected node content",
                Cause::Values,
                Untouched,
            ),
            (
                "Error: open nothere.yaml: no such file or directory",
                Cause::Values,
                Untouched,
            ),
            (
                "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nschema:\n- at '': missing property 'must'\n\n",
                Cause::ValuesSchema,
                Untouched,
            ),
            (
                "Error: execution error at (tfail/templates/x.yaml:1:3): a name is required",
                Cause::Template,
                Untouched,
            ),
            (
                "Error: error while running post render on files: failed to invoke post-renderer plugin \"web\": plugin \"web\" exited with error\n",
                Cause::PostRenderer,
                Untouched,
            ),
            (
                "Error: UPGRADE FAILED: error while running post render on files: error while running command /usr/bin/sh. error output:\nconnection refused\n: exit status 3\n",
                Cause::PostRenderer,
                Untouched,
            ),
            // What a chart says is not what the cluster says.
            (
                "Error: execution error at (x/templates/x.yaml:1:3): release: not found, connection refused",
                Cause::Template,
                Untouched,
            ),
            (
                "Error: parse error at (tsyn/templates/x.yaml:1): missing value for if",
                Cause::Template,
                Untouched,
            ),
            (
                "Error: template: nilp/templates/x.yaml:1:13: executing \"nilp/templates/x.yaml\" at <.Values.a.b.c>: nil pointer evaluating interface {}.b",
                Cause::Template,
                Untouched,
            ),
            (
                "Error: nilp/templates/x.yaml:1:13\n  executing \"nilp/templates/x.yaml\" at <.Values.a.b.c>:\n    nil pointer evaluating interface {}.b",
                Cause::Template,
                Untouched,
            ),
            (
                "Error: YAML parse error on badyaml/templates/x.yaml: error converting YAML to JSON: yaml: mapping values are not allowed in this context",
                Cause::Manifest,
                Untouched,
            ),
            (
                "Error: unable to build kubernetes objects from release manifest: error validating \"\": error validating data: apiVersion not set",
                Cause::Manifest,
                Untouched,
            ),
            (
                "Error: unable to build kubernetes objects from release manifest: resource mapping not found for name: \"x\" namespace: \"\" from \"\": no matches for kind \"Foo\" in version \"foo.example/v1\"\nensure CRDs are installed first",
                Cause::NoMatch,
                Untouched,
            ),
            (
                "Error: chart requires kubeVersion: <1.20.0 which is incompatible with Kubernetes v1.37.2",
                Cause::KubeVersion,
                Untouched,
            ),
            (
                "Error: An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: sub",
                Cause::Dependencies,
                Untouched,
            ),
            (
                "Error: Chart.yaml file is missing",
                Cause::ChartMissing,
                Untouched,
            ),
            (
                "Error: unable to detect chart at /c/nochart/Chart.yaml: open /c/nochart/Chart.yaml: no such file or directory",
                Cause::ChartMissing,
                Untouched,
            ),
            (
                "Error: repo norepo not found",
                Cause::ChartMissing,
                Untouched,
            ),
            (
                "Error: path \"/c/notthere\" not found",
                Cause::ChartMissing,
                Untouched,
            ),
            (
                "Error: Unable to continue with install: ConfigMap \"r-own\" in namespace \"ns\" exists and cannot be imported into the current release: invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"",
                Cause::Ownership,
                Untouched,
            ),
            (
                "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
                Cause::LockHeld,
                Untouched,
            ),
            ("Error: release: already exists", Cause::LockLost, Untouched),
            (
                "Error: INSTALLATION FAILED: cannot re-use a name that is still in use",
                Cause::NameInUse,
                Untouched,
            ),
            (
                "level=ERROR msg=\"release name check failed\" error=\"cannot reuse a name that is still in use\"\nError: release name check failed: cannot reuse a name that is still in use",
                Cause::NameInUse,
                Untouched,
            ),
            (
                "Error: UPGRADE FAILED: \"web\" has no deployed releases",
                Cause::NotFound,
                Untouched,
            ),
        ],
    );
}

#[test]
fn what_the_cluster_says_of_access_and_of_the_record() {
    use Aftermath::{Pending, Untouched};
    check(
        INSTALL,
        &[
            (
                "Error: Kubernetes cluster unreachable: Get \"https://127.0.0.1:1/version\": dial tcp 127.0.0.1:1: connect: connection refused",
                Cause::Unreachable,
                Untouched,
            ),
            (
                "Error: kubernetes cluster unreachable: context \"nope\" does not exist",
                Cause::Unreachable,
                Untouched,
            ),
            (
                "Error: kubernetes cluster unreachable: the server has asked for the client to provide credentials",
                Cause::Unauthorized,
                Untouched,
            ),
            (
                "Error: Kubernetes cluster unreachable: Get \"https://x/version\": getting credentials: exec: executable aws failed with exit code 255",
                Cause::Unauthorized,
                Untouched,
            ),
            (
                "Error: query: failed to query with labels: secrets is forbidden: User \"system:serviceaccount:ns:weak\" cannot list resource \"secrets\" in API group \"\" in the namespace \"ns\"",
                Cause::Forbidden,
                Untouched,
            ),
            (
                "Error: create: failed to create: namespaces \"helm-no-such-ns\" not found",
                Cause::NamespaceMissing,
                Untouched,
            ),
            (
                "Release \"rt\" does not exist. Installing it now.\nError: create: failed to create: secrets \"sh.helm.release.v1.rt.v1\" is forbidden: unable to create new content in namespace ns because it is being terminated",
                Cause::NamespaceMissing,
                Untouched,
            ),
            (
                "Error: create: failed to create: Request entity too large: limit is 3145728",
                Cause::TooLarge,
                Untouched,
            ),
            (
                "Error: create: failed to create: Secret \"sh.helm.release.v1.r-mid.v1\" is invalid: data: Too long: may not be more than 1048576 bytes",
                Cause::TooLarge,
                Untouched,
            ),
            (
                "Error: UPGRADE FAILED: update: failed to update: Put \"https://x/api/v1/namespaces/ns/secrets/s\": dial tcp 127.0.0.1:1: connect: connection refused",
                Cause::Network,
                Pending,
            ),
            (
                "Error: update: failed to update: secrets \"sh.helm.release.v1.web.v2\" not found",
                Cause::Storage,
                Pending,
            ),
        ],
    );
}

#[test]
fn what_fails_while_objects_are_applied() {
    use Aftermath::Failed;
    check(
        INSTALL,
        &[
            (
                "Error: UPGRADE FAILED: cannot patch \"r-imm\" with kind Deployment: Deployment.apps \"r-imm\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
                Cause::Immutable,
                Failed,
            ),
            (
                "level=WARN msg=\"upgrade failed\" name=r-imm error=\"server-side apply failed for object ns/r-imm apps/v1, Kind=Deployment: Deployment.apps \\\"r-imm\\\" is invalid: spec.selector: Invalid value: field is immutable\"\nError: UPGRADE FAILED: server-side apply failed for object ns/r-imm apps/v1, Kind=Deployment: Deployment.apps \"r-imm\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
                Cause::Immutable,
                Failed,
            ),
            (
                "Error: UPGRADE FAILED: cannot patch \"db\" with kind StatefulSet: StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals' are forbidden",
                Cause::Immutable,
                Failed,
            ),
            (
                "Error: UPGRADE FAILED: conflict occurred while applying object ns/r-ssa /v1, Kind=ConfigMap: Apply failed with 1 conflict: conflict with \"kubectl\": .data.a",
                Cause::FieldConflict,
                Failed,
            ),
            (
                "Error: UPGRADE FAILED: failed to create resource: namespaces \"helm-not-there\" not found",
                Cause::NamespaceMissing,
                Failed,
            ),
            (
                "Error: server-side apply failed for object helm-not-there/x /v1, Kind=ConfigMap: namespaces \"helm-not-there\" not found",
                Cause::NamespaceMissing,
                Failed,
            ),
            (
                "Error: 1 error occurred:\n\t* configmaps \"r-quota\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=7, limited: configmaps=1\n\n\n",
                Cause::Denied,
                Failed,
            ),
            (
                "Error: server-side apply failed for object ns/x /v1, Kind=Pod: admission webhook \"v.example.com\" denied the request: no",
                Cause::Denied,
                Failed,
            ),
            (
                "Error: 1 error occurred:\n\t* Internal error occurred: failed calling webhook \"w.example.com\": failed to call webhook: Post \"https://127.0.0.1:2/x?timeout=10s\": dial tcp 127.0.0.1:2: connect: connection refused\n\n\n",
                Cause::Webhook,
                Failed,
            ),
            (
                "Error: server-side apply failed for object ns/r-unkfield /v1, Kind=Service: failed to create typed patch object (ns/r-unkfield; /v1, Kind=Service): .spec.bogus: field not declared in schema",
                Cause::Manifest,
                Failed,
            ),
            (
                "Error: 1 error occurred:\n\t* Service in version \"v1\" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32\n\n\n",
                Cause::Manifest,
                Failed,
            ),
            (
                "Error: 1 error occurred:\n\t* ConfigMap \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case\n\n\n",
                Cause::Manifest,
                Failed,
            ),
            (
                "Error: server-side apply failed for object ns/x /v1, Kind=ConfigMap: the server could not find the requested resource",
                Cause::NoMatch,
                Failed,
            ),
        ],
    );
}

#[test]
fn what_fails_while_helm_waits() {
    use Aftermath::Failed;
    check(
        INSTALL,
        &[
            (
                "Error: UPGRADE FAILED: context deadline exceeded",
                Cause::WaitTimeout,
                Failed,
            ),
            (
                "Error: resource Deployment/ns/r-wl not ready. status: InProgress, message: Available: 0/1\ncontext deadline exceeded",
                Cause::WaitTimeout,
                Failed,
            ),
            (
                "Error: UPGRADE FAILED: client rate limiter Wait returned an error: context deadline exceeded",
                Cause::WaitTimeout,
                Failed,
            ),
            (
                "Error: resource Job/ns/r-job not ready. status: Failed, message: Job Failed. failed: 1/1",
                Cause::WorkloadFailed,
                Failed,
            ),
            (
                "Error: failed pre-install: 1 error occurred:\n\t* job r-hf-hook failed: BackoffLimitExceeded\n\n\n",
                Cause::Hook,
                Failed,
            ),
            (
                "Error: failed pre-install: 1 error occurred:\n\t* timed out waiting for the condition\n\n\n",
                Cause::Hook,
                Failed,
            ),
            (
                "Error: failed post-install: resource Job/ns/r-hp-hook not ready. status: Failed, message: Job Failed. failed: 1/1",
                Cause::Hook,
                Failed,
            ),
            (
                "level=WARN msg=\"upgrade failed\" name=r-ok error=\"post-upgrade hooks failed: resource Job/ns/r-ok-hook not ready. status: InProgress, message: Job in progress\\ncontext deadline exceeded\"\nError: UPGRADE FAILED: post-upgrade hooks failed: resource Job/ns/r-ok-hook not ready. status: InProgress, message: Job in progress\ncontext deadline exceeded",
                Cause::Hook,
                Failed,
            ),
            (
                "Error: UPGRADE FAILED: context canceled",
                Cause::Cancelled,
                Failed,
            ),
        ],
    );
}

#[test]
fn cause_and_aftermath_are_told_apart() {
    check(
        INSTALL,
        &[
            (
                "Error: UPGRADE FAILED: release web failed, and has been rolled back due to atomic being set: context deadline exceeded",
                Cause::WaitTimeout,
                Aftermath::RolledBack,
            ),
            (
                "Error: release web failed, and has been uninstalled due to rollback-on-failure being set: resource Deployment/ns/web not ready. status: InProgress, message: Available: 0/1\ncontext deadline exceeded",
                Cause::WaitTimeout,
                Aftermath::Uninstalled,
            ),
            (
                "Error: UPGRADE FAILED: an error occurred while rolling back the release. original upgrade error: context deadline exceeded: no revision for release \"web\"",
                Cause::WaitTimeout,
                Aftermath::RollbackFailed,
            ),
        ],
    );
}

#[test]
fn uninstalls_and_rollbacks() {
    check(
        Operation::Uninstall,
        &[
            (
                "Error: uninstall: Release not loaded: nope: release: not found",
                Cause::NotFound,
                Aftermath::Untouched,
            ),
            (
                "Error: uninstallation completed with 1 error(s): context deadline exceeded",
                Cause::WaitTimeout,
                Aftermath::Uninstalled,
            ),
            (
                "Error: uninstallation completed with 1 error(s): resource ConfigMap/ns/r-fin still exists. status: Terminating, message: Resource scheduled for deletion\ncontext deadline exceeded",
                Cause::WaitTimeout,
                Aftermath::Uninstalled,
            ),
            (
                "Error: 1 error occurred:\n\t* job r-dh-hook failed: BackoffLimitExceeded\n\n\n",
                Cause::Hook,
                Aftermath::Pending,
            ),
            (
                "Error: resource Job/ns/r-dh-hook not ready. status: Failed, message: Job Failed. failed: 1/1",
                Cause::Hook,
                Aftermath::Pending,
            ),
            (
                "Error: failed to delete release: web",
                Cause::UninstallFailed,
                Aftermath::Pending,
            ),
        ],
    );
    check(
        Operation::Rollback,
        &[
            (
                "Error: release has no 99 version",
                Cause::NotFound,
                Aftermath::Untouched,
            ),
            (
                "Error: release: not found",
                Cause::NotFound,
                Aftermath::Untouched,
            ),
            (
                "Error: resource Job/ns/r-hook not ready. status: Failed, message: Job Failed. failed: 1/1",
                Cause::Hook,
                Aftermath::Pending,
            ),
            (
                "Error: 1 error occurred:\n\t* job r-hook failed: BackoffLimitExceeded\n\n\n",
                Cause::Hook,
                Aftermath::Pending,
            ),
        ],
    );
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for stderr in ["", "Error: something new", "Killed"] {
        assert_eq!(
            classify(INSTALL, stderr),
            (Cause::Other, Aftermath::Unknown),
            "{stderr}"
        );
    }
    let rendered = classify(Operation::Template, "Error: something new");
    assert_eq!(rendered, (Cause::Other, Aftermath::Untouched));
}

/// A needle that can never match would be a class that is never found.
#[test]
fn every_needle_is_in_lower_case() {
    let needles = CAUSES.iter().flat_map(|(needles, _)| needles.iter());
    let others = AFTERMATHS.iter().map(|(needle, _)| needle).chain(UNDER_WAY);
    for needle in needles.chain(others) {
        assert_eq!(*needle, needle.to_lowercase());
    }
}
