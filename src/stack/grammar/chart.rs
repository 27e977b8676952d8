//! What a chart says.

use super::{
    COMMAND, COUNT, CRD_POLICIES, FETCHES, Group, Holds, INTENTS, Key, LABEL, LIVE, LIVE_OBJECTS,
    NAME, ONE_OR_MORE, OUTPUT, REINSTALL, RETRY, ROLLBACKS, STEP, Shape, TEXT_TABLE, TEXTS,
    UNLOCKS, VALUES_COMMAND, said,
};

/// A chart's own names. `${…}` may stand for parts of one.
const RELEASE: Holds =
    Holds::TextLike(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$|\$\{");

/// One of `[charts]`.
pub(crate) static CHART: Shape = Shape {
    what: "a chart",
    name: "chart",
    head: "`[charts.NAME]`",
    doc: "One chart, installed as one release.",
    retold: false,
    groups: &[
        &Group::own(&[Key::new(
            "release",
            RELEASE,
            "Name of the release. By default the name of the table.",
        )]),
        &SOURCE,
        &ORDER,
        &VALUES,
        &PATIENCE,
        &HELM,
        &STEPS,
    ],
    rules: &[],
};

/// `[defaults]`.
pub(crate) static DEFAULTS: Shape = Shape {
    what: "a chart",
    name: "defaults",
    head: "`[defaults]`",
    doc: "Any key of a chart but `release`.",
    retold: true,
    groups: &[&SOURCE, &ORDER, &VALUES, &PATIENCE, &HELM, &STEPS],
    rules: &[],
};

static SOURCE: Group = Group::own(&[
    Key::new(
        "chart",
        Holds::Text,
        "Where the chart is: a folder (`./charts/web`), a packed chart (`./web.tgz`, \
         `https://…/web.tgz`), `REPOSITORY/CHART`, or `oci://…`.",
    )
    .required(),
    Key::new(
        "version",
        Holds::Text,
        "Which version is fetched, or what `Chart.yaml` on disk must say: `1.2.3`, or a range as \
         Helm reads it (`^1.2`, `>=4.1, <5`).",
    ),
    Key::new(
        "fetch",
        Holds::Word(|| said(&FETCHES)),
        "`early` is before the run; `late` is when the chart's turn comes, since something of this \
         very stack serves it.",
    )
    .or(r#""early""#),
    Key::new("namespace", LABEL, "Namespace of the release.").or(r#""default""#),
    Key::new(
        "enabled",
        Holds::Flag,
        "`false`: as if the chart were not there.",
    )
    .or("true"),
    Key::new(
        "action",
        Holds::Word(|| said(&INTENTS)),
        "What `up` does: `deploy` installs or upgrades, `destroy` removes it, `skip` runs \
         everything but Helm. On the way down `skip` leaves it as it is, and what it needs cannot \
         be removed while it is installed.",
    )
    .or(r#""deploy""#),
    Key::new(
        "protected",
        Holds::Flag,
        "`down` refuses it without `--include-protected`.",
    )
    .or("false"),
    Key::new(
        "labels",
        TEXT_TABLE,
        "For `-l`. `name` is always there: the chart's name.",
    ),
]);

static ORDER: Group = Group::own(&[
    Key::new(
        "needs",
        TEXTS,
        "Hard edges. `\"x\"` waits until x is validated, `\"x:ready\"` until its workloads are \
         ready, `\"x:deployed\"` until Helm returned, `\"x:crds\"` until its CRDs are served. If x \
         fails, this chart does not run.",
    )
    .or("[]"),
    Key::new(
        "after",
        TEXTS,
        "Soft edges: order only, if both are in the run.",
    )
    .or("[]"),
    Key::new(
        "outputs",
        Holds::Names("NAME", Some(NAME), &Holds::Table(&OUTPUT)),
        "Fields of live objects, for charts that need this one: `${charts.NAME.outputs.OUTPUT}`.",
    ),
]);

static VALUES: Group = Group::own(&[
    Key::new(
        "values_files",
        Holds::List(&Holds::Or(&[Holds::Text, Holds::Table(&VALUES_COMMAND)])),
        "Values files, in order, later wins; or commands that print one. Files go to Helm as they \
         stand; everything else goes to its standard input: nothing secret touches a disk or an \
         argument.",
    )
    .or("[]"),
    Key::new(
        "values_yaml",
        ONE_OR_MORE,
        "Values as YAML text, over `values_files`.",
    ),
    Key::new("values", Holds::Tree, "Values, over `values_yaml`."),
    Key::new(
        "values_if_installed",
        Holds::Tree,
        "Values on top of `values`, for a release that was `deployed` when the chart's turn came.",
    ),
    Key::new(
        "values_if_absent",
        Holds::Tree,
        "Values on top of `values`, for a release that was not, and for a reinstall.",
    ),
    Key::new(
        "set",
        Holds::Names("PATH", None, &Holds::Anything),
        "Values by path, as `--set` of Helm writes it (`\"image.tag\" = \"1.2\"`), over all of \
         these.",
    ),
    Key::new(
        "unset",
        TEXTS,
        "Paths of values that are taken away, also from the chart's own.",
    )
    .or("[]"),
    Key::new(
        "skip_schema_validation",
        Holds::Flag,
        "The chart's `values.schema.json` is not asked (Helm 3.16 and later).",
    )
    .or("false"),
]);

static PATIENCE: Group = Group::own(&[
    Key::new(
        "timeout",
        Holds::Duration,
        "For Helm, and again for getting ready.",
    )
    .or(r#""5m""#),
    Key::new(
        "deadline",
        Holds::Duration,
        "For the chart as a whole, from its first step to its last; by default none. What a \
         failure makes necessary (diagnosis, rollback) comes on top.",
    ),
    Key::new(
        "retry",
        Holds::Table(&RETRY),
        "Helm, and getting ready, once more. By default for `webhook`, `no-match`, `lock`, \
         `network` and `conflict` errors.",
    ),
    Key::new(
        "wait",
        Holds::Or(&[Holds::Flag, Holds::Word(|| vec!["helm"])]),
        "`true`: stackctl watches the workloads; a chart that waits holds no Helm process and no \
         slot. `\"helm\"`: Helm waits (chosen by itself for charts with post-install or \
         post-upgrade hooks). `false`: nobody waits.",
    )
    .or("true"),
    Key::new(
        "rollback_on_failure",
        Holds::Word(|| said(&ROLLBACKS)),
        "When a failed release is taken back: `upgrades` rolls back a failed upgrade and leaves a \
         failed first install for inspection, `always` removes that, too.",
    )
    .or(r#""never""#),
    Key::new(
        "atomic",
        Holds::Flag,
        "Another word for `rollback_on_failure`: `true` is `always`, `false` is `never`.",
    ),
    Key::new(
        "skip_unchanged",
        Holds::Flag,
        "Whether nothing is done when nothing of it has changed. By default `true`, unless its \
         templates use `lookup`.",
    ),
    Key::new(
        "skip_if_installed",
        Holds::Flag,
        "A release that is `deployed` is left alone; its steps run. What failed, and what \
         `reinstall_below` names, is not left alone.",
    )
    .or("false"),
    Key::new(
        "unlock",
        Holds::Word(|| said(&UNLOCKS)),
        "What is done about an operation on the release that somebody else began and that does \
         not end: `never` fails, `stale` takes it for dead when it is older than `unlock_after`, \
         `always` does so at once.",
    )
    .or(r#""never""#),
    Key::new(
        "unlock_after",
        Holds::Duration,
        "How old an operation must be for `unlock = \"stale\"`.",
    )
    .or(r#""10m""#),
]);

static HELM: Group = Group::own(&[
    Key::new(
        "crds",
        Holds::Word(|| said(&CRD_POLICIES)),
        "What is done with the CRDs in its `crds/` folder: `upgrade` applies them whenever they \
         differ, `create` only where they are missing, `skip` never.",
    )
    .or(r#""upgrade""#),
    Key::new(
        "on_live_objects",
        Holds::Or(&[Holds::Word(|| said(&LIVE_OBJECTS)), Holds::Table(&LIVE)]),
        "Objects of the kinds that the chart defines, when it is uninstalled: `ignore` warns, \
         `refuse` keeps the chart, `delete` deletes them and waits until they are gone, while their \
         controller is there to clear finalizers.",
    )
    .or(r#""ignore""#),
    Key::new(
        "reinstall_below",
        Holds::Or(&[Holds::Text, Holds::Table(&REINSTALL)]),
        "Uninstall first if the installed chart is older than this version.",
    ),
    Key::new(
        "force_replace",
        Holds::Flag,
        "Replace objects that cannot be changed (Helm's `--force-replace`).",
    )
    .or("false"),
    Key::new(
        "server_side",
        Holds::Flag,
        "Helm 4: apply server-side, or not. By default Helm decides.",
    ),
    Key::new(
        "force_conflicts",
        Holds::Flag,
        "Helm 4: take over fields that others own (Helm 3 always does).",
    )
    .or("false"),
    Key::new(
        "take_ownership",
        Holds::Flag,
        "Objects that are not the release's become its own (Helm 3.17 and later).",
    )
    .or("false"),
    Key::new(
        "post_renderer",
        COMMAND,
        "Helm pipes the rendered manifests through this: a line for `sh -c`, or a program and its \
         arguments, run in the file's folder. Helm 4 gives it hooks, too.",
    ),
    Key::new(
        "history_max",
        COUNT,
        "Revisions that Helm keeps of the release; 0 is all of them. By default what `[settings]` \
         say.",
    ),
]);

static STEPS: Group = Group::own(&[
    Key::new(
        "pre",
        Holds::List(&Holds::Table(&STEP)),
        "Steps before Helm.",
    )
    .or("[]"),
    Key::new(
        "post",
        Holds::List(&Holds::Table(&STEP)),
        "Steps after the workloads are ready.",
    )
    .or("[]"),
    Key::new(
        "validate",
        Holds::List(&Holds::Table(&STEP)),
        "Steps that look and check, last. If one fails, what needs the chart does not run.",
    )
    .or("[]"),
    Key::new(
        "on_failure",
        Holds::List(&Holds::Table(&STEP)),
        "Steps for when Helm or getting ready failed. They never hide the cause.",
    )
    .or("[]"),
]);
