//! What `${…}` can refer to in one stack, and the checks of every text against it.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use crate::{
    name::{ChartName, ReleaseId},
    stack::{
        findings::{Finding, Findings, list},
        layers::origin::{Located, Text},
        model::DataCommand,
        raw::data::RawCommand,
        scope::{ExpandError, Scope},
        template::{Late, Part, Piece, Reference, Template, is_name, scan},
        validate::outputs::Outputs,
    },
};

/// Of a command whose output is data, unless it says otherwise.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);

/// A text that needed to be known while loading.
pub(crate) type Now<'t> = Located<Cow<'t, str>>;

/// What is defined.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    /// Declared inputs and the environment, with the values they have now.
    pub(crate) scope: Scope,
    /// Names of all declared inputs, with a value or not.
    pub(crate) inputs: Vec<&'a str>,
    /// Those of them that a command gives a value, when a run begins.
    pub(crate) from_commands: BTreeSet<&'a str>,
    /// Those of them that are secret.
    pub(crate) secret_inputs: BTreeSet<&'a str>,
    /// Charts; filled once their own names are known.
    pub(crate) charts: HashMap<&'a str, ChartNames<'a>>,
    /// What `${charts.NAME.outputs.…}` offers.
    pub(crate) outputs: Outputs<'a>,
    /// What the chart that is being read may refer to of itself and of those before it.
    /// Nothing elsewhere.
    pub(crate) here: RefCell<Option<Here>>,
}

/// The chart that is being read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Here {
    /// Its name.
    pub(crate) chart: String,
    /// What its steps captured before the place that is being read.
    pub(crate) captures: Vec<String>,
}

/// What `${charts.NAME.…}` offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChartNames<'a> {
    /// Its release, with the namespace.
    Enabled(&'a ReleaseId),
    /// `enabled = false`.
    Disabled,
    /// Something is wrong with it, which is reported elsewhere.
    Broken,
}

