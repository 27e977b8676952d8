//! Fills in what an object leaves out: a CRD's defaults, and of the built-in kinds those defaults
//! that Helm, kubectl and our controllers read, or that a user sees at once.
//!
//! From the Kubernetes API reference; where it says nothing, from what a real server answers.

use serde_json::{Map, Value, json};

use super::{Place, Schema, quantity};

type Fields = Map<String, Value>;

impl Schema {
    /// Fills in defaults, at every depth.
    pub(in crate::sandbox) fn default(&self, object: &mut Value) {
        self.default_value(self.root(), object);
    }

    /// Adds those parts of a built-in object that are always there, if only empty or null: so that
    /// two objects can be compared as their Go types would be.
    pub(in crate::sandbox) fn complete(&self, object: &mut Value) {
        if self.built_in {
            complete(self.root(), object);
        }
    }

    fn default_value(&self, place: Place<'_>, value: &mut Value) {
        match value {
            Value::Object(fields) if !place.is_scalar() => {
                if self.built_in
                    && let Some(definition) = place.definition()
                {
                    of_definition(definition, fields);
                }
                for (name, below) in place.properties() {
                    self.default_property(name, below, fields);
                }
                for (name, value) in fields.iter_mut() {
                    if let Some(below) = place.field(name) {
                        self.default_value(below, value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(below) = place.items() {
                    for item in items {
                        self.default_value(below, item);
                    }
                }
            }
            value if self.built_in && place.definition() == Some(quantity::DEFINITION) => {
                quantity::settle(value);
            }
            _ => {}
        }
    }

    fn default_property(&self, name: &str, place: Place<'_>, fields: &mut Fields) {
        let Some(default) = place.default() else {
            return;
        };
        // Of a built-in kind, an empty default only says how its Go type looks.
        if self.built_in && is_zero(default) && !place.is_always_there() {
            return;
        }
        let given = match fields.get(name) {
            None => false,
            Some(Value::Null) => place.node.nullable,
            Some(_) => true,
        };
        if !given {
            fields.insert(name.to_owned(), default.clone());
        }
    }
}

fn complete(place: Place<'_>, value: &mut Value) {
    match value {
        Value::Object(fields) if !place.is_scalar() => {
            for (name, below) in place.properties() {
                if below.is_always_there() {
                    fill(fields, [(name, json!({}))]);
                }
            }
            for name in &place.node.required {
                fields.entry(name).or_insert(Value::Null);
            }
            for (name, value) in fields.iter_mut() {
                if let Some(below) = place.field(name) {
                    complete(below, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(below) = place.items() {
                for item in items {
                    complete(below, item);
                }
            }
        }
        _ => {}
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Sets each field that is not there.
fn fill<const N: usize>(fields: &mut Fields, defaults: [(&str, Value); N]) {
    for (name, value) in defaults {
        if fields.get(name).is_none_or(Value::is_null) {
            fields.insert(name.to_owned(), value);
        }
    }
}

/// The object below a field, made if it is not there.
fn below<'a>(fields: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    fill(fields, [(name, json!({}))]);
    fields.get_mut(name).and_then(Value::as_object_mut)
}

fn is(fields: &Fields, name: &str, text: &str) -> bool {
    fields.get(name).and_then(Value::as_str) == Some(text)
}

fn has(fields: &Fields, name: &str) -> bool {
    fields.get(name).is_some_and(|value| !value.is_null())
}

/// The defaults of one type, by its name in OpenAPI.
fn of_definition(definition: &str, fields: &mut Fields) {
    let Some(name) = definition.strip_prefix("io.k8s.api.") else {
        return of_machinery(definition, fields);
    };
    let Some((group, rest)) = name.split_once('.') else {
        return;
    };
    match group {
        "apps" => of_apps(rest, fields),
        "batch" => of_batch(rest, fields),
        "core" => of_core(rest, fields),
        _ => of_others(name, fields),
    }
}

fn of_apps(name: &str, fields: &mut Fields) {
    match name {
        "v1.DeploymentSpec" => {
            fill(
                fields,
                [
                    ("replicas", json!(1)),
                    ("revisionHistoryLimit", json!(10)),
                    ("progressDeadlineSeconds", json!(600)),
                ],
            );
            rolling(
                fields,
                "strategy",
                &json!({"maxUnavailable": "25%", "maxSurge": "25%"}),
            );
        }
        "v1.StatefulSetSpec" => {
            fill(
                fields,
                [
                    ("replicas", json!(1)),
                    ("revisionHistoryLimit", json!(10)),
                    ("podManagementPolicy", json!("OrderedReady")),
                ],
            );
            if let Some(policy) = below(fields, "persistentVolumeClaimRetentionPolicy") {
                let retain = json!("Retain");
                fill(
                    policy,
                    [("whenDeleted", retain.clone()), ("whenScaled", retain)],
                );
            }
            rolling(
                fields,
                "updateStrategy",
                &json!({"partition": 0, "maxUnavailable": 1}),
            );
            let claims = fields.get_mut("volumeClaimTemplates");
            for claim in claims.and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(claim) = claim.as_object_mut() {
                    fill(
                        claim,
                        [
                            ("apiVersion", json!("v1")),
                            ("kind", json!("PersistentVolumeClaim")),
                        ],
                    );
                }
            }
        }
        "v1.DaemonSetSpec" => {
            fill(fields, [("revisionHistoryLimit", json!(10))]);
            rolling(
                fields,
                "updateStrategy",
                &json!({"maxUnavailable": 1, "maxSurge": 0}),
            );
        }
        "v1.ReplicaSetSpec" => fill(fields, [("replicas", json!(1))]),
        _ => {}
    }
}

fn rolling(fields: &mut Fields, strategy: &str, parameters: &Value) {
    let Some(strategy) = below(fields, strategy) else {
        return;
    };
    fill(strategy, [("type", json!("RollingUpdate"))]);
    if is(strategy, "type", "RollingUpdate")
        && let (Some(rolling), Some(parameters)) =
            (below(strategy, "rollingUpdate"), parameters.as_object())
    {
        for (name, value) in parameters {
            fill(rolling, [(name, value.clone())]);
        }
    }
}

fn of_batch(name: &str, fields: &mut Fields) {
    match name {
        "v1.Job" => {
            let Some(spec) = below(fields, "spec") else {
                return;
            };
            if !has(spec, "completions") && !has(spec, "parallelism") {
                fill(spec, [("completions", json!(1))]);
            }
            fill(
                spec,
                [
                    ("parallelism", json!(1)),
                    ("backoffLimit", json!(6)),
                    ("completionMode", json!("NonIndexed")),
                    ("manualSelector", json!(false)),
                    ("suspend", json!(false)),
                    ("podReplacementPolicy", json!("TerminatingOrFailed")),
                ],
            );
        }
        "v1.CronJobSpec" => fill(
            fields,
            [
                ("concurrencyPolicy", json!("Allow")),
                ("suspend", json!(false)),
                ("successfulJobsHistoryLimit", json!(3)),
                ("failedJobsHistoryLimit", json!(1)),
            ],
        ),
        _ => {}
    }
}

fn of_core(name: &str, fields: &mut Fields) {
    match name {
        "v1.Pod" => {
            if let Some(spec) = below(fields, "spec") {
                fill(spec, [("enableServiceLinks", json!(true))]);
                for containers in ["initContainers", "containers"] {
                    let containers = spec.get_mut(containers).and_then(Value::as_array_mut);
                    containers.into_iter().flatten().for_each(request_limits);
                }
            }
        }
        "v1.PodSpec" => {
            fill(
                fields,
                [
                    ("dnsPolicy", json!("ClusterFirst")),
                    ("restartPolicy", json!("Always")),
                    ("schedulerName", json!("default-scheduler")),
                    ("securityContext", json!({})),
                    ("terminationGracePeriodSeconds", json!(30)),
                ],
            );
            // The older field says the same.
            if let Some(account) = fields.get("serviceAccountName").cloned() {
                fill(fields, [("serviceAccount", account)]);
            }
        }
        "v1.Container" | "v1.EphemeralContainer" => {
            let image = fields.get("image").and_then(Value::as_str).unwrap_or("");
            let policy = if is_latest(image) {
                "Always"
            } else {
                "IfNotPresent"
            };
            fill(
                fields,
                [
                    ("imagePullPolicy", json!(policy)),
                    ("resources", json!({})),
                    ("terminationMessagePath", json!("/dev/termination-log")),
                    ("terminationMessagePolicy", json!("File")),
                ],
            );
        }
        "v1.Probe" => fill(
            fields,
            [
                ("timeoutSeconds", json!(1)),
                ("periodSeconds", json!(10)),
                ("successThreshold", json!(1)),
                ("failureThreshold", json!(3)),
            ],
        ),
        "v1.HTTPGetAction" => fill(fields, [("scheme", json!("HTTP")), ("path", json!("/"))]),
        "v1.GRPCAction" => fill(fields, [("service", json!(""))]),
        "v1.ObjectFieldSelector" => fill(fields, [("apiVersion", json!("v1"))]),
        "v1.SecretVolumeSource"
        | "v1.ConfigMapVolumeSource"
        | "v1.DownwardAPIVolumeSource"
        | "v1.ProjectedVolumeSource" => fill(fields, [("defaultMode", json!(0o644))]),
        "v1.ServiceAccountTokenProjection" => fill(fields, [("expirationSeconds", json!(3600))]),
        "v1.HostPathVolumeSource" => fill(fields, [("type", json!(""))]),
        "v1.Volume" if fields.len() == 1 && fields.contains_key("name") => {
            fill(fields, [("emptyDir", json!({}))]);
        }
        "v1.Secret" => fill(fields, [("type", json!("Opaque"))]),
        "v1.ServiceSpec" => of_service(fields),
        "v1.PersistentVolumeClaim" | "v1.PersistentVolume" => {
            if let Some(status) = below(fields, "status") {
                fill(status, [("phase", json!("Pending"))]);
            }
        }
        "v1.PersistentVolumeClaimSpec" => fill(fields, [("volumeMode", json!("Filesystem"))]),
        "v1.PersistentVolumeSpec" => fill(
            fields,
            [
                ("volumeMode", json!("Filesystem")),
                ("persistentVolumeReclaimPolicy", json!("Retain")),
            ],
        ),
        "v1.Namespace" => {
            if let Some(status) = below(fields, "status") {
                fill(status, [("phase", json!("Active"))]);
            }
        }
        _ => {}
    }
}

/// A pod's containers request their limits, unless they say less.
fn request_limits(container: &mut Value) {
    let Some(Value::Object(limits)) = container.pointer("/resources/limits").cloned() else {
        return;
    };
    let resources = container
        .get_mut("resources")
        .and_then(Value::as_object_mut);
    if let Some(requests) = resources.and_then(|resources| below(resources, "requests")) {
        for (resource, amount) in limits {
            fill(requests, [(resource.as_str(), amount)]);
        }
    }
}

/// `image`, `image:latest`; not `image:1.2`, `image@sha256:…`.
fn is_latest(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains('@') {
        return false;
    }
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn of_service(fields: &mut Fields) {
    fill(
        fields,
        [
            ("type", json!("ClusterIP")),
            ("sessionAffinity", json!("None")),
        ],
    );
    if is(fields, "sessionAffinity", "ClientIP") {
        fill(
            fields,
            [(
                "sessionAffinityConfig",
                json!({"clientIP": {"timeoutSeconds": 10800}}),
            )],
        );
    } else {
        fields.remove("sessionAffinityConfig");
    }
    if !is(fields, "type", "ExternalName") {
        fill(fields, [("internalTrafficPolicy", json!("Cluster"))]);
    }
    let external = fields.get("externalIPs").and_then(Value::as_array);
    let reached = external.is_some_and(|addresses| !addresses.is_empty());
    if reached || is(fields, "type", "NodePort") || is(fields, "type", "LoadBalancer") {
        fill(fields, [("externalTrafficPolicy", json!("Cluster"))]);
    } else {
        // Nothing from outside reaches it any more.
        fields.remove("externalTrafficPolicy");
    }
    if is(fields, "type", "LoadBalancer") {
        fill(fields, [("allocateLoadBalancerNodePorts", json!(true))]);
    }
    let ports = fields.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            fill(port, [("protocol", json!("TCP"))]);
            if let Some(number) = port.get("port").cloned() {
                fill(port, [("targetPort", number)]);
            }
        }
    }
}

fn of_others(name: &str, fields: &mut Fields) {
    const RBAC: &str = "rbac.authorization.k8s.io";
    match name {
        "rbac.v1.RoleRef" => fill(fields, [("apiGroup", json!(RBAC))]),
        "rbac.v1.Subject" if is(fields, "kind", "User") || is(fields, "kind", "Group") => {
            fill(fields, [("apiGroup", json!(RBAC))]);
        }
        "networking.v1.NetworkPolicySpec" => {
            let mut types = vec!["Ingress"];
            if has(fields, "egress") {
                types.push("Egress");
            }
            fill(fields, [("policyTypes", json!(types))]);
        }
        "networking.v1.NetworkPolicyPort" => fill(fields, [("protocol", json!("TCP"))]),
        "storage.v1.StorageClass" => fill(
            fields,
            [
                ("reclaimPolicy", json!("Delete")),
                ("volumeBindingMode", json!("Immediate")),
            ],
        ),
        "scheduling.v1.PriorityClass" => {
            fill(
                fields,
                [("preemptionPolicy", json!("PreemptLowerPriority"))],
            );
        }
        "autoscaling.v1.HorizontalPodAutoscalerSpec"
        | "autoscaling.v2.HorizontalPodAutoscalerSpec" => {
            fill(fields, [("minReplicas", json!(1))]);
        }
        "admissionregistration.v1.ValidatingWebhook" => webhook(fields),
        "admissionregistration.v1.MutatingWebhook" => {
            webhook(fields);
            fill(fields, [("reinvocationPolicy", json!("Never"))]);
        }
        "admissionregistration.v1.RuleWithOperations" => fill(fields, [("scope", json!("*"))]),
        "admissionregistration.v1.ServiceReference" => fill(fields, [("port", json!(443))]),
        _ => {}
    }
}

fn webhook(fields: &mut Fields) {
    fill(
        fields,
        [
            ("failurePolicy", json!("Fail")),
            ("matchPolicy", json!("Equivalent")),
            ("namespaceSelector", json!({})),
            ("objectSelector", json!({})),
            ("timeoutSeconds", json!(10)),
        ],
    );
}

fn of_machinery(definition: &str, fields: &mut Fields) {
    match definition {
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec" => {
            fill(fields, [("conversion", json!({"strategy": "None"}))]);
        }
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames" => {
            let kind = fields
                .get("kind")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if let Some(kind) = kind {
                fill(
                    fields,
                    [
                        ("singular", json!(kind.to_lowercase())),
                        ("listKind", json!(format!("{kind}List"))),
                    ],
                );
            }
        }
        "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference"
        | "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference" => {
            fill(fields, [("port", json!(443))]);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schemas;
    use super::*;

    #[test]
    fn a_deployment_gets_what_helm_and_kubectl_read() {
        let schema = Schemas::builtin().get("apps", "v1", "Deployment").unwrap();
        let mut object = json!({"spec": {"template": {"spec": {"containers": [{
            "name": "a", "image": "corp:5000/app", "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": "1"}}, "readinessProbe": {"httpGet": {"port": 80}}}]}}}});
        schema.default(&mut object);
        assert_eq!(
            object,
            json!({"metadata": {}, "status": {}, "spec": {
                "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                "strategy": {"type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                "template": {"metadata": {}, "spec": {
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "securityContext": {},
                    "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
                    "containers": [{
                        "name": "a", "image": "corp:5000/app", "imagePullPolicy": "Always",
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "resources": {"limits": {"cpu": "1"}},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "readinessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1,
                            "failureThreshold": 3}}]}}}})
        );
        let once = object.clone();
        schema.default(&mut object);
        assert_eq!(object, once, "defaults are filled in once");
    }

    #[test]
    fn a_crd_says_its_own_defaults() {
        let schema = Schema::from_crd(&json!({"schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {"type": "object", "default": {},
            "properties": {
                "color": {"type": "string", "default": "red"},
                "maybe": {"type": "string", "default": "x", "nullable": true},
                "parts": {"type": "array", "items": {"type": "object", "properties": {
                    "on": {"type": "boolean", "default": false}}}},
            }}}}}}))
        .unwrap();
        let mut object = json!({});
        schema.default(&mut object);
        assert_eq!(object, json!({"spec": {"color": "red", "maybe": "x"}}));
        let mut object = json!({"spec": {"color": null, "maybe": null, "parts": [{}]}});
        schema.default(&mut object);
        assert_eq!(
            object,
            json!({"spec": {"color": "red", "maybe": null, "parts": [{"on": false}]}})
        );
    }

    #[test]
    fn the_tag_decides_when_an_image_is_pulled() {
        for (image, latest) in [
            ("nginx", true),
            ("corp:5000/nginx", true),
            ("nginx:latest", true),
            ("nginx:1.2", false),
            ("corp/nginx@sha256:00", false),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }
}
