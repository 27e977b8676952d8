//! What a stack's texts refer to.

use std::collections::BTreeSet;

use crate::{
    diagnostic::Diagnostic,
    stack::{
        findings::Finding,
        layers::origin::Sources,
        model::{Chart, HttpTarget, Stack, Step, Verb},
        template::{Reference, Template},
        validate::known,
    },
};

impl Stack {
    /// Every input and environment variable that values, steps and repositories refer to.
    pub fn references(&self) -> BTreeSet<&Reference> {
        let templates = self.charts.values().flat_map(|chart| {
            let in_steps = steps(chart).flat_map(templates_of);
            chart.values.templates().chain(in_steps)
        });
        let credentials = self
            .repositories
            .values()
            .flat_map(|repository| repository.username.iter().chain(&repository.password));
        templates
            .chain(credentials)
            .flat_map(Template::references)
            .collect()
    }

    /// What is wrong with a value for an input that is not declared.
    pub(crate) fn undefined_input(&self, name: &str) -> Diagnostic {
        let declared: Vec<&str> = self.inputs.keys().map(String::as_str).collect();
        let finding: Finding = known::undefined_input(name, &declared);
        finding.into_diagnostic(&Sources::default())
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
        Verb::Run { command, env } => command.iter().chain(env.values()).collect(),
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
