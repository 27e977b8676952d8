//! The verbs that check.

use super::{HOW_MANY, verb};
use crate::stack::grammar::{
    Group, Holds, Key, POSITIVE, Rule, Shape, TEXTS,
    steps::{FIELD, NAMES_OBJECTS, OBJECTS, OF_PODS},
};

const VALUE: Key = Key::new("value", Holds::Anything, "Its value.");

/// `exists` as a table.
pub(crate) static EXISTS: Shape = verb("`exists`", "exists", &[&OBJECTS], &[NAMES_OBJECTS]);

/// `absent` as a table.
pub(crate) static ABSENT: Shape = verb("`absent`", "absent", &[&OBJECTS], &[NAMES_OBJECTS]);

/// `count`.
pub(crate) static COUNTED: Shape = verb(
    "`count`",
    "count",
    &[&OBJECTS, &HOW_MANY],
    &[NAMES_OBJECTS, Rule::Some(&["min", "max", "equals"])],
);

/// `equals`.
pub(crate) static EQUALS: Shape = verb(
    "`equals`",
    "equals",
    &[&OBJECTS, &FIELD, &Group::own(&[VALUE.required()])],
    &[NAMES_OBJECTS],
);

/// `contains`.
pub(crate) static CONTAINS: Shape = verb(
    "`contains`",
    "contains",
    &[
        &OBJECTS,
        &FIELD,
        &Group::own(&[Key::new(
            "value",
            Holds::Anything,
            "What must be in it; of a list each item.",
        )
        .required()]),
    ],
    &[NAMES_OBJECTS],
);

/// `pods`.
pub(crate) static PODS: Shape = verb(
    "`pods`",
    "pods",
    &[
        &OF_PODS,
        &Group::own(&[Key::new("min", POSITIVE, "At least as many match.").or("1")]),
    ],
    &[NAMES_OBJECTS],
);

/// `http`.
pub(crate) static HTTP: Shape = verb(
    "`http`",
    "http",
    &[&Group::own(&[
        Key::new("url", Holds::Text, "Straight to this address."),
        Key::new(
            "service",
            Holds::Text,
            "To this Service, through the API server: works from outside the cluster.",
        ),
        Key::new(
            "namespace",
            Holds::Text,
            "Of the Service. By default the namespace of the release.",
        ),
        Key::new(
            "port",
            Holds::Or(&[Holds::Whole(1, Some(65_535)), Holds::Text]),
            "Of the Service: number or name.",
        ),
        Key::new("path", Holds::Text, "Of the Service, starting with `/`.").or(r#""/""#),
        Key::new(
            "status",
            Holds::Whole(100, Some(599)),
            "The status of the answer. By default any 2xx.",
        ),
        Key::new("body", Holds::Text, "A text that the body must hold."),
    ])],
    &[
        Rule::One(&["url", "service"]),
        Rule::With("service", "port"),
        Rule::With("port", "service"),
        Rule::With("path", "service"),
        Rule::With("namespace", "service"),
    ],
);

/// `helm_test` as a table.
pub(crate) static HELM_TEST: Shape = verb(
    "`helm_test`",
    "helm-test",
    &[&Group::own(&[
        Key::new(
            "filter",
            TEXTS,
            "Names of the tests to run. By default all.",
        )
        .or("[]"),
        Key::new("logs", Holds::Flag, "Show what the tests printed.").or("false"),
    ])],
    &[],
);
