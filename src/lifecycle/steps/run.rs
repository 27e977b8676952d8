//! `run`: a command of the user's, with the payload on its standard input.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{Context, Payload, StepError, expand};
use crate::{
    process::{self, Command, End, Keep, OnTerminate, Orphaned},
    secret::Secret,
    stack::{Step, Template},
};

/// Between SIGTERM and SIGKILL when the step's timeout ended it.
const GRACE: Duration = Duration::from_secs(5);

/// Lines of its standard error shown when it fails.
const SHOWN: usize = 20;

pub(super) async fn run(
    cx: &Context<'_>,
    phase: &str,
    step: &Step,
    command: &[Template],
    env: &BTreeMap<String, Template>,
    payload: &Payload,
) -> Result<Payload, StepError> {
    let mut words = command.iter().map(|word| argument(cx, word));
    let program = words.next().transpose()?.unwrap_or_default();
    let child = Command {
        program: PathBuf::from(&program),
        args: words
            .map(|word| word.map(Into::into))
            .collect::<Result<_, _>>()?,
        env: environment(cx, phase, step, env)?,
        keep: Keep::Data,
        orphaned: Orphaned::DropPipes,
        dir: Some(cx.run.stack.root.clone()),
        stdin: Some(Secret::new(payload.to_json())),
        deadline: Some(step.timeout),
        grace: GRACE,
        on_terminate: OnTerminate::Signal,
    };
    let mut on_line = |stream, line: &str| cx.say(stream, line);
    let output = process::run(child, &cx.run.shutdown, &mut on_line).await?;
    let words = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = words.lines().collect();
    let tail = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    match output.end {
        End::Cancelled => Err(StepError {
            cancelled: true,
            ..StepError::new("the run was interrupted")
        }),
        End::TimedOut => Err(StepError::new(format!(
            "`{program}` did not end within {:?}",
            step.timeout
        ))
        .cause(tail)),
        End::Exited if !output.status.success() => {
            Err(StepError::new(format!("`{program}` failed: {}", output.status)).cause(tail))
        }
        End::Exited => Ok(Payload::from_output(&output.stdout).unwrap_or_else(|| payload.clone())),
    }
}

/// Arguments are seen by every user of the machine.
fn argument(cx: &Context<'_>, word: &Template) -> Result<String, StepError> {
    let expanded = word
        .expand(&cx.run.scope)
        .map_err(|error| StepError::new(error.to_string()))?;
    if expanded.secret {
        return Err(StepError::new("an argument of `run` holds a secret, which others could see")
            .hint("hand it over in `env`: run = { command = …, env = { TOKEN = \"${inputs.token}\" } }"));
    }
    Ok(expanded.text)
}

fn environment(
    cx: &Context<'_>,
    phase: &str,
    step: &Step,
    own: &BTreeMap<String, Template>,
) -> Result<BTreeMap<std::ffi::OsString, std::ffi::OsString>, StepError> {
    let mut env = cx.run.surroundings.env.clone();
    let kubeconfig = cx.run.surroundings.kubeconfig.clone().into_os_string();
    env.insert("KUBECONFIG".into(), kubeconfig);
    for (name, value) in [
        ("STACKCTL_STACK", cx.run.stack.name.as_str()),
        ("STACKCTL_RUN", cx.run.id.as_str()),
        ("STACKCTL_CHART", cx.chart.name.as_str()),
        ("STACKCTL_RELEASE", cx.chart.release.name.as_str()),
        ("STACKCTL_NAMESPACE", cx.chart.release.namespace.as_str()),
        ("STACKCTL_ACTION", cx.action.as_str()),
        ("STACKCTL_PHASE", phase),
        ("STACKCTL_STEP", &step.name),
    ] {
        env.insert(name.into(), value.into());
    }
    for (name, template) in own {
        env.insert(name.into(), expand(cx, template)?.into());
    }
    Ok(env)
}
