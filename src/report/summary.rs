//! The end of a run, in full: what became of every chart, why some failed, how to go on.

use std::{fmt::Write, path::Path};

use super::{
    board::{Board, Chart, State, Step},
    table::{Align, Table},
    tally,
    text::{Palette, clean, duration, paint},
};
use crate::{
    event::{ChartOutcome, Event, Failure, RunOutcome},
    name::{Action, NodeName},
};

/// Takes the events of a run; tells at its end what became of it.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    board: Board,
}

/// What the summary cannot know from the events, and how it is drawn.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub struct Closing<'a> {
    /// Where journal and dossiers lie.
    pub run_folder: Option<&'a Path>,
    /// The command to go on with after a failure.
    pub go_on: Option<&'a str>,
    /// Failures and the last line only.
    pub quiet: bool,
    /// For one who looks back at a run: every chart and each of its steps.
    pub steps: bool,
    /// The run is still at work, as far as anyone knows.
    pub live: bool,
    /// With colours.
    pub color: bool,
}

impl Summary {
    /// Takes the next event.
    pub fn event(&mut self, event: &Event) {
        self.board.apply(event);
    }

    /// The whole summary, as lines. Empty if the run never started.
    pub fn render(&self, closing: &Closing<'_>) -> String {
        let palette = Palette::new(closing.color);
        let Some(last) = self.last_line(closing, &palette) else {
            return String::new();
        };
        let mut blocks = Vec::new();
        if !closing.quiet {
            let table = self.table(closing, &palette);
            if !table.is_empty() {
                blocks.push(table.render());
            }
        }
        // Its row says that it was cancelled, and where: without more to tell it is no failure.
        let telling = |failure: &Failure| closing.quiet || !is_merely_cancelled(failure);
        for (name, failure) in self.failures().filter(|(_, failure)| telling(failure)) {
            blocks.push(failure_block(name, failure, &palette));
        }
        blocks.push(last + &self.next_steps(closing, &palette));
        blocks.join("\n")
    }

    /// Every chart something was done to, or should have been.
    fn table(&self, closing: &Closing<'_>, palette: &Palette) -> Table {
        let mut table = Table::new(&[
            ("CHART", Align::Left),
            ("ACTION", Align::Left),
            ("OUTCOME", Align::Left),
            ("TIME", Align::Right),
            ("", Align::Left),
        ]);
        for (name, chart) in &self.board.charts {
            let is_unchanged = matches!(
                chart.state,
                State::Finished {
                    outcome: ChartOutcome::Unchanged,
                    ..
                }
            );
            if closing.steps || !(is_unchanged || chart.is_under_way()) {
                table.row(chart_row(name, chart, closing.live, palette));
            }
            for step in chart.log.iter().filter(|_| closing.steps) {
                table.row(step_row(step, closing.live, palette));
            }
        }
        table
    }

    fn failures(&self) -> impl Iterator<Item = (&NodeName, &Failure)> {
        self.board
            .charts
            .iter()
            .filter_map(|(name, chart)| match &chart.state {
                State::Finished {
                    failure: Some(failure),
                    ..
                } => Some((name, &**failure)),
                _ => None,
            })
    }

    /// `platform: up failed after 12.3s: 1 installed, 1 failed, 2 not run`.
    fn last_line(&self, closing: &Closing<'_>, palette: &Palette) -> Option<String> {
        let head = self.board.head.as_ref()?;
        let (outcome, elapsed_ms) = match self.board.end {
            Some((outcome, duration_ms)) => (Some(outcome), duration_ms),
            None => (None, self.board.elapsed_ms),
        };
        let (style, words) = match outcome {
            Some(RunOutcome::Succeeded) => (palette.good, format!("{} in", head.direction)),
            Some(RunOutcome::Failed) => (palette.bad, format!("{} failed after", head.direction)),
            Some(RunOutcome::Cancelled) => (
                palette.warning,
                format!("{} interrupted after", head.direction),
            ),
            None if closing.live => (palette.warning, format!("{} under way for", head.direction)),
            None => (palette.bad, format!("{} broke off after", head.direction)),
        };
        let counts = tally::in_words(&self.board);
        Some(format!(
            "{}: {} {}: {counts}\n",
            paint(palette.strong, &head.stack),
            paint(style, &words),
            duration(elapsed_ms),
        ))
    }

    fn next_steps(&self, closing: &Closing<'_>, palette: &Palette) -> String {
        let mut text = String::new();
        let succeeded = matches!(self.board.end, Some((RunOutcome::Succeeded, _)));
        if succeeded || closing.quiet {
            return text;
        }
        if let Some(folder) = closing.run_folder {
            line(&mut text, &format!("  details in {}", folder.display()));
        }
        if let Some(command) = closing.go_on {
            let command = paint(palette.hint, command);
            line(&mut text, &format!("  go on with {command}"));
        }
        text
    }
}

