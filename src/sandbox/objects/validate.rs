//! What a kind's own rules say beyond its schema: those that people run into.

use serde_json::{Value, json};

use super::{crds, names};
use crate::sandbox::{kinds::Kind, refusal::Cause};

/// A Secret's or `ConfigMap`'s data, bytes.
const DATA: usize = 1 << 20;

/// What is wrong with a new or changed object.
pub(super) fn check(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    match (&*kind.group, &*kind.kind) {
        _ if kind.custom.is_some() => {}
        ("", "Secret" | "ConfigMap") => data(kind, object, &mut causes),
        ("", "Service") => service(object, &mut causes),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workload(object, &mut causes);
        }
        ("batch", "Job") => job(object, &mut causes),
        ("", "Pod") => pod("spec", &object["spec"], &mut causes),
        _ if crds::is_crd(kind) => crd(object, &mut causes),
        _ => {}
    }
    causes
}

fn data(kind: &Kind, object: &Value, causes: &mut Vec<Cause>) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let secret = kind.kind == "Secret";
    let mut size = 0;
    for field in ["data", "binaryData", "stringData"] {
        for (key, value) in object[field].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let encoded = field == "binaryData" || (secret && field == "data");
            if encoded && STANDARD.decode(text).is_err() {
                let detail = "illegal base64 data";
                causes.push(Cause::invalid(
                    format!("{field}[{key}]"),
                    &json!(text),
                    detail,
                ));
            }
            // Base64 takes four characters for three bytes.
            size += if encoded {
                text.len() / 4 * 3
            } else {
                text.len()
            };
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if key.is_empty() || key.len() > 253 || !key.chars().all(fine) {
                let detail = "a valid config key must consist of alphanumeric characters, '-', '_' \
                              or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used \
                              for validation is '[-._a-zA-Z0-9]+')";
                causes.push(Cause::invalid(
                    format!("{field}[{key}]"),
                    &json!(key),
                    detail,
                ));
            }
        }
    }
    if size > DATA {
        let field = if secret { "data" } else { "" };
        let detail = format!("may not be more than {DATA} bytes");
        causes.push(Cause::too_long(field, &detail));
    }
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    if ports.is_empty() && spec["type"] != "ExternalName" && spec["clusterIP"] != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        if ports.len() > 1 && port["name"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("spec.ports[{index}].name"), ""));
        }
        if !port["port"]
            .as_i64()
            .is_some_and(|port| (1..=65535).contains(&port))
        {
            let detail = "must be between 1 and 65535, inclusive";
            let field = format!("spec.ports[{index}].port");
            causes.push(Cause::invalid(field, &port["port"], detail));
        }
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if let Some(kind) = spec["type"].as_str()
        && !kinds.contains(&kind)
    {
        causes.push(Cause::unsupported("spec.type", &spec["type"], &kinds));
    }
}

fn workload(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    if let Some(replicas) = spec["replicas"].as_i64().filter(|replicas| *replicas < 0) {
        let detail = "must be greater than or equal to 0";
        causes.push(Cause::invalid("spec.replicas", &json!(replicas), detail));
    }
    let selector = &spec["selector"];
    let labels = &spec["template"]["metadata"]["labels"];
    if selector.is_null() {
        causes.push(Cause::required("spec.selector", ""));
    }
    let wanted = selector["matchLabels"].as_object();
    if wanted
        .into_iter()
        .flatten()
        .any(|(key, value)| labels.get(key) != Some(value))
    {
        let detail = "`selector` does not match template `labels`";
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            labels,
            detail,
        ));
    }
    if spec["strategy"]["type"] == "Recreate" && !spec["strategy"]["rollingUpdate"].is_null() {
        let detail = "may not be specified when strategy `type` is 'Recreate'";
        causes.push(Cause::forbidden("spec.strategy.rollingUpdate", detail));
    }
    template(&spec["template"], causes);
    let restart = &spec["template"]["spec"]["restartPolicy"];
    if restart.as_str().is_some_and(|policy| policy != "Always") {
        let field = "spec.template.spec.restartPolicy";
        causes.push(Cause::unsupported(field, restart, &["Always"]));
    }
}

