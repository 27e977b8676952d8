//! Server-side apply and who owns what, case by case; the cluster test compares random sequences
//! with a real server.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::sandbox::schema::{Schema, Schemas};

fn deployment() -> Arc<Schema> {
    Schemas::builtin().get("apps", "v1", "Deployment").unwrap()
}

fn manager(name: &str) -> Manager<'_> {
    Manager {
        name,
        api_version: "apps/v1",
        subresource: "",
        time: "2026-01-01T00:00:00Z",
    }
}

fn object(spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
}

fn applied(
    live: Option<&Value>,
    spec: &Value,
    name: &str,
    force: bool,
) -> Result<Value, ApplyError> {
    apply(
        Some(&deployment()),
        live,
        &object(spec),
        &manager(name),
        force,
    )
}

/// What a manager owns of the spec.
fn owned(object: &Value, name: &str) -> Option<Value> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let entry = entries.iter().find(|entry| entry["manager"] == name)?;
    Some(entry["fieldsV1"]["f:spec"].clone())
}

#[test]
fn a_field_that_is_applied_no_more_goes() {
    let one = applied(None, &json!({"replicas": 2, "paused": true}), "helm", false).unwrap();
    let two = applied(Some(&one), &json!({"replicas": 2}), "helm", false).unwrap();
    assert_eq!(two.pointer("/spec/paused"), None);
    assert_eq!(owned(&two, "helm"), Some(json!({"f:replicas": {}})));
}

#[test]
fn a_field_that_another_one_applies_too_stays() {
    let one = applied(None, &json!({"replicas": 2}), "helm", false).unwrap();
    let two = applied(Some(&one), &json!({"replicas": 2}), "other", false).unwrap();
    let three = applied(Some(&two), &json!({}), "helm", false).unwrap();
    assert_eq!(three.pointer("/spec/replicas"), Some(&json!(2)));
    assert_eq!(owned(&three, "other"), Some(json!({"f:replicas": {}})));
}

#[test]
fn a_conflict_says_with_whom_and_about_what() {
    let one = applied(None, &json!({"replicas": 2, "paused": true}), "helm", false).unwrap();
    let mut two = one.clone();
    two["spec"]["minReadySeconds"] = json!(5);
    track_update(
        Some(&deployment()),
        Some(&one),
        &mut two,
        &manager("kubectl-edit"),
    );

    let conflict = applied(Some(&two), &json!({"replicas": 3}), "other", false).unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "Apply failed with 1 conflict: conflict with \"helm\": .spec.replicas"
    );
    let wanted = json!({"replicas": 3, "paused": false, "minReadySeconds": 6});
    let conflict = applied(Some(&two), &wanted, "other", false).unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"helm\":\n- .spec.paused\n- .spec.replicas\n\
         conflicts with \"kubectl-edit\" using apps/v1:\n- .spec.minReadySeconds"
    );
    let ApplyError::Conflicts(conflicts) = conflict else {
        panic!("{conflict}");
    };
    assert_eq!(
        conflicts.causes().last(),
        Some(&(
            "conflict with \"kubectl-edit\" using apps/v1".to_owned(),
            ".spec.minReadySeconds".to_owned()
        ))
    );

    let forced = applied(Some(&two), &wanted, "other", true).unwrap();
    assert_eq!(forced.pointer("/spec/replicas"), Some(&json!(3)));
    assert_eq!(owned(&forced, "helm"), None);
    assert_eq!(owned(&forced, "kubectl-edit"), None);
}

