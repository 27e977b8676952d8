//! What a stack's texts refer to.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::Diagnostic,
    name::{Action, ChartName},
    stack::{
        findings::Finding,
        layers::origin::Sources,
        model::{Chart, DataCommand, HttpTarget, Stack, Step, Verb},
        template::{Reference, Template},
        validate::known,
        values::ValuesCommand,
    },
};

impl Stack {
    /// What a run refers to that does an action to some of the charts: their values if it deploys
    /// them, and those of their steps that it may run.
    pub fn uses(&self, action: impl Fn(&ChartName) -> Option<Action>) -> Uses<'_> {
        let mut uses = Uses::default();
        for chart in self.charts.values() {
            let Some(action) = action(&chart.name) else {
                continue;
            };
            if action.deploys() {
                uses.add_values(chart);
            }
            let may_run = |step: &&Step| action == Action::Decide || step.actions.contains(&action);
            uses.add_templates(steps(chart).filter(may_run).flat_map(templates_of));
        }
        uses
    }

    /// What the values of some of the charts refer to.
    pub fn uses_of_values(&self, wanted: impl Fn(&ChartName) -> bool) -> Uses<'_> {
        let mut uses = Uses::default();
        for chart in self.charts.values().filter(|chart| wanted(&chart.name)) {
            uses.add_values(chart);
        }
        uses
    }

    /// What fetching charts refers to: users and passwords of `[repositories]`.
    pub fn credentials(&self) -> Uses<'_> {
        let mut uses = Uses::default();
        for repository in self.repositories.values() {
            uses.add_templates(repository.username.iter().chain(&repository.password));
        }
        uses
    }

    /// What is wrong with a value for an input that is not declared.
    pub(crate) fn undefined_input(&self, name: &str) -> Diagnostic {
        let declared: Vec<&str> = self.inputs.keys().map(String::as_str).collect();
        let finding: Finding = known::undefined_input(name, &declared);
        finding.into_diagnostic(&Sources::default())
    }
}

/// What part of a stack refers to.
#[derive(Debug, Default)]
pub struct Uses<'a> {
    /// Inputs and environment variables.
    pub references: BTreeSet<&'a Reference>,
    /// Commands among `values_files`. One that is said several times is secret if it is once.
    pub commands: BTreeMap<&'a DataCommand, &'a ValuesCommand>,
}

impl<'a> Uses<'a> {
    fn add_values(&mut self, chart: &'a Chart) {
        self.add_templates(chart.values.templates());
        self.add_commands(chart.values.commands());
    }

    fn add_templates(&mut self, templates: impl Iterator<Item = &'a Template>) {
        self.references
            .extend(templates.flat_map(Template::references));
    }

    fn add_commands(&mut self, commands: impl Iterator<Item = &'a ValuesCommand>) {
        for said in commands {
            let known = self.commands.entry(&said.command).or_insert(said);
            if said.secret {
                *known = said;
            }
        }
    }
}

fn steps(chart: &Chart) -> impl Iterator<Item = &Step> {
    let steps = &chart.steps;
    [&steps.pre, &steps.post, &steps.validate, &steps.on_failure]
        .into_iter()
        .flatten()
}

fn templates_of(step: &Step) -> Vec<&Template> {
    match &step.verb {
        Verb::Run { command, env, .. } => command.iter().chain(env.values()).collect(),
        Verb::Pods {
            selector,
            namespace,
            ..
        } => std::iter::once(selector).chain(namespace).collect(),
        Verb::Http { target, body, .. } => {
            let mut found: Vec<&Template> = body.iter().collect();
            match target {
                HttpTarget::Url(url) => found.push(url),
                HttpTarget::Service {
                    service,
                    namespace,
                    path,
                    ..
                } => {
                    found.extend([service, path]);
                    found.extend(namespace);
                }
            }
            found
        }
    }
}
