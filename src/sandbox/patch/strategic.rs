//! Strategic merge patches: merge patches that know which lists are merged, by which field, and
//! that may carry directives (`$patch`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…`,
//! `$retainKeys`). Only built-in kinds have them.

use serde_json::{Map, Value};

use super::PatchError;
use crate::sandbox::schema::{Place, Schema};

/// What to do with the object that says it.
const PATCH: &str = "$patch";

/// The only fields an object keeps.
const RETAIN_KEYS: &str = "$retainKeys";

/// The elements to remove from a list of simple values.
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// The order of a list's elements.
const ORDER: &str = "$setElementOrder/";

type Fields = Map<String, Value>;

/// The object changed by a strategic merge patch.
pub(in crate::sandbox) fn strategic(
    schema: &Schema,
    live: &Value,
    patch: &Value,
) -> Result<Value, PatchError> {
    let (Some(live), Some(patch)) = (live.as_object(), patch.as_object()) else {
        return Err(malformed("a patch must be an object"));
    };
    let place = Some(schema.root());
    Ok(Value::Object(merge_objects(place, live.clone(), patch)?))
}

fn malformed(what: impl Into<String>) -> PatchError {
    PatchError::Malformed(what.into())
}

fn merge_objects(
    place: Option<Place<'_>>,
    mut live: Fields,
    patch: &Fields,
) -> Result<Fields, PatchError> {
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                let mut new = patch.clone();
                new.remove(PATCH);
                Ok(new)
            }
            Some("delete") => Ok(Fields::new()),
            _ => Err(malformed(format!("unknown patch type found: {directive}"))),
        };
    }
    let mut patch = patch.clone();
    retain_keys(&mut live, &mut patch)?;
    merge_ordered_lists(place, &mut live, &mut patch)?;
    for (name, wanted) in patch {
        let below = place.and_then(|place| place.field(name.as_str()));
        if let Some(name) = name.strip_prefix(DELETE_FROM) {
            delete_from(&mut live, name, &wanted)?;
            continue;
        }
        let before = live.get(&name).cloned();
        let after = match (before, wanted) {
            (_, Value::Null) => {
                live.remove(&name);
                continue;
            }
            (Some(Value::Object(before)), Value::Object(wanted))
                if below.is_none_or(|below| !below.patch_strategy().replace) =>
            {
                Value::Object(merge_objects(below, before, &wanted)?)
            }
            (Some(Value::Array(before)), Value::Array(wanted)) if merges(below) => {
                Value::Array(merge_lists(below, before, &wanted)?)
            }
            (_, wanted) => match without_directives(wanted) {
                Some(wanted) => wanted,
                None => continue,
            },
        };
        live.insert(name, after);
    }
    Ok(live)
}

fn merges(place: Option<Place<'_>>) -> bool {
    place.is_some_and(|place| place.patch_strategy().merge)
}

/// What is new is taken as it is, but for what only patches say. None for nulls and directives.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        // There is nothing to delete or to replace.
        Value::Object(fields) if fields.contains_key(PATCH) => None,
        Value::Object(fields) => {
            let kept = fields.into_iter().filter_map(|(name, value)| {
                let directive =
                    name == RETAIN_KEYS || name.starts_with(DELETE_FROM) || name.starts_with(ORDER);
                if directive {
                    return None;
                }
                Some((name, without_directives(value)?))
            });
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => {
            let kept = items.into_iter().filter_map(without_directives);
            Some(Value::Array(kept.collect()))
        }
        other => Some(other),
    }
}

fn retain_keys(live: &mut Fields, patch: &mut Fields) -> Result<(), PatchError> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Some(keys) = keys.as_array() else {
        return Err(malformed("$retainKeys must be a list"));
    };
    let retained = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    let stray = patch
        .iter()
        .find(|(name, value)| !value.is_null() && !name.starts_with('$') && !retained(name));
    if let Some((name, _)) = stray {
        return Err(malformed(format!(
            "$retainKeys does not name the field {name:?} that the patch sets"
        )));
    }
    live.retain(|name, _| retained(name));
    Ok(())
}

fn delete_from(live: &mut Fields, name: &str, gone: &Value) -> Result<(), PatchError> {
    let Some(gone) = gone.as_array() else {
        return Err(malformed(format!("{DELETE_FROM}{name} must be a list")));
    };
    if let Some(list) = live.get_mut(name).and_then(Value::as_array_mut) {
        list.retain(|item| !gone.contains(item));
    }
    Ok(())
}

