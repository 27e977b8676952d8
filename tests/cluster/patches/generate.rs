//! Random objects and random changes to them. Values are few, so that two managers often meet.

use rand::{Rng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Map, Value, json};

/// What the sequences are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Deployment,
    Service,
    ConfigMap,
    /// A custom object with every kind of list and map.
    Widget,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [
        Self::Deployment,
        Self::Service,
        Self::ConfigMap,
        Self::Widget,
    ];

    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Self::Deployment => "apps/v1",
            Self::Service | Self::ConfigMap => "v1",
            Self::Widget => "example.com/v1",
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::Service => "Service",
            Self::ConfigMap => "ConfigMap",
            Self::Widget => "Widget",
        }
    }

    /// Path of its collection.
    pub(crate) fn path(self, namespace: &str) -> String {
        let (root, plural) = match self {
            Self::Deployment => ("/apis/apps/v1", "deployments"),
            Self::Service => ("/api/v1", "services"),
            Self::ConfigMap => ("/api/v1", "configmaps"),
            Self::Widget => ("/apis/example.com/v1", "widgets"),
        };
        format!("{root}/namespaces/{namespace}/{plural}")
    }

    /// The lists that strategic merge patches merge, with their keys.
    fn merged_lists(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Deployment => &[
                ("/spec/template/spec/containers", "name"),
                ("/spec/template/spec/containers/0/env", "name"),
                ("/spec/template/spec/volumes", "name"),
                ("/spec/template/spec/hostAliases", "ip"),
            ],
            Self::Service => &[("/spec/ports", "port")],
            Self::ConfigMap | Self::Widget => &[],
        }
    }
}

/// The custom kind of the sequences.
pub(crate) fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [widget_version()],
        },
    })
}

/// The only version of it.
pub(crate) fn widget_version() -> Value {
    let text = json!({"type": "string"});
    json!({
        "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "size": {"type": "integer", "maximum": 8},
                "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
                "maybe": {"type": "string", "nullable": true},
                "port": {"x-kubernetes-int-or-string": true},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "labels": {"type": "object", "additionalProperties": text},
                "flat": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": text},
                "tags": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
                "plain": {"type": "array", "items": text},
                "parts": {"type": "array", "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name", "zone"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"}, "zone": {"type": "integer", "default": 0},
                        "count": {"type": "integer"}, "on": {"type": "boolean"},
                        "more": {"type": "object", "properties": {"x": text, "y": text}}}}},
            }},
            "status": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
        }}},
    })
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) manager: &'static str,
    pub(crate) change: Change,
}

/// What a request does.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Create(Value),
    Put(Value),
    Apply { object: Value, force: bool },
    Merge(Value),
    Strategic(Value),
    Json(Value),
}

/// The random part of a sequence.
pub(crate) struct Generator<'a> {
    pub(crate) random: &'a mut StdRng,
    pub(crate) subject: Subject,
    pub(crate) name: String,
}

