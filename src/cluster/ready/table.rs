//! The rules as a table: an object as YAML, and what is said of it.

use serde_json::Value;

use super::{Readiness, readiness, waits_for_consumer};

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[track_caller]
fn ready(text: &str) {
    assert_eq!(readiness(Some(&yaml(text))), Readiness::Ready, "{text}");
}

#[track_caller]
fn progressing(text: &str, why: &str) {
    let expected = Readiness::Progressing(why.to_owned());
    assert_eq!(readiness(Some(&yaml(text))), expected, "{text}");
}

#[track_caller]
fn failed(text: &str, why: &str) {
    assert_eq!(
        readiness(Some(&yaml(text))),
        Readiness::Failed(why.to_owned()),
        "{text}"
    );
}

/// `HEAD` of a kind of `apps/v1`, then the spec's and the status' fields.
fn apps(kind: &str, spec: &str, status: &str) -> String {
    format!(
        "{{ apiVersion: apps/v1, kind: {kind}, metadata: {{ name: x, generation: 2 }}, \
         spec: {{ {spec} }}, status: {{ {status} }} }}"
    )
}

const SEEN: &str = "observedGeneration: 2";
const UNSEEN: &str = "its controller has not seen the newest version yet";

#[test]
fn deployments() {
    let deployment = |spec: &str, status: &str| apps("Deployment", spec, status);
    let counts = |updated, total, available| {
        format!(
            "{SEEN}, updatedReplicas: {updated}, replicas: {total}, availableReplicas: {available}"
        )
    };
    ready(&deployment("replicas: 3", &counts(3, 3, 3)));
    ready(&deployment("", &counts(1, 1, 1)));
    ready(&deployment("replicas: 0", SEEN));
    ready(&deployment("paused: true, replicas: 3", &counts(0, 3, 3)));
    progressing(&deployment("replicas: 3", ""), UNSEEN);
    let old = "observedGeneration: 1, updatedReplicas: 3, replicas: 3, availableReplicas: 3";
    progressing(&deployment("replicas: 3", old), UNSEEN);
    progressing(
        &deployment("replicas: 3", &counts(1, 3, 3)),
        "1 of 3 replicas updated",
    );
    progressing(
        &deployment("replicas: 3", &counts(3, 4, 3)),
        "1 old replicas still to end",
    );
    progressing(
        &deployment("replicas: 0", &counts(1, 1, 1)),
        "1 replicas still to end",
    );
    progressing(
        &deployment("replicas: 3", &counts(3, 3, 0)),
        "0 of 3 replicas available",
    );
    let quota = "conditions: [{ type: ReplicaFailure, status: 'True', message: exceeded quota }]";
    progressing(
        &deployment("", &format!("{SEEN}, {quota}")),
        "exceeded quota",
    );
    let late = "conditions: [{ type: Progressing, status: 'False', \
                reason: ProgressDeadlineExceeded }]";
    failed(
        &deployment("replicas: 3", &format!("{}, {late}", counts(3, 3, 1))),
        "no progress within its deadline: 1 of 3 replicas available",
    );
    // The deadline was missed by the version before: the controller has not judged the new one.
    progressing(
        &deployment("", &format!("observedGeneration: 1, {late}")),
        UNSEEN,
    );
}

#[test]
fn stateful_sets() {
    let set = |spec: &str, status: &str| apps("StatefulSet", spec, &format!("{SEEN}, {status}"));
    let same = "currentRevision: b, updateRevision: b";
    let update = "currentRevision: a, updateRevision: b";
    ready(&set(
        "replicas: 2",
        &format!("replicas: 2, readyReplicas: 2, updatedReplicas: 2, {same}"),
    ));
    ready(&set("replicas: 0", same));
    let on_delete = "replicas: 2, updateStrategy: { type: OnDelete }";
    ready(&set(
        on_delete,
        &format!("replicas: 2, readyReplicas: 2, {update}"),
    ));
    progressing(
        &set(on_delete, "replicas: 2, readyReplicas: 1"),
        "1 of 2 replicas ready",
    );
    let partition = "replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } }";
    let all = "replicas: 3, readyReplicas: 3";
    ready(&set(
        partition,
        &format!("{all}, updatedReplicas: 1, {update}"),
    ));
    progressing(
        &set(partition, &format!("{all}, {update}")),
        "0 of 1 replicas updated",
    );
    let beyond = "replicas: 1, updateStrategy: { rollingUpdate: { partition: 2 } }";
    ready(&set(
        beyond,
        &format!("replicas: 1, readyReplicas: 1, {update}"),
    ));
    progressing(
        &set("replicas: 2", "replicas: 1, readyReplicas: 1"),
        "1 of 2 replicas ready",
    );
    progressing(
        &set("replicas: 1", "replicas: 2, readyReplicas: 2"),
        "1 replicas still to end",
    );
    progressing(
        &set(
            "replicas: 2",
            &format!("replicas: 2, readyReplicas: 2, updatedReplicas: 1, {update}"),
        ),
        "1 of 2 replicas updated",
    );
    progressing(
        &set(
            "replicas: 1",
            &format!("replicas: 1, readyReplicas: 1, updatedReplicas: 1, {update}"),
        ),
        "its update is not finished",
    );
    progressing(&apps("StatefulSet", "", "readyReplicas: 1"), UNSEEN);
}

