//! Whether a plan may be carried out: granted, to be asked, or refused.

use std::io::{self, BufRead, Write};

use anyhow::Context;

use super::console::{Console, UsageError};
use crate::{
    name::{Action, Direction, Part},
    plan::{Node, Plan},
};

/// The answer, as far as it can be given without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Consent {
    /// Go on.
    Granted,
    /// A person must say yes to this question.
    Ask(String),
    /// Nobody can be asked; why that matters, and what to do.
    Refused(String),
}

/// Who can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answerer {
    /// `--yes` did.
    Flag,
    /// A person at a terminal.
    Person,
    /// Nobody.
    Nobody,
}

/// Settles whether a plan may be carried out, asking if it must be; false is a person's no.
pub(super) async fn confirm(plan: &Plan, yes: bool, console: &Console) -> anyhow::Result<bool> {
    let answerer = match (yes, console.interactive) {
        (true, _) => Answerer::Flag,
        (false, true) => Answerer::Person,
        (false, false) => Answerer::Nobody,
    };
    match consent(plan, answerer) {
        Consent::Granted => Ok(true),
        Consent::Ask(question) => {
            let asked = move || ask(&question, &mut io::stdin().lock(), &mut io::stderr().lock());
            // Nobody who waits for something else beside the answer is held up.
            let answer = tokio::task::spawn_blocking(asked).await?;
            answer.context("could not ask")
        }
        Consent::Refused(why) => Err(UsageError(why).into()),
    }
}

/// Asks about something that is no plan; false is a person's no.
pub(super) fn confirm_text(text: &str, yes: bool, console: &Console) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !console.interactive {
        let why = "there is no terminal to ask: confirm it with --yes";
        return Err(UsageError(why.to_owned()).into());
    }
    ask(text, &mut io::stdin().lock(), &mut io::stderr().lock()).context("could not ask")
}

/// Decides about a plan. A plan that changes nothing needs no consent. Nobody being there, a plan
/// may add and change releases, but not remove any, unless it takes back what a run has installed:
/// whoever began that run has agreed.
fn consent(plan: &Plan, answerer: Answerer) -> Consent {
    let changes = changes(plan);
    if changes.is_empty() {
        return Consent::Granted;
    }
    match answerer {
        Answerer::Flag => Consent::Granted,
        Answerer::Person => Consent::Ask(question(plan, &changes)),
        Answerer::Nobody if plan.direction == Direction::Rollback => Consent::Granted,
        Answerer::Nobody => match removed(plan).as_slice() {
            [] => Consent::Granted,
            removed => Consent::Refused(format!(
                "this removes {} and there is no terminal to ask: confirm it with --yes",
                removed.join(" and ")
            )),
        },
    }
}

/// What would be done, counted.
fn changes(plan: &Plan) -> Vec<String> {
    let words = [
        (Action::Install, "install"),
        (Action::Upgrade, "upgrade"),
        (Action::Reinstall, "remove and reinstall"),
        (Action::Uninstall, "uninstall"),
        (Action::Rollback, "roll back"),
        (Action::Decide, "deploy"),
        (Action::Validate, "validate"),
    ];
    let mut changes: Vec<String> = Vec::new();
    for (action, word) in words {
        let n_charts = nodes(plan, Part::Chart, &[action]).count();
        if n_charts > 0 {
            changes.push(format!("{word} {n_charts}"));
        }
    }
    let applied = [Action::Install, Action::Upgrade, Action::Decide];
    let n_applied = nodes(plan, Part::Crds, &applied).count();
    if n_applied > 0 {
        changes.push(format!("apply the CRDs of {n_applied}"));
    }
    let deleted = nodes(plan, Part::Crds, &[Action::Uninstall]);
    let n_deleted: usize = deleted.map(|node| node.crds.len()).sum();
    match n_deleted {
        0 => {}
        1 => changes.push("delete 1 CRD".to_owned()),
        n => changes.push(format!("delete {n} CRDs")),
    }
    if plan.purge && !changes.is_empty() {
        changes.push("delete namespaces that are empty then".to_owned());
    }
    changes
}

fn nodes<'p>(plan: &'p Plan, part: Part, actions: &[Action]) -> impl Iterator<Item = &'p Node> {
    // `down` is asked about in any case.
    let is_change = |node: &&Node| plan.direction != Direction::Up || !node.only_cleans_up();
    let nodes = plan.nodes.iter().filter(is_change);
    nodes.filter(move |node| node.key.part == part && actions.contains(&node.action))
}

/// What cannot be taken back, by name.
fn removed(plan: &Plan) -> Vec<String> {
    let gone = [Action::Reinstall, Action::Uninstall];
    let releases = nodes(plan, Part::Chart, &gone).map(|node| node.key.to_string());
    let crds = nodes(plan, Part::Crds, &gone).flat_map(|node| node.crds.iter().cloned());
    let (releases, crds): (Vec<String>, Vec<String>) = (releases.collect(), crds.collect());
    [("releases", releases), ("CRDs", crds)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind} ({})", names.join(", ")))
        .collect()
}

fn question(plan: &Plan, changes: &[String]) -> String {
    let place = match &plan.context {
        Some(context) => format!(" in {context}"),
        None => String::new(),
    };
    format!(
        "{} {}{place}: {}?",
        plan.direction,
        plan.stack,
        changes.join(", ")
    )
}