fn chart_row(name: &NodeName, chart: &Chart, live: bool, palette: &Palette) -> [String; 5] {
    let (outcome, time, note) = match &chart.state {
        State::Finished {
            outcome,
            because,
            duration_ms,
            failure,
        } => {
            let style = match outcome {
                ChartOutcome::Succeeded => palette.good,
                ChartOutcome::Unchanged | ChartOutcome::Skipped => palette.faint,
                ChartOutcome::Failed => palette.bad,
                ChartOutcome::NotRun | ChartOutcome::Cancelled => palette.warning,
            };
            let time = match outcome {
                ChartOutcome::NotRun => "-".to_owned(),
                _ => duration(*duration_ms),
            };
            let note = match (because, failure) {
                (Some(because), _) => format!("because of {because}"),
                (None, Some(failure)) => format!("at {}", clean(&failure.step)),
                (None, None) => chart.reason.as_deref().map(clean).unwrap_or_default(),
            };
            (paint(style, outcome.as_str()), time, note)
        }
        State::Running { .. } => {
            let note = chart.steps.last();
            let note = note.map_or_else(String::new, |step| format!("at {}", clean(step)));
            (unfinished(live, palette), "-".to_owned(), note)
        }
        State::Waiting => {
            let word = if live { "waiting" } else { "not run" };
            (paint(palette.warning, word), "-".to_owned(), String::new())
        }
    };
    let action = chart.action.map_or("-", Action::as_str).to_owned();
    [name.to_string(), action, outcome, time, note]
}

fn step_row(step: &Step, live: bool, palette: &Palette) -> [String; 5] {
    let (outcome, time) = match step.ended {
        Some((true, time)) => (paint(palette.faint, "done"), duration(time)),
        Some((false, time)) => (paint(palette.bad, "failed"), duration(time)),
        None => (unfinished(live, palette), "-".to_owned()),
    };
    let name = format!("  {}", clean(&step.name));
    [name, String::new(), outcome, time, String::new()]
}

/// What has no end: it may still have one, or never will.
fn unfinished(live: bool, palette: &Palette) -> String {
    let word = if live { "running" } else { "cut off" };
    paint(palette.warning, word)
}

fn is_merely_cancelled(failure: &Failure) -> bool {
    failure.cancelled
        && failure.error.lines().count() == 1
        && failure.cause.is_empty()
        && failure.dossier.is_empty()
        && failure.attached.is_empty()
        && failure.hints.is_empty()
}

