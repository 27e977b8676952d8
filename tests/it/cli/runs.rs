//! The runs there were, out of their journals: `runs`, `runs show`, and what plans learn of them.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::Shell;

const GOOD: &str = "20261121t080000-00beef";
const CUT: &str = "20261122t163501-ab12cd";

/// A shop with two runs: one that went well, and one that was killed while it waited for `api`,
/// in the middle of a line.
fn shell() -> Shell {
    let shell = Shell::with_shop();
    let of = |run: &str, elapsed_ms: u64, chart: &str, event: Value| {
        let mut whole = json!({"seq": 1, "time": "2026-11-21T08:00:00Z", "elapsed_ms": elapsed_ms,
            "run": run});
        if !chart.is_empty() {
            whole["chart"] = chart.into();
        }
        let (whole_map, event) = (whole.as_object_mut().unwrap(), event.as_object().unwrap());
        whole_map.extend(event.clone());
        format!("{whole}\n")
    };
    let start = |run| {
        of(
            run,
            0,
            "",
            json!({"event": "run_started", "stack": "shop", "direction": "up",
            "context": "kind-dev", "charts": ["db", "api", "web"]}),
        )
    };
    let installed =
        |run, chart, from: u64, time: u64| {
            [
            of(run, from, chart, json!({"event": "chart_started", "action": "install"})),
            of(run, from, chart, json!({"event": "step_started", "step": "exec"})),
            of(run, from + time, chart,
                json!({"event": "step_finished", "step": "exec", "ok": true, "duration_ms": time})),
            of(run, from + time, chart,
                json!({"event": "chart_finished", "outcome": "succeeded", "duration_ms": time})),
        ]
        .concat()
        };
    let end = of(
        GOOD,
        65_000,
        "",
        json!({"event": "run_finished", "outcome": "succeeded", "duration_ms": 65_000}),
    );
    let good = [
        start(GOOD),
        installed(GOOD, "db", 0, 60_000),
        installed(GOOD, "api", 60_000, 4_000),
        installed(GOOD, "web", 64_000, 1_000),
        end,
    ];
    let cut = [
        start(CUT),
        installed(CUT, "db", 0, 30_000),
        of(
            CUT,
            30_000,
            "api",
            json!({"event": "chart_started", "action": "install"}),
        ),
        of(
            CUT,
            30_000,
            "api",
            json!({"event": "step_started", "step": "ready"}),
        ),
        "{\"seq\":9,\"time\":\"2026-11-2".to_owned(),
    ];
    for (run, lines) in [(GOOD, good.concat()), (CUT, cut.concat())] {
        shell.file(&format!(".stackctl/runs/{run}/events.jsonl"), lines);
    }
    shell
}

#[test]
fn without_runs_it_says_where_it_looked() {
    assert_snapshot!(Shell::new().run("runs"), @r"
    RUN  AGE  COMMAND  STACK  OUTCOME  TIME  CHARTS
    stderr:
    no runs are recorded in `.stackctl`
    exit 0
    ");
    assert_snapshot!(Shell::new().run("runs -o json"), @r"
    []
    exit 0
    ");
    assert_snapshot!(Shell::new().run("runs show last"), @r"
    stderr:
    error: no runs are recorded in `.stackctl`
    exit 64
    ");
}

#[test]
fn runs_are_listed_newest_first() {
    let shell = shell();
    shell.file(".stackctl/runs/20261122t170000-0000ff/events.jsonl", "");
    shell.file(
        ".stackctl/runs/20261122t170001-0000ff/events.jsonl",
        "no event\n",
    );
    let said = shell.run("runs");
    // Ages change.
    let told: Vec<String> = said
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|words| {
            [&words[..1], &words[words.len().min(2)..]]
                .concat()
                .join(" ")
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r"
    RUN COMMAND STACK OUTCOME TIME CHARTS
    20261122t170001-0000ff - - unreadable -
    20261122t170000-0000ff - - not begun -
    20261122t163501-ab12cd up shop cut off 30.0s 1 installed, 1 unfinished, 1 not run
    20261121t080000-00beef up shop succeeded 1m05s 3 installed
    exit
    ");
    let json: Value = serde_json::from_str(
        shell
            .run("runs --output json")
            .strip_suffix("exit 0")
            .unwrap(),
    )
    .unwrap();
    let outcomes: Vec<&Value> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["outcome"])
        .collect();
    assert_eq!(
        outcomes,
        ["unreadable", "not_begun", "cut_off", "succeeded"]
    );
    assert_eq!(json[2]["duration_ms"], 30_000);
    assert_eq!(json[3]["counts"]["charts"], json!({"installed": 3}));
}

#[test]
fn a_run_is_shown_by_how_its_name_begins() {
    let said = shell().run("runs show 20261121");
    let (before, _) = said.split_once(" ago").unwrap();
    let (_, age) = before.rsplit_once(", ").unwrap();
    assert_snapshot!(said.replace(age, "[age]"), @r"
    run      20261121t080000-00beef
    begun    2026-11-21T08:00:00Z, [age] ago
    cluster  kind-dev

    CHART   ACTION   OUTCOME     TIME
    db      install  succeeded  1m00s
      exec           done       1m00s
    api     install  succeeded   4.0s
      exec           done        4.0s
    web     install  succeeded   1.0s
      exec           done        1.0s

    shop: up in 1m05s: 3 installed
    exit 0
    ");
    let said = shell().run("runs show last");
    assert!(
        said.contains("api      install  cut off        -  at ready"),
        "{said}"
    );
    assert!(
        said.contains("up broke off after 30.0s: 1 installed, 1 unfinished, 1 not run"),
        "{said}"
    );
    let json = shell().run("runs show -o json last");
    let json: Value = serde_json::from_str(json.strip_suffix("exit 0").unwrap()).unwrap();
    assert_eq!(json["run"], CUT);
    assert_eq!(
        json["charts"][1]["steps"],
        json!([{"step": "ready", "ok": null, "duration_ms": null}])
    );
    for (line, says) in [
        ("runs show 2026", "2 runs begin with `2026`"),
        ("runs show x", "no run begins with `x`"),
    ] {
        let said = shell().run(line);
        assert!(said.contains(says) && said.ends_with("exit 64"), "{said}");
    }
}

#[test]
fn runs_of_another_folder_are_shown_and_unreadable_ones_refused() {
    let shell = Shell::new();
    shell.file(&format!("records/runs/{CUT}/events.jsonl"), "no event\n");
    let said = shell.run("runs show last --state-dir records");
    assert_snapshot!(said, @r"
    stderr:
    error: could not read the journal `records/runs/20261122t163501-ab12cd/events.jsonl`: line 1 is not an event: expected ident at line 1 column 2
    exit 1
    ");
}

#[test]
fn plans_take_what_charts_took_for_what_they_will_take() {
    let said = shell().run("plan --offline");
    let path = said
        .lines()
        .find(|line| line.starts_with("critical path"))
        .unwrap();
    assert_snapshot!(path, @"critical path  db -> api -> web (about 50s, as in earlier runs)");
    let said = shell().run("plan --offline --state-dir elsewhere");
    assert!(!said.contains("earlier runs"), "{said}");
}
