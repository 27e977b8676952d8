//! What each verb of a step says.

use super::{
    COMMAND, FORMS, Group, Holds, Key, NAME, ONE_OR_MORE, OPERATIONS, POSITIVE, PROPAGATIONS, Rule,
    Shape, TEXT_TABLE, TEXTS, said,
    steps::{FIELD, FIELD_PATH, NAMED, NAMES_OBJECTS, OBJECTS, OF_PODS, ONE_OBJECT, SHORT},
};

const SHORTS: Holds = Holds::List(&SHORT);

/// Keys of a step: one of them.
pub(super) static VERBS: Group = Group::own(&[
    Key::new(
        "adopt",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&ADOPT)]),
        "Hands objects that were made without Helm to the release, so that Helm takes them over. \
         What belongs to another release is refused.",
    ),
    Key::new(
        "apply",
        Holds::Or(&[Holds::Text, TEXTS, Holds::Table(&APPLY)]),
        "Applies manifests, server-side. In short a file or a folder, or an array of these.",
    ),
    Key::new("patch", Holds::Table(&PATCH), "Patches objects."),
    Key::new(
        "delete",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&DELETE)]),
        "Deletes objects, and waits until they are gone. What is not there is no failure; what \
         does not go is told of with the finalizers that hold it up.",
    ),
    Key::new(
        "scale",
        Holds::Table(&SCALE),
        "Sets the number of replicas, and waits for it.",
    ),
    Key::new(
        "restart",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&RESTART)]),
        "Replaces the pods of workloads as `kubectl rollout restart` does, and waits for them.",
    ),
    Key::new(
        "run",
        Holds::Or(&[Holds::Text, TEXTS, Holds::Table(&RUN)]),
        "Runs a command: a line for `sh -c`, or a program and its arguments. It gets the payload (a \
         JSON object) on standard input and may print a new one; its environment has `KUBECONFIG` \
         and `STACKCTL_STACK`, `_RUN`, `_CHART`, `_RELEASE`, `_NAMESPACE`, `_ACTION`, `_PHASE`, \
         `_STEP`. It runs in the folder of the file.",
    ),
    Key::new(
        "capture",
        Holds::Or(&[Holds::Table(&CAPTURE_FIELD), Holds::Table(&CAPTURE_COMMAND)]),
        "Takes a value, of a live object or from a command, for `${capture.NAME}` and \
         `when = { changed = \"NAME\" }`.",
    ),
    Key::new(
        "wait",
        Holds::Table(&WAIT),
        "Waits, up to `timeout`, until something is so of all that are named.",
    ),
    Key::new(
        "exists",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&EXISTS)]),
        "All that are named are there; at least one matches.",
    ),
    Key::new(
        "absent",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&ABSENT)]),
        "None is there.",
    ),
    Key::new("count", Holds::Table(&COUNTED), "As many match."),
    Key::new(
        "equals",
        Holds::Table(&EQUALS),
        "A field has this value, in every object.",
    ),
    Key::new(
        "contains",
        Holds::Table(&CONTAINS),
        "A list has this item, a text this part, a table these keys. Of several objects the fields \
         are the list.",
    ),
    Key::new(
        "pods",
        Holds::Table(&PODS),
        "All pods that match are ready (or succeeded), and enough match.",
    ),
    Key::new(
        "http",
        Holds::Table(&HTTP),
        "A request is answered as it should be.",
    ),
    Key::new(
        "helm_test",
        Holds::Or(&[Holds::True, Holds::Table(&HELM_TEST)]),
        "The chart's own tests pass: `helm test`.",
    ),
]);

const OPTIONAL: Key = Key::new("optional", Holds::Flag, "What is not there is no failure.");

const fn verb(
    what: &'static str,
    name: &'static str,
    groups: &'static [&'static Group],
    rules: &'static [Rule],
) -> Shape {
    Shape {
        what,
        name,
        head: what,
        doc: "",
        retold: false,
        groups,
        rules,
    }
}

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

const COMMAND_KEY: Key = Key::new(
    "command",
    COMMAND,
    "A line for `sh -c`, or a program and its arguments.",
)
.required();

const ENV: Key = Key::new(
    "env",
    TEXT_TABLE,
    "What its environment has on top of that of stackctl.",
);

/// `run` as a table.
pub(crate) static RUN: Shape = verb("`run`", "run", &[&Group::own(&[COMMAND_KEY, ENV])], &[]);

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

const VALUE: Key = Key::new("value", Holds::Anything, "Its value.");

/// `min`, `max`, `equals`.
static HOW_MANY: Group = Group::own(&[
    Key::new("min", POSITIVE, "At least as many match."),
    Key::new(
        "max",
        POSITIVE,
        "At least one matches, and at most as many.",
    ),
    Key::new("equals", POSITIVE, "Exactly as many match."),
]);

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
        Rule::Some(&[
            "condition",
            "field",
            "gone",
            "rollout",
            "min",
            "max",
            "equals",
        ]),
        Rule::With("field", "value"),
        Rule::With("value", "field"),
    ],
);

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