impl Known<'_> {
    /// Reads a text that is expanded when inputs are resolved. `None` if something is wrong.
    pub(crate) fn template(&self, text: Text<'_>, f: &mut Findings) -> Option<Template> {
        let pieces = match scan(text.value) {
            Ok(pieces) => pieces,
            Err(error) => {
                let origin = f.sources.within(text, &error.span);
                f.add(Finding::error(error.message).at(origin, ""));
                return None;
            }
        };
        let mut template = Template { parts: Vec::new() };
        let mut sound = true;
        for piece in pieces {
            match piece {
                Piece::Text(text) => template.push_text(text),
                Piece::Reference(inner, span) => match self.refer(inner) {
                    Ok(Part::Text(text)) => template.push_text(&text),
                    Ok(reference) => template.parts.push(reference),
                    Err(finding) => {
                        sound = false;
                        f.add(finding.at(f.sources.within(text, &span), ""));
                    }
                },
            }
        }
        sound.then_some(template)
    }

    /// An argument of a command that runs in a step: others can see it.
    pub(crate) fn argument(&self, text: Text<'_>, f: &mut Findings) -> Option<Template> {
        let template = self.template(text, f)?;
        let is_secret = |part: &Part| {
            matches!(part, Part::Reference(Reference::Input(name))
                if self.secret_inputs.contains(name.as_str()))
        };
        if !template.parts.iter().any(is_secret) {
            return Some(template);
        }
        f.add(
            secret_argument(text).help(
                "hand it over in `env`: { command = …, env = { TOKEN = \"${inputs.token}\" } }",
            ),
        );
        None
    }

    /// A declared input, alone.
    pub(crate) fn input(&self, name: Text<'_>, f: &mut Findings) -> Option<Template> {
        match self.refer_to_input(name.value) {
            Ok(part) => Some(Template { parts: vec![part] }),
            Err(finding) => {
                f.add(finding.at(name.origin, ""));
                None
            }
        }
    }

    /// A command whose output is data, in the folder of the file that says it.
    pub(crate) fn command(&self, said: &RawCommand<'_>, f: &mut Findings) -> Option<DataCommand> {
        let words: Vec<Option<String>> = said
            .words
            .iter()
            .map(|word| {
                let secret = || {
                    secret_argument(*word)
                        .help("the command has the environment of stackctl: let it read that")
                };
                Some(self.expanded(*word, secret, f)?.value.into_owned())
            })
            .collect();
        Some(DataCommand {
            words: words.into_iter().collect::<Option<_>>()?,
            dir: f.sources.folder(said.origin),
            timeout: said.timeout.unwrap_or(COMMAND_TIMEOUT),
        })
    }

    /// Expands a text that must be known while loading: a name, a path, a version, a label.
    pub(crate) fn now<'t>(&self, text: Text<'t>, f: &mut Findings) -> Option<Now<'t>> {
        let secret = || {
            Finding::error("a secret cannot be part of a name")
                .at(text.origin, "this is shown in plans, events and labels")
        };
        self.expanded(text, secret, f)
    }

    fn expanded<'t>(
        &self,
        text: Text<'t>,
        secret: impl FnOnce() -> Finding,
        f: &mut Findings,
    ) -> Option<Now<'t>> {
        if !text.value.contains("${") {
            return Some(Located {
                value: Cow::Borrowed(text.value),
                origin: text.origin,
            });
        }
        let template = self.template(text, f)?;
        match template.expand(&self.scope) {
            Ok(expanded) if !expanded.secret => Some(Located {
                value: Cow::Owned(expanded.text),
                origin: text.origin,
            }),
            Ok(_) => {
                f.add(secret());
                None
            }
            Err(error) => {
                let help = match &error {
                    ExpandError::Input(name) if self.from_commands.contains(name.as_str()) => {
                        "commands run when a run begins: use an input with a default here".into()
                    }
                    ExpandError::Input(name) => format!("give input `{name}` a default"),
                    ExpandError::Env(name) => {
                        format!("set `{name}`, or use an input with a default")
                    }
                    ExpandError::Late { .. } => {
                        "what is read from the cluster may be used in values and steps".into()
                    }
                };
                f.add(
                    Finding::error(error.to_string())
                        .at(text.origin, "this must be known while loading")
                        .help(help),
                );
                None
            }
        }
    }

    fn refer(&self, inner: &str) -> Result<Part, Finding> {
        match inner.split('.').collect::<Vec<_>>().as_slice() {
            ["inputs", name] => self.refer_to_input(name),
            ["env", name] if is_name(name) => {
                Ok(Part::Reference(Reference::Env((*name).to_owned())))
            }
            ["charts", chart, field @ ("namespace" | "release")] => {
                self.refer_to_chart(chart, field)
            }
            ["capture", name] => self.refer_to_capture(name),
            ["charts", chart, "outputs", name] => self.refer_to_output(chart, name),
            _ => Err(
                Finding::error(format!("undefined reference `${{{inner}}}`"))
                    .help(
                        "defined are `${inputs.NAME}`, `${env.NAME}`, `${capture.NAME}`, \
                     `${charts.NAME.namespace}`, `${charts.NAME.release}` and \
                     `${charts.NAME.outputs.NAME}`",
                    )
                    .help("write `$${` for the text itself"),
            ),
        }
    }

    fn refer_to_input(&self, name: &str) -> Result<Part, Finding> {
        if self.inputs.contains(&name) {
            return Ok(Part::Reference(Reference::Input(name.to_owned())));
        }
        Err(undefined_input(name, &self.inputs))
    }

    fn refer_to_capture(&self, name: &str) -> Result<Part, Finding> {
        let here = self.here.borrow();
        let Some(here) = &*here else {
            return Err(nowhere(&format!("capture.{name}")));
        };
        if here.captures.iter().any(|known| known == name) {
            let late = Late::Capture(name.to_owned());
            return Ok(Part::Reference(Reference::Late(late)));
        }
        let before = here.captures.iter().map(String::as_str);
        let finding = Finding::error(format!("undefined capture `{name}`"));
        Err(if before.len() == 0 {
            finding.help(format!(
                "nothing is captured before this; add a step `capture = {{ name = \"{name}\", … }}`"
            ))
        } else {
            finding
                .suggest(name, before.clone())
                .help(format!("captured before this: {}", list(before)))
        })
    }

    fn refer_to_output(&self, chart: &str, name: &str) -> Result<Part, Finding> {
        let here = self.here.borrow();
        let Some(here) = &*here else {
            return Err(nowhere(&format!("charts.{chart}.outputs.{name}")));
        };
        // Whether there is such a chart.
        self.refer_to_chart(chart, "release")?;
        self.outputs.check(&here.chart, chart, name)?;
        // A name that is none is reported elsewhere.
        let Ok(chart) = ChartName::new(chart) else {
            return Ok(Part::Text(String::new()));
        };
        let late = Late::Output(chart, name.to_owned());
        Ok(Part::Reference(Reference::Late(late)))
    }

    fn refer_to_chart(&self, chart: &str, field: &str) -> Result<Part, Finding> {
        match self.charts.get(chart) {
            Some(ChartNames::Enabled(release)) => Ok(Part::Text(match field {
                "namespace" => release.namespace.to_string(),
                _ => release.name.to_string(),
            })),
            Some(ChartNames::Broken) => Ok(Part::Text(String::new())),
            Some(ChartNames::Disabled) => {
                Err(Finding::error(format!("chart `{chart}` is disabled")))
            }
            None if self.charts.is_empty() => Err(Finding::error(
                "`${charts.…}` cannot be used in a namespace, a release or the stack's own settings",
            )),
            None => {
                let mut defined: Vec<&str> = self.charts.keys().copied().collect();
                defined.sort_unstable();
                Err(Finding::error(format!("undefined chart `{chart}`"))
                    .suggest(chart, defined.iter().copied())
                    .help(format!("defined charts: {}", list(defined))))
            }
        }
    }
}

fn secret_argument(word: Text<'_>) -> Finding {
    Finding::error("an argument cannot hold a secret")
        .at(word.origin, "every user of the machine can see it")
}

/// Only a chart at work knows what is in the cluster.
fn nowhere(inner: &str) -> Finding {
    Finding::error(format!("`${{{inner}}}` cannot be used here"))
        .help("what is read from the cluster may be used in a chart's values and steps")
}

/// An input nobody declared: what is declared, and the most likely meaning.
pub(crate) fn undefined_input(name: &str, declared: &[&str]) -> Finding {
    let finding = Finding::error(format!("undefined input `{name}`"));
    if declared.is_empty() {
        finding.help(format!(
            "no inputs are declared; add `{name} = {{ default = … }}` to `[inputs]`"
        ))
    } else {
        finding
            .suggest(name, declared.iter().copied())
            .help(format!(
                "defined inputs: {}",
                list(declared.iter().copied())
            ))
    }
}