/// One failed chart: what, where, in whose words, what was found, what to do.
fn failure_block(chart: &NodeName, failure: &Failure, palette: &Palette) -> String {
    let mut text = String::new();
    let (style, word) = if failure.cancelled {
        (palette.warning, "cancelled")
    } else {
        (palette.bad, "failed")
    };
    let mut error = failure.error.lines();
    line(
        &mut text,
        &format!(
            "{}: {} at {}: {}",
            paint(palette.strong, &chart.to_string()),
            paint(style, word),
            clean(&failure.step),
            clean(error.next().unwrap_or_default()),
        ),
    );
    for more in error {
        line(&mut text, &format!("  {}", clean(more)));
    }
    for cause in failure.cause.iter().flat_map(|cause| cause.lines()) {
        let bar = paint(palette.faint, "│");
        line(&mut text, &format!("  {bar} {}", clean(cause)));
    }
    for found in failure.dossier.iter().flat_map(|found| found.lines()) {
        line(&mut text, &format!("  {}", clean(found)));
    }
    for also in &failure.attached {
        let label = paint(palette.warning, "also");
        line(&mut text, &format!("  {label}: {}", clean(also)));
    }
    for hint in &failure.hints {
        let label = paint(palette.hint, "hint");
        line(&mut text, &format!("  {label}: {}", clean(hint)));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        name::Direction,
        report::samples::{self, Script},
    };

    fn summary(events: &[Event]) -> Summary {
        let mut summary = Summary::default();
        for event in events {
            summary.event(event);
        }
        summary
    }

    fn render(events: &[Event], quiet: bool, color: bool) -> String {
        summary(events).render(&Closing {
            run_folder: Some(Path::new(".stackctl/runs/20261122t163501-ab12cd")),
            go_on: Some("stackctl up -f platform.toml"),
            quiet,
            color,
            ..Closing::default()
        })
    }

    #[test]
    fn a_rollback_says_what_was_gone_back_to_and_what_stays() {
        let events = [samples::failed_run(), samples::rolled_back()].concat();
        insta::assert_snapshot!(render(&events, false, false), @r"
        CHART  ACTION    OUTCOME    TIME
        api    rollback  succeeded  0.4s  to revision 3
        db     skip      skipped    0.0s  reinstalled by this run

        platform: rollback in 0.4s: 1 rolled back, 1 skipped
        ");
    }

    /// As one who looks back sees it.
    fn look_back(events: &[Event], live: bool) -> String {
        summary(events).render(&Closing {
            run_folder: Some(Path::new("runs/20261122t163501-ab12cd")),
            steps: true,
            live,
            ..Closing::default()
        })
    }

    #[test]
    fn one_who_looks_back_sees_every_chart_and_its_steps() {
        insta::assert_snapshot!(look_back(&samples::failed_run(), false), @r#"
        CHART          ACTION     OUTCOME     TIME
        storage-class  unchanged  unchanged   0.0s
        db             install    succeeded  12.2s
          exec                    done        0.1s
          ready                   done        0.1s
        api            upgrade    failed      4.2s  at exec
          exec                    failed      0.1s
        web            -          not run        -  because of api

        api: failed at exec: helm upgrade of shop/api failed
          │ Error: UPGRADE FAILED: failed to create resource:
          │ Deployment "api" is invalid: spec.replicas: must be greater than 0
          deployment/api: 0 of 2 ready
            pod api-7d9f: api: CrashLoopBackOff, exit code 1
          also: on_failure/run failed: exit code 3
          hint: all of it is in api.dossier.txt of the run folder

        platform: up failed after 16.5s: 1 installed, 1 unchanged, 1 failed, 1 not run
          details in runs/20261122t163501-ab12cd
        "#);
    }

    #[test]
    fn one_who_looks_back_sees_where_a_run_was_cut_off() {
        insta::assert_snapshot!(look_back(&samples::waiting_run(), false), @r"
        CHART                  ACTION   OUTCOME  TIME
        db                     install  cut off     -  at ready
          ready                         cut off     -
        kube-prometheus-stack  upgrade  cut off     -  at validate/pods
          validate                      cut off     -
          validate/pods                 cut off     -
        cache                  install  cut off     -
        api                    -        not run     -
        web                    -        not run     -

        platform: up broke off after 9.0s: 3 unfinished, 2 not run
          details in runs/20261122t163501-ab12cd
        ");
        let text = look_back(&samples::waiting_run(), true);
        assert!(
            text.contains("up under way for 9.0s: 3 unfinished, 2 not run"),
            "{text}"
        );
        assert!(text.contains("validate/pods"), "{text}");
        assert!(!text.contains("cut off"), "{text}");
    }

    #[test]
    fn a_failed_run_says_why_and_how_to_go_on() {
        insta::assert_snapshot!(render(&samples::failed_run(), false, false), @r#"
        CHART  ACTION   OUTCOME     TIME
        db     install  succeeded  12.2s
        api    upgrade  failed      4.2s  at exec
        web    -        not run        -  because of api

        api: failed at exec: helm upgrade of shop/api failed
          │ Error: UPGRADE FAILED: failed to create resource:
          │ Deployment "api" is invalid: spec.replicas: must be greater than 0
          deployment/api: 0 of 2 ready
            pod api-7d9f: api: CrashLoopBackOff, exit code 1
          also: on_failure/run failed: exit code 3
          hint: all of it is in api.dossier.txt of the run folder

        platform: up failed after 16.5s: 1 installed, 1 unchanged, 1 failed, 1 not run
          details in .stackctl/runs/20261122t163501-ab12cd
          go on with stackctl up -f platform.toml
        "#);
    }

    #[test]
    fn quiet_leaves_failures_and_the_last_line() {
        insta::assert_snapshot!(render(&samples::failed_run(), true, false), @r#"
        api: failed at exec: helm upgrade of shop/api failed
          │ Error: UPGRADE FAILED: failed to create resource:
          │ Deployment "api" is invalid: spec.replicas: must be greater than 0
          deployment/api: 0 of 2 ready
            pod api-7d9f: api: CrashLoopBackOff, exit code 1
          also: on_failure/run failed: exit code 3
          hint: all of it is in api.dossier.txt of the run folder

        platform: up failed after 16.5s: 1 installed, 1 unchanged, 1 failed, 1 not run
        "#);
    }

    #[test]
    fn colours_mark_what_matters() {
        let text = render(&samples::failed_run(), true, true).replace('\u{1b}', "^");
        insta::assert_snapshot!(text, @r#"
        ^[1mapi^[0m: ^[1m^[31mfailed^[0m at exec: helm upgrade of shop/api failed
          ^[2m│^[0m Error: UPGRADE FAILED: failed to create resource:
          ^[2m│^[0m Deployment "api" is invalid: spec.replicas: must be greater than 0
          deployment/api: 0 of 2 ready
            pod api-7d9f: api: CrashLoopBackOff, exit code 1
          ^[1m^[33malso^[0m: on_failure/run failed: exit code 3
          ^[36mhint^[0m: all of it is in api.dossier.txt of the run folder

        ^[1mplatform^[0m: ^[1m^[31mup failed after^[0m 16.5s: 1 installed, 1 unchanged, 1 failed, 1 not run
        "#);
    }

    #[test]
    fn a_good_run_is_short() {
        let events = Script::new(Direction::Up, &["db", "api", "web", "old", "dns"])
            .start(0, "db", Action::Install)
            .finish(61_000, "db", ChartOutcome::Succeeded, 61_000)
            .start(61_000, "api", Action::Upgrade)
            .finish(62_000, "api", ChartOutcome::Succeeded, 1_000)
            .finish(62_000, "web", ChartOutcome::Unchanged, 3)
            .start(62_000, "old", Action::Uninstall)
            .finish(62_100, "old", ChartOutcome::Succeeded, 100)
            .start(62_000, "dns", Action::Skip)
            .finish(62_100, "dns", ChartOutcome::Skipped, 100)
            .done(62_345, RunOutcome::Succeeded);
        insta::assert_snapshot!(render(&events, false, false), @r"
        CHART  ACTION     OUTCOME     TIME
        db     install    succeeded  1m01s
        api    upgrade    succeeded   1.0s
        old    uninstall  succeeded   0.1s
        dns    skip       skipped     0.1s

        platform: up in 1m02s: 1 installed, 1 upgraded, 1 uninstalled, 1 unchanged, 1 skipped
        ");
    }

    #[test]
    fn crds_are_counted_apart() {
        let events = Script::new(Direction::Up, &["db:crds", "web:crds", "db", "web"])
            .start(0, "db:crds", Action::Upgrade)
            .finish(300, "db:crds", ChartOutcome::Succeeded, 300)
            .finish(300, "web:crds", ChartOutcome::Unchanged, 0)
            .start(300, "db", Action::Upgrade)
            .finish(1_300, "db", ChartOutcome::Succeeded, 1_000)
            .finish(1_300, "web", ChartOutcome::Unchanged, 0)
            .done(1_400, RunOutcome::Succeeded);
        insta::assert_snapshot!(render(&events, false, false), @"
        CHART    ACTION   OUTCOME    TIME
        db:crds  upgrade  succeeded  0.3s
        db       upgrade  succeeded  1.0s

        platform: up in 1.4s: 1 upgraded, 1 unchanged; CRDs: 1 upgraded, 1 unchanged
        ");
    }

    #[test]
    fn an_unchanged_stack_is_one_line() {
        let events = Script::new(Direction::Up, &["db", "api"])
            .finish(3, "db", ChartOutcome::Unchanged, 3)
            .finish(3, "api", ChartOutcome::Unchanged, 3)
            .done(400, RunOutcome::Succeeded);
        insta::assert_snapshot!(render(&events, false, false), @"platform: up in 0.4s: 2 unchanged");
    }

    #[test]
    fn an_interrupted_run_tells_what_was_cut_short() {
        let cancelled = Failure {
            step: "exec".to_owned(),
            error: "helm was interrupted\nits release may be pending".to_owned(),
            cancelled: true,
            ..Failure::default()
        };
        let waiting = Failure {
            step: "ready".to_owned(),
            error: "the run was interrupted".to_owned(),
            cancelled: true,
            ..Failure::default()
        };
        let events = Script::new(Direction::Down, &["web", "cdn", "api"])
            .start(0, "web", Action::Uninstall)
            .start(0, "cdn", Action::Uninstall)
            .fail(4_100, "cdn", waiting)
            .fail(4_200, "web", cancelled)
            .not_run(4_200, "api", None)
            .done(4_300, RunOutcome::Cancelled);
        insta::assert_snapshot!(render(&events, false, false), @r"
        CHART  ACTION     OUTCOME    TIME
        web    uninstall  cancelled  4.2s  at exec
        cdn    uninstall  cancelled  4.2s  at ready
        api    -          not run       -

        web: cancelled at exec: helm was interrupted
          its release may be pending

        platform: down interrupted after 4.3s: 2 cancelled, 1 not run
          details in .stackctl/runs/20261122t163501-ab12cd
          go on with stackctl up -f platform.toml
        ");
    }

    #[test]
    fn a_run_that_broke_off_is_not_called_done() {
        let text = render(&samples::waiting_run(), false, false);
        assert!(
            text.contains("up broke off after 9.0s: 3 unfinished, 2 not run"),
            "{text}"
        );
    }

    #[test]
    fn a_run_that_never_started_has_no_summary() {
        assert_eq!(render(&[], false, false), "");
    }
}
