//! Everything of a stack file but what a chart says.

use super::{
    CHART, COMMAND, COUNT, DEFAULTS, FAILURE_POLICIES, FORMS, Group, Holds, Key, LABEL, NAME,
    SCHEDULES, Shape, TEXT_TABLE, TEXTS, said,
};

const CHART_NAME: &str = "^[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?$";

const ENVIRONMENT_NAME: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

/// The whole file.
pub(crate) static FILE: Shape = Shape {
    what: "a stack file",
    name: "file",
    head: "A stack file",
    doc: "",
    retold: false,
    groups: &[
        &Group::own(&[Key::new(
            "stack",
            Holds::Table(&STACK),
            "What the stack is called, and where it may run.",
        )
        .required()]),
        &PARTS,
        &Group::own(&[Key::new(
            "environments",
            Holds::Names("NAME", Some(ENVIRONMENT_NAME), &Holds::Table(&ENVIRONMENT)),
            "Overlays, of which `-e NAME` chooses one.",
        )]),
    ],
    rules: &[],
};

/// One `[environments.NAME]`.
static ENVIRONMENT: Shape = Shape {
    what: "an environment",
    name: "environment",
    head: "`[environments.NAME]`",
    doc: "What is different in one environment: an overlay with the tables of a stack file, without \
          `include` and environments of its own. Tables are merged, everything else is replaced.",
    retold: true,
    groups: &[
        &Group::own(&[Key::new(
            "stack",
            Holds::Table(&STACK_THERE),
            "What is different about the stack itself.",
        )]),
        &PARTS,
    ],
    rules: &[],
};

static PARTS: Group = Group::own(&[
    Key::new("settings", Holds::Table(&SETTINGS), "How a run goes."),
    Key::new(
        "repositories",
        Holds::Names(
            "NAME",
            None,
            &Holds::Or(&[Holds::Text, Holds::Table(&REPOSITORY)]),
        ),
        "Where charts called `NAME/CHART` come from: an address, or a table.",
    ),
    Key::new(
        "inputs",
        Holds::Names("NAME", Some(NAME), &Holds::Table(&INPUT)),
        "Values from outside, for `${inputs.NAME}`.",
    ),
    Key::new(
        "namespaces",
        Holds::Names("NAME", None, &Holds::Table(&NAMESPACE)),
        "Namespaces about which there is something to say. The others of the stack's charts are \
         made without it.",
    ),
    Key::new(
        "charts",
        Holds::Names("NAME", Some(CHART_NAME), &Holds::Table(&CHART)),
        "The charts: each is installed as one release.",
    ),
    Key::new(
        "defaults",
        Holds::Table(&DEFAULTS),
        "What charts say that do not say it themselves; tables are merged.",
    ),
]);

/// `[stack]`.
pub(crate) static STACK: Shape = Shape {
    what: "`[stack]`",
    name: "stack",
    head: "`[stack]`",
    doc: "",
    retold: false,
    groups: &[
        &STACK_KEYS,
        &Group::own(&[Key::new(
            "include",
            TEXTS,
            "Stack files that are merged below this one, in order. Their relative paths start from \
             their own folders. A chart declared in two files is an error.",
        )
        .or("[]")]),
    ],
    rules: &[],
};

/// `[environments.NAME.stack]`.
static STACK_THERE: Shape = Shape {
    what: "`[stack]`",
    name: "stack-of-environment",
    head: "`[environments.NAME.stack]`",
    doc: "As `[stack]`, without `include`.",
    retold: true,
    groups: &[&STACK_KEYS],
    rules: &[],
};

static STACK_KEYS: Group = Group::own(&[
    Key::new(
        "name",
        LABEL,
        "The stack's name: lower-case letters, digits and `-`. With the environment it is the \
         stack's identity, in labels and in its lock.",
    )
    .required(),
    Key::new(
        "requires",
        Holds::Text,
        "Versions of stackctl that may run it (`>=0.1`).",
    ),
    Key::new(
        "helm",
        Holds::Text,
        "Versions of Helm that may run it (`>=4, <5`): another one is refused.",
    ),
    Key::new(
        "state_namespace",
        LABEL,
        "Where the lock of the stack lives.",
    )
    .or(r#""default""#),
    Key::new(
        "cluster",
        Holds::Table(&CLUSTER),
        "Which cluster it is for.",
    ),
]);

/// `[stack.cluster]`.
pub(crate) static CLUSTER: Shape = Shape {
    what: "`[stack.cluster]`",
    name: "cluster",
    head: "`[stack.cluster]`",
    doc: "Selects the cluster and guards against another. Means nothing in the sandbox.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "context",
            Holds::Text,
            "The kubeconfig's context, unless `--kube-context` says another.",
        ),
        Key::new(
            "allow",
            TEXTS,
            "Patterns (`prod-*`) of contexts and of servers' addresses: any other cluster is \
             refused.",
        ),
    ])],
    rules: &[],
};