/// Merges the lists whose order the patch gives, and takes them out of the patch.
fn merge_ordered_lists(
    place: Option<Place<'_>>,
    live: &mut Fields,
    patch: &mut Fields,
) -> Result<(), PatchError> {
    let ordered: Vec<String> = patch
        .keys()
        .filter_map(|name| name.strip_prefix(ORDER))
        .map(str::to_owned)
        .collect();
    for name in ordered {
        let Some(Value::Array(order)) = patch.remove(&format!("{ORDER}{name}")) else {
            return Err(malformed(format!("{ORDER}{name} must be a list")));
        };
        let below = place.and_then(|place| place.field(&name));
        let key = below.and_then(|below| below.patch_strategy().key);
        let wanted = match patch.remove(&name) {
            Some(Value::Array(wanted)) => Some(wanted),
            Some(_) => return Err(malformed(format!("{name} must be a list"))),
            None => None,
        };
        if let Some(wanted) = &wanted {
            check_order(&name, key, wanted, &order)?;
        }
        let deleted = patch.remove(&format!("{DELETE_FROM}{name}"));
        if let Some(deleted) = &deleted {
            delete_from(live, &name, deleted)?;
        }
        let before = match live.get(&name) {
            Some(Value::Array(list)) => Some(list.clone()),
            _ => None,
        };
        let merged = match (before.clone(), wanted) {
            (None, None) => continue,
            (Some(before), None) => before,
            (Some(before), Some(wanted)) if merges(below) => merge_lists(below, before, &wanted)?,
            (_, Some(wanted)) => wanted.into_iter().filter_map(without_directives).collect(),
        };
        let merged = in_order(merged, &order, &before.unwrap_or_default(), key);
        live.insert(name, Value::Array(merged));
    }
    Ok(())
}

/// Every element of the patch must be in the order that the patch gives, and in that order.
fn check_order(
    name: &str,
    key: Option<&str>,
    wanted: &[Value],
    order: &[Value],
) -> Result<(), PatchError> {
    let mut rest = order.iter();
    let listed = |item: &Value| item.get(PATCH).is_none();
    let fits = wanted
        .iter()
        .filter(|item| listed(item))
        .all(|item| rest.any(|other| same(item, other, key)));
    if fits {
        return Ok(());
    }
    let [wanted, order] = [wanted, order].map(|list| Value::from(list.to_vec()));
    Err(malformed(format!(
        "The order in patch list:\n{wanted}\n doesn't match {ORDER}{name} list:\n{order}\n"
    )))
}

fn same(one: &Value, two: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => one.get(key).is_some() && one.get(key) == two.get(key),
        None => one == two,
    }
}