fn job(object: &Value, causes: &mut Vec<Cause>) {
    let template = &object["spec"]["template"];
    self::template(template, causes);
    let restart = &template["spec"]["restartPolicy"];
    if !["Never", "OnFailure"].contains(&restart.as_str().unwrap_or_default()) {
        let field = "spec.template.spec.restartPolicy";
        let known = ["OnFailure", "Never"];
        let shown = if restart.is_null() {
            &json!("Always")
        } else {
            restart
        };
        causes.push(Cause::unsupported(field, shown, &known));
    }
}

fn template(template: &Value, causes: &mut Vec<Cause>) {
    let labels = &template["metadata"]["labels"];
    causes.extend(names::labels("spec.template.labels", labels));
    pod("spec.template.spec", &template["spec"], causes);
}

fn pod(field: &str, spec: &Value, causes: &mut Vec<Cause>) {
    let containers = spec["containers"].as_array().map_or(&[][..], Vec::as_slice);
    if containers.is_empty() {
        causes.push(Cause::required(format!("{field}.containers"), ""));
    }
    let mut seen = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let field = format!("{field}.containers[{index}]");
        let name = container["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            causes.push(Cause::required(format!("{field}.name"), ""));
        } else if seen.contains(&name) {
            let message = format!("Duplicate value: {name:?}");
            let field = format!("{field}.name");
            causes.push(Cause::new("FieldValueDuplicate", field, message));
        }
        seen.push(name);
        if container["image"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("{field}.image"), ""));
        }
        let variables = container["env"].as_array().into_iter().flatten();
        for (index, variable) in variables.enumerate() {
            let said = !variable["value"].as_str().unwrap_or_default().is_empty();
            if said && !variable["valueFrom"].is_null() {
                let field = format!("{field}.env[{index}].valueFrom");
                let detail = "may not be specified when `value` is not empty";
                causes.push(Cause::invalid(field, &json!(""), detail));
            }
        }
        let ports = container["ports"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, port) in ports.iter().enumerate() {
            let named = !port["name"].is_null();
            if named
                && ports[..index]
                    .iter()
                    .any(|other| other["name"] == port["name"])
            {
                let field = format!("{field}.ports[{index}].name");
                let message = format!("Duplicate value: {}", port["name"]);
                causes.push(Cause::new("FieldValueDuplicate", field, message));
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            let handlers = ["exec", "httpGet", "tcpSocket", "grpc"].into_iter();
            let mut handlers = handlers.filter(|it| !container[probe][it].is_null());
            if handlers.next().is_some()
                && let Some(second) = handlers.next()
            {
                let field = format!("{field}.{probe}.{second}");
                let detail = "may not specify more than 1 handler type";
                causes.push(Cause::forbidden(field, detail));
            }
        }
        let volumes = spec["volumes"].as_array().into_iter().flatten();
        let volumes: Vec<&Value> = volumes.map(|volume| &volume["name"]).collect();
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        for (mount_index, mount) in mounts.enumerate() {
            // StatefulSets bring volumes of their own.
            let own = field.starts_with("spec.template");
            if !own && !volumes.contains(&&mount["name"]) {
                let field = format!("{field}.volumeMounts[{mount_index}].name");
                let message = format!("Not found: {}", mount["name"]);
                causes.push(Cause::new("FieldValueNotFound", field, message));
            }
        }
    }
}

fn crd(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = format!(
        "{}.{}",
        text(&spec["names"]["plural"]),
        text(&spec["group"])
    );
    if object["metadata"]["name"] != *name {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        let field = "metadata.name";
        causes.push(Cause::invalid(field, &object["metadata"]["name"], detail));
    }
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    let stored = versions.iter().filter(|version| version["storage"] == true);
    if stored.count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &spec["versions"], detail));
    }
    for (index, version) in versions.iter().enumerate() {
        if !version["schema"]["openAPIV3Schema"].is_object() {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            causes.push(Cause::required(field, "schemas are required"));
        }
        if let Err(error) = crate::sandbox::schema::Schema::from_crd(version) {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            let message = format!("Invalid value: {error}");
            causes.push(Cause::new("FieldValueInvalid", field, message));
        }
    }
    let scopes = ["Cluster", "Namespaced"];
    if !scopes.contains(&spec["scope"].as_str().unwrap_or_default()) {
        causes.push(Cause::unsupported("spec.scope", &spec["scope"], &scopes));
    }
    if spec["conversion"]["strategy"] == "Webhook" {
        let detail = "the stackctl sandbox converts by no webhook";
        causes.push(Cause::forbidden("spec.conversion.strategy", detail));
    }
}