impl Generator<'_> {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.random.random_range(0..values.len())].clone()
    }

    /// The first request.
    pub(crate) fn creation(&mut self) -> Request {
        let object = self.object(70, true);
        let change = if self.chance(50) {
            Change::Create(object)
        } else {
            Change::Apply {
                object,
                force: false,
            }
        };
        Request {
            manager: self.manager(),
            change,
        }
    }

    /// A later request, to an object that looks like this.
    pub(crate) fn change(&mut self, live: &Value) -> Request {
        let manager = self.manager();
        let change = match self.random.random_range(0..10) {
            0..=4 => {
                let full = self.chance(60);
                let mut object = self.object(60, full);
                if self.chance(10) {
                    empty_something(self.random, &mut object);
                }
                Change::Apply {
                    object,
                    force: self.chance(40),
                }
            }
            5 => Change::Put(self.object(60, true)),
            6 | 7 if self.subject != Subject::Widget => Change::Strategic(self.strategic(live)),
            6..=8 => Change::Merge(self.merge_patch()),
            _ => Change::Json(self.json_patch(live)),
        };
        Request { manager, change }
    }

    fn manager(&mut self) -> &'static str {
        self.pick(&["one", "two"])
    }

    /// An object with about this share of its fields; `full` ones can be created.
    fn object(&mut self, percent: u32, full: bool) -> Value {
        let mut metadata = json!({"name": self.name});
        for field in ["labels", "annotations"] {
            if self.chance(percent / 2) {
                metadata[field] = self.texts(&["a", "b.c/d"], 70);
            }
        }
        let mut object = json!({
            "apiVersion": self.subject.api_version(),
            "kind": self.subject.kind(),
            "metadata": metadata,
        });
        match self.subject {
            Subject::Deployment => object["spec"] = self.deployment(percent, full),
            Subject::Service => object["spec"] = self.service(percent, full),
            Subject::Widget => object["spec"] = self.widget(percent),
            Subject::ConfigMap => {
                for (field, value) in [("data", "x"), ("binaryData", "eA==")] {
                    if self.chance(percent) {
                        let names: Vec<String> =
                            ["a", "b"].map(|name| format!("{name}-{field}")).into();
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let mut texts = self.texts(&names, 60);
                        for text in texts.as_object_mut().into_iter().flat_map(Map::values_mut) {
                            if field == "binaryData" {
                                *text = json!(value);
                            }
                        }
                        object[field] = texts;
                    }
                }
            }
        }
        object
    }

    fn texts(&mut self, names: &[&str], percent: u32) -> Value {
        let mut map = Map::new();
        for name in names {
            if self.chance(percent) {
                map.insert((*name).to_owned(), self.pick(&[json!("1"), json!("2")]));
            }
        }
        Value::Object(map)
    }

    /// Some of these, in any order.
    fn some<T: Clone>(&mut self, values: &[T], percent: u32) -> Vec<T> {
        let mut some: Vec<T> = Vec::new();
        for value in values {
            if self.chance(percent) {
                some.push(value.clone());
            }
        }
        some.shuffle(self.random);
        some
    }

    fn deployment(&mut self, percent: u32, full: bool) -> Value {
        // Paused, so that the controllers have no part in this.
        let mut spec = json!({"paused": true});
        if full {
            spec["selector"] = json!({"matchLabels": {"app": "x"}});
            spec["template"] = json!({"metadata": {"labels": {"app": "x"}}});
        }
        if self.chance(percent) {
            spec["replicas"] = self.pick(&[json!(0), json!(1), json!(2)]);
        }
        if self.chance(percent / 3) {
            spec["strategy"] = self.pick(&[
                json!({"type": "Recreate"}),
                json!({"rollingUpdate": {"maxSurge": 1}}),
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "30%", "maxUnavailable": 0}}),
            ]);
        }
        let mut pod = json!({});
        let containers = self.some(&["a", "b", "c"], percent);
        let containers = if full && containers.is_empty() {
            vec!["a"]
        } else {
            containers
        };
        if !containers.is_empty() {
            pod["containers"] = containers
                .iter()
                .map(|name| self.container(name, percent, full))
                .collect();
        }
        for (field, values) in [
            (
                "nodeSelector",
                vec![json!({"a": "1"}), json!({"b": "1"}), json!({})],
            ),
            ("terminationGracePeriodSeconds", vec![json!(1), json!(30)]),
            (
                "securityContext",
                vec![
                    json!({}),
                    json!({"runAsUser": 1}),
                    json!({"fsGroup": 2, "runAsUser": 2}),
                ],
            ),
            (
                "tolerations",
                vec![json!([{"key": "a", "operator": "Exists"}]), json!([])],
            ),
            ("dnsPolicy", vec![json!("Default")]),
            (
                "imagePullSecrets",
                vec![
                    json!([{"name": "a"}]),
                    json!([{"name": "b"}, {"name": "a"}]),
                ],
            ),
        ] {
            if self.chance(percent / 3) {
                pod[field] = self.pick(&values);
            }
        }
        if self.chance(percent / 3) {
            let volumes = [
                json!({"name": "u", "emptyDir": {}}),
                json!({"name": "v", "configMap": {"name": "x", "items": [{"key": "a", "path": "b"}]}}),
                json!({"name": "w", "secret": {"secretName": "y", "optional": true}}),
            ];
            pod["volumes"] = self.some(&volumes, 50).into();
        }
        if self.chance(percent / 3) {
            let aliases = [
                json!({"ip": "10.0.0.1", "hostnames": ["a"]}),
                json!({"ip": "10.0.0.2", "hostnames": ["b", "c"]}),
            ];
            pod["hostAliases"] = self.some(&aliases, 60).into();
        }
        if pod != json!({}) {
            spec["template"]["spec"] = pod;
        }
        if self.chance(percent / 3) {
            spec["template"]["metadata"]["annotations"] = self.texts(&["x", "y"], 60);
        }
        spec
    }

    fn container(&mut self, name: &str, percent: u32, full: bool) -> Value {
        let mut container = json!({"name": name});
        if full || self.chance(percent) {
            container["image"] = self.pick(&[json!("x:1"), json!("x:2")]);
        }
        if self.chance(percent) {
            let variables = self.some(&["A", "B", "C"], 50);
            container["env"] = variables
                .iter()
                .map(|name| match self.random.random_range(0..3) {
                    0 => json!({"name": name, "value": "1"}),
                    1 => json!({"name": name, "value": "2"}),
                    _ => json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
                })
                .collect();
        }
        if self.chance(percent / 2) {
            let ports = [
                json!({"containerPort": 80}),
                json!({"containerPort": 81, "protocol": "UDP"}),
                json!({"containerPort": 80, "protocol": "UDP", "name": "dns"}),
                json!({"containerPort": 82, "protocol": "TCP", "hostIP": "10.0.0.1"}),
            ];
            container["ports"] = self.some(&ports, 40).into();
        }
        for (field, values) in [
            ("args", vec![json!(["a"]), json!(["b", "a"]), json!([])]),
            (
                "resources",
                vec![
                    json!({"limits": {"cpu": "1"}}),
                    json!({"requests": {"memory": "1Gi"}}),
                    json!({}),
                ],
            ),
            ("imagePullPolicy", vec![json!("Always")]),
            (
                "readinessProbe",
                vec![
                    json!({"httpGet": {"port": 80}}),
                    json!({"tcpSocket": {"port": 81}, "periodSeconds": 3}),
                ],
            ),
            (
                "lifecycle",
                vec![json!({"preStop": {"exec": {"command": ["a"]}}})],
            ),
        ] {
            if self.chance(percent / 4) {
                container[field] = self.pick(&values);
            }
        }
        container
    }

    fn service(&mut self, percent: u32, full: bool) -> Value {
        let mut spec = json!({});
        let ports = self.some(&[80, 81, 82], percent);
        let ports = if full && ports.is_empty() {
            vec![80]
        } else {
            ports
        };
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| {
                let mut entry = json!({"port": port, "name": format!("p{port}")});
                if self.chance(40) {
                    entry["targetPort"] = self.pick(&[json!(8080), json!("http")]);
                }
                if self.chance(30) {
                    entry["protocol"] = json!("TCP");
                }
                if self.chance(20) {
                    entry["appProtocol"] = json!("http");
                }
                entry
            })
            .collect();
        if !ports.is_empty() {
            spec["ports"] = ports.into();
        }
        for (field, values) in [
            (
                "selector",
                vec![json!({"app": "x"}), json!({"app": "y", "tier": "z"})],
            ),
            ("sessionAffinity", vec![json!("None"), json!("ClientIP")]),
            ("publishNotReadyAddresses", vec![json!(true)]),
            ("trafficDistribution", vec![json!("PreferClose")]),
            ("type", vec![json!("ClusterIP")]),
        ] {
            if self.chance(percent / 2) {
                spec[field] = self.pick(&values);
            }
        }
        spec
    }

    fn widget(&mut self, percent: u32) -> Value {
        let mut spec = json!({});
        for (field, values) in [
            ("size", vec![json!(1), json!(2), json!(9)]),
            ("color", vec![json!("red"), json!("green")]),
            ("maybe", vec![json!("x"), json!(null)]),
            ("port", vec![json!(80), json!("http")]),
            (
                "free",
                vec![
                    json!({"a": {"b": 1}}),
                    json!({"a": {"c": [1]}, "d": "x"}),
                    json!({}),
                ],
            ),
            (
                "flat",
                vec![json!({"a": "1"}), json!({"b": "1"}), json!({})],
            ),
            ("plain", vec![json!(["a"]), json!(["b", "a"]), json!([])]),
        ] {
            if self.chance(percent / 2) {
                spec[field] = self.pick(&values);
            }
        }
        if self.chance(percent / 2) {
            spec["labels"] = self.texts(&["a", "b"], 60);
        }
        if self.chance(percent / 2) {
            spec["tags"] = self.some(&["x", "y", "z"], 50).into();
        }
        if self.chance(percent) {
            let keys = self.some(
                &[("a", None), ("a", Some(1)), ("b", Some(0)), ("c", None)],
                40,
            );
            let mut parts = Vec::new();
            for (name, zone) in keys {
                let mut part = json!({"name": name});
                if let Some(zone) = zone {
                    part["zone"] = json!(zone);
                }
                for (field, values) in [
                    ("count", vec![json!(1), json!(2)]),
                    ("on", vec![json!(true), json!(false)]),
                    (
                        "more",
                        vec![json!({"x": "1"}), json!({"y": "1"}), json!({})],
                    ),
                ] {
                    if self.chance(40) {
                        part[field] = self.pick(&values);
                    }
                }
                parts.push(part);
            }
            spec["parts"] = parts.into();
        }
        spec
    }

    fn merge_patch(&mut self) -> Value {
        let mut patch = self.object(40, false);
        for part in ["metadata", "spec"] {
            let fields = patch.get_mut(part).and_then(Value::as_object_mut);
            for (name, value) in fields.into_iter().flatten() {
                if name != "name" && name != "paused" && self.random.random_range(0..5) == 0 {
                    *value = Value::Null;
                }
            }
        }
        if self.chance(3) {
            patch["metadata"]["managedFields"] = json!([{}]);
        }
        patch
    }

    fn strategic(&mut self, live: &Value) -> Value {
        let mut patch = self.merge_patch();
        for (path, key) in self.subject.merged_lists() {
            let Some((parent, list)) = path.rsplit_once('/') else {
                continue;
            };
            let there = live.pointer(path).and_then(Value::as_array).cloned();
            let keys: Vec<Value> = there
                .into_iter()
                .flatten()
                .filter_map(|item| item.get(*key).cloned())
                .collect();
            if keys.is_empty() || !self.chance(40) {
                continue;
            }
            let Some(Value::Object(fields)) = patch.pointer_mut(parent) else {
                continue;
            };
            let deleted = keys[self.random.random_range(0..keys.len())].clone();
            match self.random.random_range(0..3) {
                0 => {
                    let list = fields.entry(list).or_insert_with(|| json!([]));
                    if let Some(list) = list.as_array_mut() {
                        let clear = list.iter().all(|item| item.get(*key) != Some(&deleted));
                        if clear {
                            list.push(json!({*key: deleted, "$patch": "delete"}));
                        }
                    }
                }
                1 => {
                    let mut order: Vec<Value> = keys;
                    if let Some(list) = fields.get(list).and_then(Value::as_array) {
                        for item in list {
                            if !order.contains(&item[*key]) {
                                order.push(item[*key].clone());
                            }
                        }
                        // The patch's own elements must be in this order.
                        let mine: Vec<Value> = list.iter().map(|item| item[*key].clone()).collect();
                        order.sort_by_key(|key| mine.iter().position(|other| other == key));
                    } else {
                        order.shuffle(self.random);
                    }
                    let order: Vec<Value> = order
                        .into_iter()
                        .map(|value| json!({*key: value}))
                        .collect();
                    fields.insert(format!("$setElementOrder/{list}"), order.into());
                }
                _ => {
                    if let Some(list) = fields.get_mut(list).and_then(Value::as_array_mut)
                        && !list.is_empty()
                    {
                        list.push(json!({"$patch": "replace"}));
                    }
                }
            }
        }
        if self.subject == Subject::Deployment && self.chance(15) {
            patch["spec"]["strategy"] = json!({"$retainKeys": ["type"], "type": "Recreate"});
        }
        if self.chance(10) {
            patch["metadata"]["labels"] = json!({"$patch": "replace", "a": "1"});
        }
        patch
    }

    fn json_patch(&mut self, live: &Value) -> Value {
        let mut operations = Vec::new();
        let fresh = self.object(50, true);
        for (name, value) in fresh["spec"].as_object().into_iter().flatten() {
            let path = format!("/spec/{name}");
            let there = live.pointer(&path).is_some();
            match self.random.random_range(0..4) {
                0 => operations.push(json!({"op": "add", "path": path, "value": value})),
                1 if there => {
                    operations.push(json!({"op": "replace", "path": path, "value": value}));
                }
                2 if there
                    && !["selector", "template", "ports", "paused"].contains(&name.as_str()) =>
                {
                    operations.push(json!({"op": "remove", "path": path}));
                }
                _ => {}
            }
        }
        if live.pointer("/metadata/labels").is_some() {
            operations.push(json!({"op": "add", "path": "/metadata/labels/a", "value": "3"}));
        }
        if self.chance(10) {
            operations.push(json!({"op": "test", "path": "/kind", "value": "Nothing"}));
        }
        operations.into()
    }
}

/// Makes a map, a list or a field of the spec empty or null: appliers do that too.
fn empty_something(random: &mut StdRng, object: &mut Value) {
    let part = if object.get("spec").is_some() {
        "spec"
    } else {
        "data"
    };
    let Some(fields) = object.get_mut(part).and_then(Value::as_object_mut) else {
        return;
    };
    let many = fields.len();
    if many == 0 {
        return;
    }
    let name = fields.keys().nth(random.random_range(0..many)).cloned();
    if let Some(name) = name.filter(|name| name != "paused") {
        let empty = match fields[&name] {
            Value::Array(_) => json!([]),
            Value::Object(_) => json!({}),
            _ => Value::Null,
        };
        fields.insert(name, empty);
    }
}
