//! The schemas that the sandbox has built in are those of the control plane.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{Read as _, Write as _},
    path::Path,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::Method;
use serde_json::{Map, Value, json};

use crate::patches::server::Server;

tests![the_built_in_schemas_are_those_of_a_real_server];

/// Says nothing about how objects are merged and checked.
const LEFT_OUT: [&str; 4] = ["description", "format", "title", "x-kubernetes-unions"];

fn the_built_in_schemas_are_those_of_a_real_server() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/schema/builtin.json.gz");
    let real = published(&Server::shared());
    if env::var_os("STACKCTL_WRITE_SCHEMAS").is_some_and(|write| write == "true") {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
        let text = json!(real).to_string();
        compressed.write_all(text.as_bytes()).expect("to memory");
        let compressed = compressed.finish().expect("to memory");
        fs::write(&file, compressed).expect("the sources are writable");
    }
    let compressed = fs::read(&file).expect("it is committed");
    let mut text = String::new();
    let mut reader = GzDecoder::new(compressed.as_slice());
    reader.read_to_string(&mut text).expect("it is compressed");
    let committed: BTreeMap<String, Value> = serde_json::from_str(&text).expect("it is JSON");

    let names =
        |schemas: &BTreeMap<String, Value>| -> Vec<String> { schemas.keys().cloned().collect() };
    assert_eq!(names(&committed), names(&real));
    for (name, schema) in &real {
        assert_eq!(&committed[name], schema, "{name}");
    }
}

/// What the server publishes of the kinds that objects have, stripped.
fn published(server: &Server) -> BTreeMap<String, Value> {
    let get = |url: &str| {
        let answer = server.call(Method::GET, url, "application/json", &Value::Null);
        answer.expect("the server publishes its schemas")
    };
    let mut all = BTreeMap::new();
    let index = get("/openapi/v3");
    for document in index["paths"].as_object().into_iter().flat_map(Map::values) {
        let url = document["serverRelativeURL"].as_str().expect("its address");
        // What tests registered is not built in.
        if url.contains("example.com") || url.contains("stackctl") {
            continue;
        }
        let document = get(url);
        let schemas = document.pointer("/components/schemas");
        for (name, schema) in schemas.and_then(Value::as_object).into_iter().flatten() {
            all.insert(name.clone(), stripped(schema, false));
        }
    }
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = all
        .iter()
        .filter(|(name, schema)| {
            schema.get("x-kubernetes-group-version-kind").is_some() && !name.ends_with("List")
        })
        .map(|(name, _)| name.clone())
        .collect();
    while let Some(name) = open.pop() {
        if reached.insert(name.clone()) {
            references(&all[&name], &mut open);
        }
    }
    all.retain(|name, _| reached.contains(name));
    all
}

fn stripped(schema: &Value, element: bool) -> Value {
    let mut kept = Map::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        let (name, value) = match (name.as_str(), value) {
            (name, _) if LEFT_OUT.contains(&name) => continue,
            ("properties", Value::Object(fields)) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, schema)| (name.clone(), stripped(schema, false)));
                (name.as_str(), Value::Object(fields.collect()))
            }
            ("items" | "additionalProperties", Value::Object(_)) => {
                (name.as_str(), stripped(value, true))
            }
            // A reference beside which something else is said.
            ("allOf", parts) => ("$ref", last_part(&parts[0]["$ref"])),
            ("$ref", reference) => ("$ref", last_part(reference)),
            // Numbers that may be texts: quantities, ports.
            ("oneOf", _) => ("x-kubernetes-int-or-string", json!(true)),
            ("default", _) if element => continue,
            // What belongs to all kinds, as DeleteOptions do, is no kind.
            ("x-kubernetes-group-version-kind", Value::Array(kinds)) if kinds.len() != 1 => {
                continue;
            }
            (name, value) => (name, value.clone()),
        };
        kept.insert(name.to_owned(), value);
    }
    Value::Object(kept)
}

fn last_part(reference: &Value) -> Value {
    let reference = reference.as_str().unwrap_or_default();
    json!(reference.rsplit('/').next())
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => found.push(reference.clone()),
                    value => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
