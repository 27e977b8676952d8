//! What a stack's texts refer to.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::Diagnostic,
    name::{Action, ChartName},
    stack::{
        findings::Finding,
        layers::origin::Sources,
        model::{
            CaptureSource, Chart, DataCommand, HttpTarget, Objects, Run, Stack, Step, Until, Verb,
            Which, Within,
        },
        template::{Late, Reference, Template},
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
            if action.executes() {
                uses.add_values(chart);
            }
            uses.add_templates(chart.templates(action).into_iter());
            for (chart, name) in chart.outputs_in_use(action) {
                let outputs = self.charts.get(chart).map(|chart| &chart.outputs);
                let output = outputs.and_then(|outputs| outputs.get(name));
                let mut found = Vec::new();
                if let Some(output) = output {
                    output.objects.templates(&mut found);
                }
                uses.add_templates(found.into_iter());
            }
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

impl Chart {
    /// The outputs of other charts that this one's texts refer to when an action is done to it.
    pub fn outputs_in_use(&self, action: Action) -> BTreeSet<(&ChartName, &str)> {
        let references = self.templates(action).into_iter();
        let references = references.flat_map(Template::references);
        references
            .filter_map(|reference| match reference {
                Reference::Late(Late::Output(chart, name)) => Some((chart, name.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Texts of its values, if an action deploys it, and of the steps that it may run.
    fn templates(&self, action: Action) -> Vec<&Template> {
        // Which it is, an install or an upgrade, is found out later.
        let open = matches!(action, Action::Decide | Action::Validate);
        let may_run = |step: &&Step| open || step.when.actions.contains(&action);
        let values = action.executes().then(|| self.values.templates());
        let steps = self.steps.iter().filter(may_run).flat_map(templates_of);
        values.into_iter().flatten().chain(steps).collect()
    }
}

/// What part of a stack refers to.
#[derive(Debug, Default)]
pub struct Uses<'a> {
    /// Inputs and environment variables; not what is known only while a chart is at work.
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
        let references = templates.flat_map(Template::references);
        let known_first = |reference: &&Reference| !matches!(reference, Reference::Late(_));
        self.references.extend(references.filter(known_first));
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

fn templates_of(step: &Step) -> Vec<&Template> {
    let mut found = step.verb.templates();
    found.extend(step.when.inputs.iter().map(|(input, _)| input));
    found
}

impl Verb {
    /// Every text that may refer to something.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        let mut found = Vec::new();
        match self {
            Self::Adopt { objects, .. }
            | Self::Delete { objects, .. }
            | Self::Restart { objects, .. }
            | Self::Exists { objects }
            | Self::Absent { objects } => {
                for one in objects {
                    one.templates(&mut found);
                }
            }
            Self::Scale {
                objects, replicas, ..
            } => {
                objects.templates(&mut found);
                replicas.templates(&mut found);
            }
            Self::Apply { manifests, .. } => {
                for one in manifests {
                    one.templates(&mut found);
                }
            }
            Self::Patch { objects, patch, .. } => {
                objects.templates(&mut found);
                patch.templates(&mut found);
            }
            Self::Run(run) => run.templates(&mut found),
            Self::Capture {
                source, default, ..
            } => {
                match source {
                    CaptureSource::Field { objects, .. } => objects.templates(&mut found),
                    CaptureSource::Command { run, .. } => run.templates(&mut found),
                }
                if let Some(one) = default {
                    one.templates(&mut found);
                }
            }
            Self::Wait { objects, until } => {
                objects.templates(&mut found);
                if let Until::Field { value, .. } = until {
                    value.templates(&mut found);
                }
            }
            Self::Count { objects, .. } | Self::Pods { objects, .. } => {
                objects.templates(&mut found);
            }
            Self::Equals { objects, value, .. } | Self::Contains { objects, value, .. } => {
                objects.templates(&mut found);
                value.templates(&mut found);
            }
            Self::Http { target, body, .. } => {
                found.extend(body);
                target.templates(&mut found);
            }
            Self::HelmTest { .. } => {}
        }
        found
    }
}

impl Run {
    fn templates<'a>(&'a self, found: &mut Vec<&'a Template>) {
        found.extend(self.command.iter().chain(self.env.values()));
    }
}

impl HttpTarget {
    fn templates<'a>(&'a self, found: &mut Vec<&'a Template>) {
        match self {
            Self::Url(url) => found.push(url),
            Self::Service {
                service,
                namespace,
                path,
                ..
            } => {
                found.extend([service, path]);
                found.extend(namespace);
            }
        }
    }
}

impl Objects {
    /// Every text that may refer to something.
    pub(crate) fn templates<'a>(&'a self, found: &mut Vec<&'a Template>) {
        if let Within::Namespace(namespace) = &self.within {
            found.push(namespace);
        }
        match &self.which {
            Which::Named(names) => found.extend(names),
            Which::Matching { selector, fields } => {
                found.extend(selector);
                for (_, value) in fields {
                    value.templates(found);
                }
            }
        }
    }
}
