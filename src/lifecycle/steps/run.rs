//! `run`: a command of the user's, with the payload on its standard input.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{StepError, attempt::Attempt};
use crate::{
    event::Stream,
    lifecycle::{Payload, words::in_words},
    process::{self, Command, End, Keep, OnTerminate, Orphaned, Output},
    secret::Secret,
    stack::{self, ErrorClass, Parse, Resolved, Template},
};

/// Between SIGTERM and SIGKILL when the step's timeout ended it.
const GRACE: Duration = Duration::from_secs(5);

/// Lines of its standard error shown when it fails.
const SHOWN: usize = 20;

/// Runs it. What it prints may be a new payload.
pub(super) async fn run(at: &Attempt<'_>, run: &stack::Run) -> Result<Payload, StepError> {
    let output = output(at, run, Says::Everything).await?;
    Ok(Payload::from_output(&output.stdout).unwrap_or_else(|| at.payload.clone()))
}

/// Runs it for what it prints, which is a value.
pub(super) async fn read(
    at: &Attempt<'_>,
    run: &stack::Run,
    parse: Parse,
    secret: bool,
) -> Result<Resolved, StepError> {
    let output = output(at, run, Says::Troubles).await?;
    let wrong = |reason: String| {
        StepError::new("the output of the command cannot be read")
            .of_class(ErrorClass::Command)
            .cause(reason)
    };
    if output.stdout_cut {
        let most = process::KEPT_DATA / 1024 / 1024;
        return Err(wrong(format!("it printed more than {most} MiB")));
    }
    let text = String::from_utf8(output.stdout);
    let text = text.map_err(|_| wrong("it printed something that is not UTF-8".to_owned()))?;
    let value = parse.read(&text, secret).map_err(wrong)?;
    Ok(Resolved { value, secret })
}

/// What of a command's output is shown while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Everything,
    /// Standard output is a value, and may be a secret one.
    Troubles,
}

async fn output(at: &Attempt<'_>, run: &stack::Run, says: Says) -> Result<Output, StepError> {
    let cx = at.cx;
    let mut words = run.command.iter().map(|word| argument(at, word));
    let program = words.next().transpose()?.unwrap_or_default();
    let child = Command {
        program: PathBuf::from(&program),
        args: words
            .map(|word| word.map(Into::into))
            .collect::<Result<_, _>>()?,
        env: environment(at, &run.env)?,
        keep: Keep::Data,
        orphaned: Orphaned::DropPipes,
        dir: Some(run.dir.clone()),
        stdin: Some(Secret::new(at.payload.to_json())),
        deadline: Some(at.limit.timeout),
        grace: GRACE,
        on_terminate: OnTerminate::Signal,
    };
    let mut on_line = |stream, line: &str| {
        if says == Says::Everything || stream == Stream::Stderr {
            cx.say(stream, line);
        }
    };
    let output = process::run(child, &cx.run.shutdown, &mut on_line).await?;
    // Test runners and the like say on stdout what is wrong.
    let said = if output.stderr.trim_ascii().is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    let words = String::from_utf8_lossy(said);
    let lines: Vec<&str> = words.lines().collect();
    let tail = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    match output.end {
        End::Cancelled => Err(StepError {
            cancelled: true,
            ..StepError::new("the run was interrupted")
        }),
        End::TimedOut => Err(StepError::new(format!(
            "`{program}` did not end within {}",
            in_words(at.limit.timeout)
        ))
        .of_class(ErrorClass::Timeout)
        .cause(tail)),
        End::Exited if !output.status.success() => {
            // `exit status: 3`: one colon too many in a chain of them.
            let how = output.status.to_string().replace(": ", " ");
            Err(StepError::new(format!("`{program}` failed: {how}"))
                .of_class(ErrorClass::Command)
                .cause(tail))
        }
        End::Exited => Ok(output),
    }
}

/// Arguments are seen by every user of the machine.
fn argument(at: &Attempt<'_>, word: &Template) -> Result<String, StepError> {
    let expanded = word.expand(&at.cx.scope())?;
    if expanded.secret {
        return Err(StepError::new("an argument of `run` holds a secret, which others could see")
            .of_class(ErrorClass::Template)
            .hint("hand it over in `env`: run = { command = …, env = { TOKEN = \"${inputs.token}\" } }"));
    }
    Ok(expanded.text)
}

fn environment(
    at: &Attempt<'_>,
    own: &BTreeMap<String, Template>,
) -> Result<BTreeMap<std::ffi::OsString, std::ffi::OsString>, StepError> {
    let cx = at.cx;
    let mut env = cx.run.surroundings.env.clone();
    // A helm or kubectl in the command talks to the run's cluster, whatever the user's shell says.
    env.retain(|name, _| !name.to_string_lossy().starts_with("HELM_KUBE"));
    let kubeconfig = cx.run.surroundings.kubeconfig.clone().into_os_string();
    env.insert("KUBECONFIG".into(), kubeconfig);
    for (name, value) in [
        ("STACKCTL_STACK", cx.run.stack.name.as_str()),
        ("STACKCTL_RUN", cx.run.id.as_str()),
        ("STACKCTL_CHART", cx.chart.name.as_str()),
        ("STACKCTL_RELEASE", cx.chart.release.name.as_str()),
        ("STACKCTL_NAMESPACE", cx.chart.release.namespace.as_str()),
        ("STACKCTL_ACTION", cx.told_action().as_str()),
        ("STACKCTL_PHASE", at.phase),
        ("STACKCTL_STEP", &at.step.name),
    ] {
        env.insert(name.into(), value.into());
    }
    if let Some(environment) = &cx.run.stack.environment {
        env.insert("STACKCTL_ENVIRONMENT".into(), environment.as_str().into());
    }
    for (name, template) in own {
        env.insert(name.into(), at.view.text(template)?.into());
    }
    Ok(env)
}