/// Asks; anything but `y` or `yes` is a no, the end of input too.
fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{NodeName, StackName};

    fn plan(direction: Direction, actions: &[(&str, Action)]) -> Plan {
        let nodes = actions
            .iter()
            .map(|&(name, action)| {
                let key: NodeName = name.parse().unwrap();
                let crds = key.is_crds().then(|| format!("{}.example.com", key.chart));
                let chart = Node::install(key.chart.clone());
                Node {
                    action,
                    is_absent: action == Action::Install,
                    crds: crds.into_iter().collect(),
                    key,
                    ..chart
                }
            })
            .collect();
        Plan {
            stack: StackName::new("platform").unwrap(),
            environment: None,
            direction,
            rollback_of: None,
            context: Some("prod-eu".to_owned()),
            offline: false,
            selection: "all charts".to_owned(),
            left_out: Vec::new(),
            warnings: Vec::new(),
            purge: false,
            kept_crds: Vec::new(),
            nodes,
            critical_path: Vec::new(),
            expected_ms: None,
        }
    }

    #[test]
    fn a_plan_that_changes_nothing_needs_no_consent() {
        let nothing = plan(
            Direction::Up,
            &[("a", Action::Unchanged), ("b", Action::Skip)],
        );
        for answerer in [Answerer::Flag, Answerer::Person, Answerer::Nobody] {
            assert_eq!(consent(&nothing, answerer), Consent::Granted);
        }
    }

    #[test]
    fn up_needs_no_consent_for_what_is_gone_already() {
        for (direction, granted) in [(Direction::Up, true), (Direction::Down, false)] {
            let mut gone = plan(direction, &[("a", Action::Uninstall)]);
            gone.nodes[0].is_absent = true;
            let consent = consent(&gone, Answerer::Nobody);
            assert_eq!(consent == Consent::Granted, granted, "{consent:?}");
        }
    }

    #[test]
    fn without_a_terminal_only_removals_need_the_flag() {
        for (action, granted) in [
            (Action::Install, true),
            (Action::Upgrade, true),
            (Action::Decide, true),
            (Action::Reinstall, false),
            (Action::Uninstall, false),
        ] {
            let plan = plan(Direction::Up, &[("db", Action::Upgrade), ("web", action)]);
            assert_eq!(consent(&plan, Answerer::Flag), Consent::Granted);
            match consent(&plan, Answerer::Nobody) {
                Consent::Granted => assert!(granted, "{action}"),
                Consent::Refused(why) => {
                    assert!(!granted, "{action}");
                    assert!(why.contains("web") && !why.contains("db"), "{why}");
                    assert!(why.contains("--yes"), "{why}");
                }
                Consent::Ask(question) => panic!("{question}"),
            }
        }
    }

    #[test]
    fn a_person_is_told_what_would_happen_and_where() {
        let up = plan(
            Direction::Up,
            &[
                ("a", Action::Install),
                ("b", Action::Install),
                ("c", Action::Reinstall),
                ("d", Action::Unchanged),
            ],
        );
        let down = plan(Direction::Down, &[("a", Action::Uninstall)]);
        let actions = [("a", Action::Rollback), ("b", Action::Uninstall)];
        let rollback = plan(Direction::Rollback, &actions);
        assert_eq!(consent(&rollback, Answerer::Nobody), Consent::Granted);
        let questions = [up, down, rollback].map(|plan| match consent(&plan, Answerer::Person) {
            Consent::Ask(question) => question,
            other => panic!("{other:?}"),
        });
        insta::assert_snapshot!(questions.join("\n"), @r"
        up platform in prod-eu: install 2, remove and reinstall 1?
        down platform in prod-eu: uninstall 1?
        rollback platform in prod-eu: uninstall 1, roll back 1?
        ");
    }

    #[test]
    fn crds_are_told_from_charts() {
        let up = plan(
            Direction::Up,
            &[
                ("a:crds", Action::Upgrade),
                ("a", Action::Unchanged),
                ("b:crds", Action::Unchanged),
                ("b", Action::Install),
            ],
        );
        assert_eq!(consent(&up, Answerer::Nobody), Consent::Granted);
        let down = Plan {
            purge: true,
            ..plan(
                Direction::Down,
                &[("a", Action::Uninstall), ("a:crds", Action::Uninstall)],
            )
        };
        let words = [
            consent(&up, Answerer::Person),
            consent(&down, Answerer::Person),
            consent(&down, Answerer::Nobody),
        ];
        let words = words.map(|consent| match consent {
            Consent::Ask(words) | Consent::Refused(words) => words,
            Consent::Granted => panic!("{consent:?}"),
        });
        insta::assert_snapshot!(words.join("\n"), @"
        up platform in prod-eu: install 1, apply the CRDs of 1?
        down platform in prod-eu: uninstall 1, delete 1 CRD, delete namespaces that are empty then?
        this removes releases (a) and CRDs (a.example.com) and there is no terminal to ask: confirm it with --yes
        ");
    }

    #[test]
    fn only_yes_is_yes() {
        for (answer, yes) in [
            ("y\n", true),
            ("YES\n", true),
            (" yes \n", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yeah\n", false),
        ] {
            let mut asked = Vec::new();
            let got = ask("up platform?", &mut answer.as_bytes(), &mut asked).unwrap();
            assert_eq!(got, yes, "{answer:?}");
            assert_eq!(asked, b"up platform? [y/N] ");
        }
    }
}