/// `[settings]`.
pub(crate) static SETTINGS: Shape = Shape {
    what: "`[settings]`",
    name: "settings",
    head: "`[settings]`",
    doc: "",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "concurrency",
            Holds::Whole(0, None),
            "Helm processes at once; 0 is no limit. By default twice the cores, at least 4.",
        ),
        Key::new(
            "failure_policy",
            Holds::Word(|| said(&FAILURE_POLICIES)),
            "What a failure does to the rest: `stop` starts nothing new and lets what runs finish; \
             with `continue` charts that do not need the failed one go on; `rollback` is `stop`, and \
             then what the run has changed is taken back.",
        )
        .or(r#""stop""#),
        Key::new(
            "schedule",
            Holds::Word(|| said(&SCHEDULES)),
            "When a chart starts: `eager` is the moment what it needs is there; `waves` is when \
             the wave before it has ended.",
        )
        .or(r#""eager""#),
        Key::new(
            "history_max",
            COUNT,
            "Revisions that Helm keeps of a release; 0 is all of them.",
        )
        .or("10"),
    ])],
    rules: &[],
};

/// One of `[inputs]`.
pub(crate) static INPUT: Shape = Shape {
    what: "an input",
    name: "input",
    head: "`[inputs.NAME]`",
    doc: "Its value is what `--input NAME=…` says, else the environment variable, else the \
          default or what the command prints.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "default",
            Holds::Anything,
            "Its value where nothing else gives one: anything but a date.",
        ),
        Key::new(
            "env",
            Holds::Text,
            "The environment variable that gives it.",
        ),
        Key::new(
            "command",
            COMMAND,
            "What prints it, instead of a default: a line for `sh -c`, or a program and its \
             arguments. Run once, when something of the run uses it, in the folder of the file; \
             never for `check`.",
        ),
        Key::new(
            "parse",
            Holds::Word(|| said(&FORMS)),
            "What the command prints: a text (without the white space around it), JSON or YAML.",
        )
        .or(r#""text""#),
        Key::new("timeout", Holds::Duration, "The command's deadline.").or(r#""1m""#),
        Key::new("secret", Holds::Flag, "Masked wherever it would be shown.").or("false"),
    ])],
    rules: &[],
};

/// One of `[namespaces]`.
pub(crate) static NAMESPACE: Shape = Shape {
    what: "a namespace",
    name: "namespace",
    head: "`[namespaces.NAME]`",
    doc: "What is set on a namespace, also if it is there already.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new("labels", TEXT_TABLE, "Labels set on it."),
        Key::new("annotations", TEXT_TABLE, "Annotations set on it."),
    ])],
    rules: &[],
};

/// One of `[repositories]`.
pub(crate) static REPOSITORY: Shape = Shape {
    what: "a repository",
    name: "repository",
    head: "`[repositories.NAME]`",
    doc: "In short `NAME = \"ADDRESS\"`. Without a user, the credentials of `helm registry login` \
          and `docker login` are used for registries.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "url",
            Holds::Text,
            "Its address: `https://…`, `http://…`, or `oci://…` for a registry.",
        )
        .required(),
        Key::new(
            "username",
            Holds::Text,
            "User, for HTTP basic authentication or the registry.",
        ),
        Key::new(
            "password",
            Holds::Text,
            "The user's password; shown nowhere. `${env.X}` and `${inputs.X}` keep it out of the \
             file.",
        ),
        Key::new(
            "ca_file",
            Holds::Text,
            "PEM file with the certificate authorities to trust.",
        ),
        Key::new(
            "cert_file",
            Holds::Text,
            "PEM file with the client's certificate chain.",
        ),
        Key::new(
            "key_file",
            Holds::Text,
            "PEM file with the client's private key.",
        ),
        Key::new(
            "pass_credentials",
            Holds::Flag,
            "Send user and password to whatever host the index or a redirect names.",
        )
        .or("false"),
        Key::new(
            "plain_http",
            Holds::Flag,
            "Talk to an `oci://` registry without TLS.",
        )
        .or("false"),
    ])],
    rules: &[],
};