#[test]
fn daemon_sets() {
    let set = |spec: &str, status: &str| apps("DaemonSet", spec, &format!("{SEEN}, {status}"));
    let counts = |scheduled, updated, ready, available| {
        format!(
            "desiredNumberScheduled: 2, currentNumberScheduled: {scheduled}, \
             updatedNumberScheduled: {updated}, numberReady: {ready}, numberAvailable: {available}"
        )
    };
    ready(&set("", &counts(2, 2, 2, 2)));
    ready(&set("", "desiredNumberScheduled: 0"));
    ready(&set(
        "updateStrategy: { type: OnDelete }",
        &counts(2, 0, 2, 2),
    ));
    progressing(&set("", &counts(1, 1, 1, 1)), "1 of 2 pods scheduled");
    progressing(&set("", &counts(2, 1, 2, 2)), "1 of 2 pods updated");
    progressing(&set("", &counts(2, 2, 1, 1)), "1 of 2 pods ready");
    progressing(&set("", &counts(2, 2, 2, 0)), "0 of 2 pods available");
    progressing(&apps("DaemonSet", "", "numberReady: 1"), UNSEEN);
}

#[test]
fn replica_sets() {
    let set = |spec: &str, status: &str| apps("ReplicaSet", spec, &format!("{SEEN}, {status}"));
    ready(&set("replicas: 2", "replicas: 2, availableReplicas: 2"));
    progressing(
        &set("replicas: 2", "replicas: 2"),
        "0 of 2 replicas available",
    );
    progressing(
        &set("replicas: 1", "replicas: 2, availableReplicas: 2"),
        "1 replicas still to end",
    );
}

#[test]
fn pods() {
    let pod = |status: &str| format!("{{ apiVersion: v1, kind: Pod, status: {{ {status} }} }}");
    ready(&pod(
        "phase: Running, conditions: [{ type: Ready, status: 'True' }]",
    ));
    ready(&pod("phase: Succeeded"));
    progressing(&pod("phase: Running"), "not ready");
    progressing(
        &pod("phase: Running, containerStatuses: \
              [{ name: web, state: { waiting: { reason: CrashLoopBackOff } } }]"),
        "container web: CrashLoopBackOff",
    );
    progressing(
        &pod("phase: Pending, conditions: \
              [{ type: PodScheduled, status: 'False', message: 0/1 nodes are available }]"),
        "0/1 nodes are available",
    );
    failed(
        &pod("phase: Failed, reason: Evicted, message: node was low on memory"),
        "node was low on memory",
    );
    failed(&pod("phase: Failed"), "a container ended in error");
}

#[test]
fn jobs() {
    let job = |spec: &str, status: &str| {
        format!("{{ apiVersion: batch/v1, kind: Job, spec: {{ {spec} }}, status: {{ {status} }} }}")
    };
    ready(&job("", "conditions: [{ type: Complete, status: 'True' }]"));
    ready(&job("suspend: true", ""));
    progressing(&job("completions: 3", "succeeded: 1"), "1 of 3 completions");
    progressing(&job("", "failed: 2"), "0 of 1 completions, 2 pods failed");
    failed(
        &job(
            "",
            "conditions: [{ type: Failed, status: 'True', reason: BackoffLimitExceeded, \
                  message: Job has reached the specified backoff limit }]",
        ),
        "Job has reached the specified backoff limit (BackoffLimitExceeded)",
    );
    failed(
        &job(
            "suspend: true",
            "conditions: [{ type: Failed, status: 'True' }]",
        ),
        "it failed",
    );
}

