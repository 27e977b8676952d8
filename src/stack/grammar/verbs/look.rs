//! The verbs that look: `capture` and `wait`.

use super::{COMMAND_KEY, ENV, HOW_MANY, verb};
use crate::stack::grammar::{
    FORMS, Group, Holds, Key, NAME, Rule, Shape, said,
    steps::{FIELD, FIELD_PATH, NAMES_OBJECTS, OBJECTS, ONE_OBJECT},
};

static CAPTURED: Group = Group::own(&[
    Key::new(
        "name",
        Holds::TextLike(NAME),
        "Its name; a chart has it once.",
    )
    .required(),
    Key::new(
        "default",
        Holds::Anything,
        "Taken instead if the object or its field is not there.",
    ),
    Key::new(
        "hash",
        Holds::Flag,
        "Take its SHA-256, not the value itself.",
    )
    .or("false"),
    Key::new(
        "secret",
        Holds::Flag,
        "Masked wherever it would be shown. What comes from a Secret always is.",
    )
    .or("false"),
]);

/// `capture` of a field.
pub(crate) static CAPTURE_FIELD: Shape = Shape {
    what: "`capture`",
    name: "capture-field",
    head: "`capture` of a field",
    doc: "",
    retold: false,
    groups: &[&CAPTURED, &ONE_OBJECT, &FIELD],
    rules: &[],
};

/// `capture` of what a command prints.
pub(crate) static CAPTURE_COMMAND: Shape = Shape {
    what: "`capture`",
    name: "capture-command",
    head: "`capture` of what a command prints",
    doc: "",
    retold: false,
    groups: &[
        &CAPTURED,
        &Group::own(&[
            COMMAND_KEY,
            ENV,
            Key::new(
                "parse",
                Holds::Word(|| said(&FORMS)),
                "What it prints: a text (without the white space around it), JSON or YAML.",
            )
            .or(r#""text""#),
        ]),
    ],
    rules: &[],
};

/// What can be waited for: at least one of these keys.
pub(crate) const GOALS: [&str; 7] = [
    "condition",
    "field",
    "gone",
    "rollout",
    "min",
    "max",
    "equals",
];

/// `wait` of a step.
pub(crate) static WAIT: Shape = verb(
    "`wait`",
    "wait",
    &[
        &OBJECTS,
        &Group::own(&[
            Key::new(
                "condition",
                Holds::Text,
                "A condition of their status is `True` (`Ready`), or something else \
                 (`Ready=False`).",
            ),
            FIELD_PATH,
            Key::new(
                "value",
                Holds::Anything,
                "The value that `field` must have.",
            ),
            Key::new("gone", Holds::True, "None is there any more."),
            Key::new(
                "rollout",
                Holds::True,
                "Every workload is what its spec says.",
            ),
        ]),
        &HOW_MANY,
    ],
    &[
        NAMES_OBJECTS,
        Rule::Some(&GOALS),
        Rule::With("field", "value"),
        Rule::With("value", "field"),
    ],
);
