//! Whether a plan may be carried out: granted, to be asked, or refused.

use std::io::{self, BufRead, Write};

use anyhow::Context;

use super::console::{Console, UsageError};
use crate::{
    name::Action,
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
pub(super) fn confirm(plan: &Plan, yes: bool, console: &Console) -> anyhow::Result<bool> {
    let answerer = match (yes, console.interactive) {
        (true, _) => Answerer::Flag,
        (false, true) => Answerer::Person,
        (false, false) => Answerer::Nobody,
    };
    match consent(plan, answerer) {
        Consent::Granted => Ok(true),
        Consent::Ask(question) => ask(&question, &mut io::stdin().lock(), &mut io::stderr().lock())
            .context("could not ask"),
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
/// may add and change releases, but not remove any.
fn consent(plan: &Plan, answerer: Answerer) -> Consent {
    let changes: Vec<(&'static str, usize)> = [
        (Action::Install, "install"),
        (Action::Upgrade, "upgrade"),
        (Action::Reinstall, "remove and reinstall"),
        (Action::Uninstall, "uninstall"),
        (Action::Decide, "deploy"),
    ]
    .into_iter()
    .map(|(action, word)| {
        let of_action = |node: &&Node| node.action == action;
        (word, plan.nodes.iter().filter(of_action).count())
    })
    .filter(|&(_, count)| count > 0)
    .collect();
    if changes.is_empty() {
        return Consent::Granted;
    }
    match answerer {
        Answerer::Flag => Consent::Granted,
        Answerer::Person => Consent::Ask(question(plan, &changes)),
        Answerer::Nobody => match removed(plan).as_slice() {
            [] => Consent::Granted,
            charts => Consent::Refused(format!(
                "this removes releases ({}) and there is no terminal to ask: confirm it with --yes",
                charts.join(", ")
            )),
        },
    }
}

fn removed(plan: &Plan) -> Vec<&str> {
    plan.nodes
        .iter()
        .filter(|node| matches!(node.action, Action::Reinstall | Action::Uninstall))
        .map(|node| node.key.as_str())
        .collect()
}

fn question(plan: &Plan, changes: &[(&str, usize)]) -> String {
    let changes: Vec<String> = changes
        .iter()
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
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
    use crate::name::{ChartName, Direction, Namespace, ReleaseId, ReleaseName, StackName};

    fn plan(direction: Direction, actions: &[(&str, Action)]) -> Plan {
        let nodes = actions
            .iter()
            .map(|&(name, action)| Node {
                key: ChartName::new(name).unwrap(),
                release: ReleaseId {
                    namespace: Namespace::new("shop").unwrap(),
                    name: ReleaseName::new(name).unwrap(),
                },
                chart: format!("./charts/{name}"),
                version: None,
                action,
                reason: String::new(),
                waits: Vec::new(),
                weight: 1,
                wave: 0,
                priority: 1,
            })
            .collect();
        Plan {
            stack: StackName::new("platform").unwrap(),
            environment: None,
            direction,
            context: Some("prod-eu".to_owned()),
            offline: false,
            selection: "all charts".to_owned(),
            left_out: Vec::new(),
            nodes,
            critical_path: Vec::new(),
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
        let questions = [up, down].map(|plan| match consent(&plan, Answerer::Person) {
            Consent::Ask(question) => question,
            other => panic!("{other:?}"),
        });
        insta::assert_snapshot!(questions.join("\n"), @r"
        up platform in prod-eu: install 2, remove and reinstall 1?
        down platform in prod-eu: uninstall 1?
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