#[test]
fn claims() {
    let claim = |phase: &str| {
        format!("{{ apiVersion: v1, kind: PersistentVolumeClaim, status: {{ phase: {phase} }} }}")
    };
    ready(&claim("Bound"));
    progressing(&claim("Pending"), "it is not bound to a volume");
    failed(&claim("Lost"), "its volume is lost");

    let late = yaml("{ volumeBindingMode: WaitForFirstConsumer }");
    let at_once = yaml("{ volumeBindingMode: Immediate }");
    let pending = yaml(&claim("Pending"));
    assert!(waits_for_consumer(&pending, &late));
    assert!(!waits_for_consumer(&pending, &at_once));
    assert!(!waits_for_consumer(&yaml(&claim("Lost")), &late));
    let used = yaml(
        "{ metadata: { annotations: { volume.kubernetes.io/selected-node: n1 } }, \
         status: { phase: Pending } }",
    );
    assert!(!waits_for_consumer(&used, &late));
}

#[test]
fn services() {
    let service = |spec: &str, status: &str| {
        format!("{{ apiVersion: v1, kind: Service, spec: {{ {spec} }}, status: {{ {status} }} }}")
    };
    ready(&service("type: ClusterIP", ""));
    ready(&service("type: ExternalName", ""));
    ready(&service(
        "type: LoadBalancer",
        "loadBalancer: { ingress: [{ ip: 1.2.3.4 }] }",
    ));
    ready(&service("type: LoadBalancer, externalIPs: [1.2.3.4]", ""));
    progressing(
        &service("type: LoadBalancer", "loadBalancer: {}"),
        "its load balancer has no address yet",
    );
}

#[test]
fn definitions_and_api_services() {
    let object = |head: &str, conditions: &str| {
        format!("{{ {head}, status: {{ conditions: [{conditions}] }} }}")
    };
    let crd = "apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition";
    let accepted = "{ type: NamesAccepted, status: 'True' }";
    ready(&object(
        crd,
        &format!("{accepted}, {{ type: Established, status: 'True' }}"),
    ));
    progressing(&object(crd, accepted), "not established");
    progressing(
        &object(
            crd,
            "{ type: Established, status: 'False', message: installing }",
        ),
        "installing",
    );
    failed(
        &object(
            crd,
            "{ type: NamesAccepted, status: 'False', message: widgets is in use }",
        ),
        "widgets is in use",
    );
    let service = "apiVersion: apiregistration.k8s.io/v1, kind: APIService";
    ready(&object(service, "{ type: Available, status: 'True' }"));
    progressing(
        &object(
            service,
            "{ type: Available, status: 'False', message: no endpoints }",
        ),
        "no endpoints",
    );
    progressing(&object(service, ""), "not available");
}

#[test]
fn namespaces_and_budgets() {
    ready("{ apiVersion: v1, kind: Namespace, status: { phase: Active } }");
    progressing(
        "{ apiVersion: v1, kind: Namespace, status: { phase: Terminating } }",
        "it is Terminating",
    );
    let budget = |status: &str| {
        format!(
            "{{ apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {{ generation: 1 }}, \
             status: {{ {status} }} }}"
        )
    };
    ready(&budget(
        "observedGeneration: 1, currentHealthy: 0, desiredHealthy: 1",
    ));
    progressing(&budget(""), UNSEEN);
}

#[test]
fn custom_resources() {
    let custom = |status: &str| {
        format!(
            "{{ apiVersion: example.com/v1, kind: Widget, metadata: {{ generation: 2 }}, \
             status: {{ {status} }} }}"
        )
    };
    let condition = |kind: &str, status: &str| {
        format!("conditions: [{{ type: {kind}, status: '{status}', message: words }}]")
    };
    ready(&custom(""));
    ready("{ apiVersion: example.com/v1, kind: Widget, metadata: {} }");
    ready(&custom(&condition("Ready", "True")));
    ready(&custom(&condition("Synced", "False")));
    progressing(&custom(&condition("Ready", "False")), "words");
    progressing(&custom(&condition("Ready", "Unknown")), "words");
    progressing(&custom(&condition("Reconciling", "True")), "words");
    progressing(
        &custom(&format!(
            "observedGeneration: 1, {}",
            condition("Ready", "True")
        )),
        UNSEEN,
    );
    progressing(
        &custom("conditions: [{ type: Ready, status: 'True', observedGeneration: 1 }]"),
        "its Ready condition is of an older version",
    );
    failed(&custom(&condition("Stalled", "True")), "words");
}