fn merge_lists(
    place: Option<Place<'_>>,
    live: Vec<Value>,
    patch: &[Value],
) -> Result<Vec<Value>, PatchError> {
    let objects = live.iter().chain(patch).any(Value::is_object);
    if !objects {
        let mut merged: Vec<Value> = Vec::new();
        for item in live.iter().chain(patch) {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        return Ok(in_order(merged, patch, &live, None));
    }
    let key = place.and_then(|place| place.patch_strategy().key);
    let Some(key) = key else {
        return Err(malformed("cannot merge lists without merge key"));
    };
    let (mut live, patch) = without_special_elements(live, patch, key)?;
    let Some(patch) = patch else {
        return Ok(live);
    };
    let order = live.clone();
    let below = place.and_then(Place::items);
    for item in &patch {
        let Some(wanted) = item.as_object().filter(|fields| fields.contains_key(key)) else {
            return Err(malformed(format!(
                "map: {item} does not contain declared merge key: {key}"
            )));
        };
        match live.iter_mut().find(|other| same(other, item, Some(key))) {
            Some(Value::Object(before)) => {
                *before = merge_objects(below, std::mem::take(before), wanted)?;
            }
            // Taken as it is: directives inside of it are unknown fields then.
            _ => live.push(item.clone()),
        }
    }
    Ok(in_order(live, &patch, &order, Some(key)))
}

/// Carries out the elements that say `$patch`. The second list is what is left to merge; none if
/// the first one is the result.
fn without_special_elements(
    mut live: Vec<Value>,
    patch: &[Value],
    key: &str,
) -> Result<(Vec<Value>, Option<Vec<Value>>), PatchError> {
    let mut replaces = false;
    let mut rest = Vec::new();
    for item in patch {
        match item.get(PATCH).map(Value::as_str) {
            None => rest.push(item.clone()),
            Some(Some("delete")) if item.get(key).is_some() => {
                live.retain(|other| !same(other, item, Some(key)));
            }
            Some(Some("delete")) => {
                return Err(malformed("delete patch type with no merge key defined"));
            }
            Some(Some("replace")) => replaces = true,
            Some(Some("merge")) => {
                return Err(malformed(
                    "merging lists cannot yet be specified in the patch",
                ));
            }
            Some(other) => {
                return Err(malformed(format!("unknown patch type found: {other:?}")));
            }
        }
    }
    Ok(if replaces {
        (rest, None)
    } else {
        (live, Some(rest))
    })
}

/// Puts elements into the patch's order; those that only the server has stay before the first one
/// of the patch that was behind them.
fn in_order(
    items: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let index =
        |order: &[Value], item: &Value| order.iter().position(|other| same(other, item, key));
    let (mut ours, mut theirs): (Vec<Value>, Vec<Value>) = items
        .into_iter()
        .partition(|item| index(patch_order, item).is_some());
    ours.sort_by_key(|item| index(patch_order, item));
    theirs.sort_by_key(|item| index(server_order, item));
    let mut ordered = Vec::with_capacity(ours.len() + theirs.len());
    let mut theirs = theirs.into_iter().peekable();
    for item in ours {
        let at = index(server_order, &item);
        while let Some(other) =
            theirs.next_if(|other| at.is_some() && index(server_order, other) < at)
        {
            ordered.push(other);
        }
        ordered.push(item);
    }
    ordered.extend(theirs);
    ordered
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::schema::Schemas;

    fn patched(live: &Value, patch: &Value) -> Result<Value, PatchError> {
        let schema = Schemas::builtin().get("apps", "v1", "Deployment").unwrap();
        strategic(&schema, live, patch)
    }

    fn pod(spec: &Value) -> Value {
        json!({"spec": {"template": {"spec": spec}}})
    }

    #[test]
    fn lists_with_a_key_are_merged_and_others_replaced() {
        let live = pod(&json!({"containers": [
            {"name": "a", "image": "a:1", "args": ["x", "y"], "env": [{"name": "A", "value": "1"}]},
            {"name": "b", "image": "b:1"},
        ], "nodeSelector": {"x": "1"}}));
        let patch = pod(&json!({"containers": [
            {"name": "a", "args": ["z"], "env": [{"name": "B", "value": "2"}]},
            {"name": "c", "image": "c:1"},
        ], "nodeSelector": {"x": null, "y": "2"}}));
        assert_eq!(
            patched(&live, &patch).unwrap(),
            pod(&json!({"containers": [
                {"name": "a", "image": "a:1", "args": ["z"],
                    "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
                {"name": "c", "image": "c:1"},
                {"name": "b", "image": "b:1"},
            ], "nodeSelector": {"y": "2"}}))
        );
    }

    #[test]
    fn directives_delete_replace_and_retain() {
        let live = json!({
            "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1"}},
            "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
                "template": {"spec": {
                    "containers": [{"name": "a"}, {"name": "b"}],
                    "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]}}},
        });
        let patch = json!({
            "metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"],
                "labels": {"$patch": "replace", "y": "2"}},
            "spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"},
                "template": {"spec": {
                    "containers": [{"name": "b", "$patch": "delete"}],
                    "volumes": [{"$patch": "replace"}, {"name": "z", "emptyDir": {}}]}}},
        });
        assert_eq!(
            patched(&live, &patch).unwrap(),
            json!({
                "metadata": {"finalizers": ["c", "b"], "labels": {"y": "2"}},
                "spec": {"strategy": {"type": "Recreate"}, "template": {"spec": {
                    "containers": [{"name": "a"}],
                    "volumes": [{"name": "z", "emptyDir": {}}]}}},
            })
        );
    }

    #[test]
    fn the_order_is_the_patchs_and_the_servers_between() {
        let live = pod(&json!({"containers": [
            {"name": "a"}, {"name": "x"}, {"name": "b"}, {"name": "y"}]}));
        let patch = pod(&json!({
            "$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
            "containers": [{"name": "c", "image": "c"}]}));
        assert_eq!(
            patched(&live, &patch).unwrap(),
            pod(
                &json!({"containers": [{"name": "x"}, {"name": "b"}, {"name": "c", "image": "c"},
                {"name": "a"}, {"name": "y"}]})
            )
        );
    }

    #[test]
    fn a_patch_that_cannot_be_meant_is_refused() {
        let live = pod(&json!({"containers": [{"name": "a"}]}));
        for patch in [
            json!([]),
            pod(&json!({"containers": [{"image": "x"}]})),
            pod(&json!({"containers": [{"$patch": "delete"}]})),
            pod(&json!({"containers": [{"name": "a", "$patch": "bogus"}]})),
            json!({"spec": {"$patch": "bogus"}}),
            json!({"spec": {"$retainKeys": ["a"], "b": 1}}),
            pod(&json!({"$setElementOrder/containers": [{"name": "b"}],
                "containers": [{"name": "a", "image": "x"}]})),
        ] {
            let refused = patched(&live, &patch).unwrap_err();
            assert!(matches!(refused, PatchError::Malformed(_)), "{patch}");
        }
    }
}
