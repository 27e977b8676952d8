//! The verbs that change the cluster, and `run`.

use super::{COMMAND_KEY, ENV, OPTIONAL, verb};
use crate::stack::grammar::{
    Group, Holds, Key, ONE_OR_MORE, OPERATIONS, POSITIVE, PROPAGATIONS, Rule, Shape, said,
    steps::{NAMED, NAMES_OBJECTS, OBJECTS},
};

/// `adopt` as a table.
pub(crate) static ADOPT: Shape = verb(
    "`adopt`",
    "adopt",
    &[&NAMED, &Group::own(&[OPTIONAL.or("false")])],
    &[],
);

/// `apply` as a table.
pub(crate) static APPLY: Shape = verb(
    "`apply`",
    "apply",
    &[&Group::own(&[
        Key::new(
            "files",
            ONE_OR_MORE,
            "Files, and folders of files, taken as they stand.",
        ),
        Key::new("yaml", Holds::Text, "Objects as YAML text."),
        Key::new("objects", Holds::List(&Holds::Tree), "Objects as tables."),
        Key::new("force", Holds::Flag, "Take over fields that others own.").or("false"),
    ])],
    &[Rule::Some(&["yaml", "files", "objects"])],
);

/// `patch`.
pub(crate) static PATCH: Shape = verb(
    "`patch`",
    "patch",
    &[
        &OBJECTS,
        &Group::own(&[
            Key::new(
                "merge",
                Holds::Or(&[Holds::Tree, Holds::Text]),
                "A merge patch: tables deep, everything else replaced. In YAML text a null removes.",
            ),
            Key::new(
                "strategic",
                Holds::Or(&[Holds::Tree, Holds::Text]),
                "A strategic merge patch: lists are merged by their keys. Built-in kinds only.",
            ),
            Key::new(
                "json",
                Holds::List(&Holds::Table(&OPERATION)),
                "A JSON patch: operations, in order.",
            ),
            OPTIONAL.or("false"),
        ]),
    ],
    &[NAMES_OBJECTS, Rule::One(&["merge", "strategic", "json"])],
);

/// One operation of a JSON patch.
pub(crate) static OPERATION: Shape = Shape {
    what: "an operation",
    name: "operation",
    head: "An operation of `json`",
    doc: "As RFC 6902 has it.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new("op", Holds::Word(|| said(&OPERATIONS)), "What it does.").required(),
        Key::new(
            "path",
            Holds::TextLike(r"^(/|\$\{)"),
            "JSON pointer to where it does it: `/spec/ports/0`.",
        )
        .required(),
        Key::new(
            "from",
            Holds::TextLike(r"^(/|\$\{)"),
            "JSON pointer, of `move` and `copy`.",
        ),
        Key::new("value", Holds::Anything, "Of `add`, `replace` and `test`."),
    ])],
    rules: &[],
};

/// `delete` as a table.
pub(crate) static DELETE: Shape = verb(
    "`delete`",
    "delete",
    &[
        &OBJECTS,
        &Group::own(&[
            Key::new(
                "propagation",
                Holds::Word(|| said(&PROPAGATIONS)),
                "What becomes of what they own: deleted after them (`background`), before them \
                 (`foreground`), or left alone (`orphan`).",
            )
            .or(r#""background""#),
            Key::new(
                "min_restarts",
                POSITIVE,
                "Only pods with a container that crashes over and over, and did so this often.",
            ),
            Key::new(
                "wait_gone",
                Holds::Flag,
                "Wait until they are gone, or others have taken their names.",
            )
            .or("true"),
        ]),
    ],
    &[NAMES_OBJECTS],
);

/// `scale`.
pub(crate) static SCALE: Shape = verb(
    "`scale`",
    "scale",
    &[
        &OBJECTS,
        &Group::own(&[
            Key::new(
                "replicas",
                Holds::Or(&[Holds::Whole(0, Some(1_000_000)), Holds::TextLike(r"\$\{")]),
                "How many: a number, or a text that refers to one.",
            )
            .required(),
            Key::new("wait_rollout", Holds::Flag, "Wait until as many are ready.").or("true"),
            OPTIONAL.or("false"),
        ]),
    ],
    &[NAMES_OBJECTS],
);

/// `restart` as a table.
pub(crate) static RESTART: Shape = verb(
    "`restart`",
    "restart",
    &[
        &OBJECTS,
        &Group::own(&[
            Key::new(
                "wait_rollout",
                Holds::Flag,
                "Wait until the new pods are ready.",
            )
            .or("true"),
            OPTIONAL.or("false"),
        ]),
    ],
    &[NAMES_OBJECTS],
);

/// `run` as a table.
pub(crate) static RUN: Shape = verb("`run`", "run", &[&Group::own(&[COMMAND_KEY, ENV])], &[]);
