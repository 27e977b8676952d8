//! One node's run: the lifecycle around Helm that charts need not be forked for, or what is done
//! to a chart's CRDs.
//!
//! The engine calls [`Executor`] for each node of the plan; for a chart that runs [`HelmChart`] (the
//! trait a program may implement, [`CommonChart`] for everybody else) in a [`Context`]:
//!
//! ```text
//! [fetch] → check_prerequisites → [namespace] → pre → [reinstall] → exec → [ready] → post → validate
//!                                                                     └ failed ┴→ on_failure → [rollback]
//! ```
//!
//! What is in brackets is built in: it stays whatever step is overridden. [`common`] holds the
//! default bodies, [`deploy`] and [`remove`] the two ways of exec.
//!
//! A chart of which nothing has changed (`unchanged`) is left alone; one that an earlier run left
//! after exec begins there. On the way down, before exec, live objects of the chart's kinds are
//! looked at (`live`); with `--purge`, the last chart of a namespace ends with that namespace
//! (`purge`). The CRDs of a chart are a node of their own, with one step (`crds`). Every helm that
//! changes a release is announced first ([`Intents`]), and what one left unfinished is recovered
//! before the next begins (`recover`).
//!
//! What a run does to releases is remembered (`changes`), so that a stack that says so gets it taken
//! back when the run fails: that is a plan of its own, whose nodes are run by `take_back`.
//!
//! # What was decided about the seed's open questions
//!
//! | seed | question | here |
//! | --- | --- | --- |
//! | B02 | a chart without name or path is found at run time | the name is the table's key, `chart` is required: `check` says so |
//! | B03 | an enum of six namespaces | any namespace; created when missing |
//! | B04, B34, B35, B43 | what `skip` skips | exec only: all other steps run |
//! | B05 | `atomic`, `wait`, `force_upgrade`, `dry_run` flags of Helm | rollback and waiting are our own phases; `force_replace`; `--dry-run` is the plan |
//! | B07, B41 | only one chart read the breaking version; its failure was a warning | every chart may say `reinstall_below`; a failing version check stops the run before its first change |
//! | B10 | inline YAML written to files | given to Helm on standard input, never written |
//! | B21 | what payload the failure hook sees | that after `pre`; what the hook returns is dropped |
//! | B22 | errors before exec | end the chart, no failure hook |
//! | B23, B24, B27 | which error wins when the failure hook fails too | always that of exec; the hook's is attached; no error is without a message |
//! | B25 | a failing `post` or `validate` | fails the chart and stops the graph; the release stays: the deploy itself was good |
//! | B26 | the failure hook of other actions | runs for every action |
//! | B28 | charts in threads | tasks of the engine, in graph order |
//! | B30 | only values files are checked | charts, values, Helm, cluster and rights too, for all charts before the first change |
//! | B33, B42 | an absent release's clean-up | runs: `post` steps with `when = { action = ["uninstall"] }` |
//! | B36 | the namespace's events | a dossier of exactly the release's objects |
//! | B38 | an empty validate | the workloads are always awaited; `validate` steps come on top |
//! | B45 | Helm's own features | history, manual rollback and release lock stay Helm's: same records, same names |

mod appearing;
mod changes;
mod class;
pub mod common;
mod context;
mod crds;
pub mod deploy;
mod dossier;
mod error;
mod executor;
mod helm_chart;
mod intents;
mod late;
mod live;
mod outputs;
mod patience;
mod payload;
mod purge;
pub mod ready;
mod recover;
pub mod remove;
mod retry;
mod rollback;
mod steps;
mod take_back;
#[cfg(test)]
pub(crate) mod testing;
mod unchanged;
mod words;

pub use changes::{Changes, Standing, ToTakeBack, standing};
pub use context::{Context, RunContext, Validation};
pub use error::StepError;
pub use executor::{Executor, Implementations};
pub use helm_chart::{CommonChart, HelmChart};
pub use intents::{Intents, Place, Tenure};
pub use late::{FetchWatch, LateChart, LateCharts};
pub use payload::Payload;
pub use purge::Purge;
pub use recover::{forget_ended, is_gone, newest};
pub use unchanged::{Setting, digests, observed, wanted};