#[test]
fn an_applied_object_must_fit_its_kind() {
    let refused = applied(None, &json!({"bogus": 1, "replicas": "x"}), "helm", false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed to create typed patch object (/web; apps/v1, Kind=Deployment): errors:\n  \
         .spec.bogus: field not declared in schema\n  \
         .spec.replicas: expected numeric (int or float), got \"x\""
    );
    let spec = json!({"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}});
    let refused = applied(None, &spec, "helm", false).unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with(".spec.template.spec.containers: duplicate entries for key [name=\"a\"]")
    );
    let mut owned = object(&json!({}));
    owned["metadata"]["managedFields"] = json!([]);
    let refused = apply(None, None, &owned, &manager("helm"), true).unwrap_err();
    assert_eq!(refused, ApplyError::ManagedFields);
}

#[test]
fn list_elements_are_owned_one_by_one() {
    let with = |containers: Value| json!({"template": {"spec": {"containers": containers}}});
    let one = with(json!([{"name": "app", "image": "app:1",
        "ports": [{"containerPort": 80, "name": "http"}]}]));
    let one = applied(None, &one, "helm", false).unwrap();
    let two = with(json!([{"name": "sidecar", "image": "s:1"}]));
    let two = applied(Some(&one), &two, "mesh", false).unwrap();
    assert_eq!(
        owned(&two, "mesh").unwrap()["f:template"]["f:spec"]["f:containers"],
        json!({"k:{\"name\":\"sidecar\"}": {".": {}, "f:name": {}, "f:image": {}}})
    );
    // The port's protocol has a default, which is part of its key.
    let ports = &owned(&two, "helm").unwrap()["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"app\"}"]
        ["f:ports"];
    assert_eq!(
        ports,
        &json!({"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":
            {".": {}, "f:containerPort": {}, "f:name": {}}})
    );
    let three = applied(
        Some(&two),
        &with(json!([{"name": "app", "image": "app:2"}])),
        "helm",
        false,
    )
    .unwrap();
    assert_eq!(
        three.pointer("/spec/template/spec/containers/0/ports"),
        None,
        "{three:#}"
    );
    assert_eq!(
        three.pointer("/spec/template/spec/containers/1/name"),
        Some(&json!("sidecar"))
    );
}

#[test]
fn an_update_owns_what_it_changes() {
    let schema = deployment();
    let mut one = object(&json!({"replicas": 2, "strategy": {"type": "Recreate"}}));
    track_update(Some(&schema), None, &mut one, &manager("kubectl-create"));
    assert_eq!(
        owned(&one, "kubectl-create"),
        Some(json!({"f:replicas": {}, "f:strategy": {"f:type": {}}})),
        "strategy is always there: nobody adds it"
    );
    let mut two = one.clone();
    two["spec"]["replicas"] = json!(3);
    track_update(
        Some(&schema),
        Some(&one),
        &mut two,
        &manager("kubectl-edit"),
    );
    assert_eq!(owned(&two, "kubectl-edit"), Some(json!({"f:replicas": {}})));
    assert_eq!(
        owned(&two, "kubectl-create"),
        Some(json!({"f:strategy": {"f:type": {}}}))
    );
    let mut three = two.clone();
    three["metadata"]["managedFields"] = json!([{}]);
    track_update(
        Some(&schema),
        Some(&two),
        &mut three,
        &manager("kubectl-edit"),
    );
    assert_eq!(
        three.pointer("/metadata/managedFields"),
        None,
        "it was reset"
    );
}

#[test]
fn the_status_is_written_apart() {
    let schema = deployment();
    let one = applied(None, &json!({"replicas": 2}), "helm", false).unwrap();
    let mut two = one.clone();
    two["spec"]["replicas"] = json!(9);
    two["status"] = json!({"replicas": 2});
    let status = Manager {
        subresource: "status",
        ..manager("controller")
    };
    keep_other_part(Some(&schema), Some(&one), &mut two, "status");
    track_update(Some(&schema), Some(&one), &mut two, &status);
    assert_eq!(two.pointer("/spec/replicas"), Some(&json!(2)));
    let entries = two.pointer("/metadata/managedFields").unwrap();
    assert_eq!(entries[1]["subresource"], "status");
    assert_eq!(
        entries[1]["fieldsV1"],
        json!({"f:status": {"f:replicas": {}}})
    );

    let mut three = two.clone();
    three["status"] = json!({});
    keep_other_part(Some(&schema), Some(&two), &mut three, "");
    assert_eq!(three.pointer("/status/replicas"), Some(&json!(2)));
}

#[test]
fn a_write_that_changes_nothing_leaves_everything() {
    let schema = deployment();
    let later = Manager {
        time: "2027-01-01T00:00:00Z",
        ..manager("helm")
    };
    let spec = json!({"replicas": 2, "template": {"spec": {"containers": [{"name": "a"}]}}});
    let mut one = applied(None, &spec, "helm", false).unwrap();
    schema.default(&mut one);
    let two = apply(Some(&schema), Some(&one), &object(&spec), &later, false).unwrap();
    assert_eq!(one, two);
    let mut three = two.clone();
    track_update(Some(&schema), Some(&two), &mut three, &later);
    assert_eq!(three, two);
}

#[test]
fn what_was_there_before_the_first_apply_has_an_owner() {
    let mut live = object(&json!({"replicas": 2}));
    live["metadata"]["uid"] = json!("u");
    let conflict = applied(Some(&live), &json!({"replicas": 3}), "helm", false).unwrap_err();
    assert_eq!(
        conflict.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using apps/v1: .spec.replicas"
    );
}

#[test]
fn patches_without_a_schema_do_what_their_rfcs_say() {
    let live = json!({"a": {"b": 1, "c": [1, 2]}});
    assert_eq!(
        merge(&live, &json!({"a": {"b": null, "c": [3]}, "d": 4})),
        json!({"a": {"c": [3]}, "d": 4})
    );
    let patch = json!([{"op": "test", "path": "/a/b", "value": 1},
        {"op": "replace", "path": "/a/c/0", "value": 9}]);
    assert_eq!(
        json(&live, &patch).unwrap(),
        json!({"a": {"b": 1, "c": [9, 2]}})
    );
    let unfit = json!([{"op": "remove", "path": "/x"}]);
    assert!(matches!(json(&live, &unfit), Err(PatchError::Unfit(_))));
    assert!(matches!(
        json(&live, &json!({})),
        Err(PatchError::Malformed(_))
    ));
}
