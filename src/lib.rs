//! stackctl brings up, changes and tears down whole stacks of Helm releases: a TOML file declares
//! charts and what each needs, a dependency graph orders them, and every chart runs through a
//! lifecycle around Helm that is extended without forking the chart.
//!
//! # The way of the data
//!
//! ```text
//! stack.toml ─▶ Layers ─▶ RawStack ─▶ Stack ─▶ Graph ──┐
//!   text+spans   merged     what it says  cannot be wrong │  wanted + Observed ─▶ Plan ─▶ engine::run ─▶ Outcome ─▶ exit code
//! cluster ─▶ release store (one metadata LIST) ─▶ Observed┘   (pure)        data     │  ▲ Progress
//!                                                                         Execute  ▼  │
//!                                              Lifecycle ─▶ Helm · release store · cluster · process · http
//!                                                   │
//!                     Event, emitted in one place ─▶ journal (write-ahead, may veto) ─▶ reporters: terminal, lines, json
//! ```
//!
//! # Where to find what, in reading order
//!
//! | module | what it does | may use, of ours (beside the leaves) |
//! | --- | --- | --- |
//! | [`name`], [`diagnostic`], [`digest`], [`secret`], [`event`], [`shutdown`] | leaves: ids and milestones; findings with spans; what tells whether something is as it was; masked strings and redaction; the event vocabulary; ordered shutdown levels | `event`: `name` |
//! | [`stack`] | file to domain: grammar, layers, raw, templates, values, model, validate | – |
//! | [`inputs`] | resolves inputs, never for `check` | `stack`, `process` |
//! | [`graph`] | petgraph behind our words: order, waves, selection | `stack` |
//! | [`plan`] | pure: what is wanted and observed in, a plan out | `graph`, `stack`, `lock` |
//! | [`engine`] | plan to outcome: a pure frontier, one owner of the run's state | `plan` |
//! | [`process`] | start, group, drain, stop children; they die with us | – |
//! | [`http`] | one client, with deadlines | – |
//! | [`chart`] | charts from anywhere: fetched, locked, cached, read | `stack`, `http`, `process`, `helm` |
//! | [`helm`] | argument vectors, versions 3 and 4, error classes | `process` |
//! | [`provide`] | one pinned Helm for rehearsals on machines without any | `http`, `process` |
//! | [`cluster`] | the Kubernetes API: requests with deadlines, readiness, watches, dossier | – |
//! | [`release`] | Helm's records: pure codec, store, marks | `cluster` |
//! | [`lock`] | the stack's lease as a pure state machine; announced operations and how they are judged | – |
//! | [`journal`] | the run folder and its write-ahead events; the runs there were, and what they teach | – |
//! | [`lifecycle`] | one node's run: a chart's trait, phases and steps; CRDs; recovery | `engine`, `plan`, `stack`, `helm`, `cluster`, `release`, `chart`, `process`, `http`, `journal`, `lock` |
//! | [`sandbox`] | the embedded Kubernetes API server | – |
//! | [`run`] | the application: session, up, down, rollback, status, runs, check, values, render, preflight | everything but `cli` and `report` |
//! | [`report`] | events to eyes | – |
//! | [`cli`] | arguments, settings, exit codes, signals | `run`, `report`, `plan`, `graph`, `stack`, `sandbox`; nobody uses it |
//!
//! The engine knows neither Helm nor Kubernetes; drivers know neither engine nor events' order;
//! reporters know only events. `tests/it/borders.rs` fails on any other arrow. The library never
//! prints and never exits.
//!
//! # As a library
//!
//! [`run::Up`] and [`run::Down`] run a stack in one call; [`lifecycle::HelmChart`] is the trait to
//! implement for a chart that needs code of its own. A program that wants helm children to die
//! with it calls [`process::guard`] first thing in `main`.

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod chart;
pub mod cli;
pub mod cluster;
pub mod diagnostic;
pub mod digest;
pub mod engine;
pub mod event;
pub mod graph;
pub mod helm;
pub mod http;
pub mod inputs;
pub mod journal;
pub mod lifecycle;
pub mod lock;
pub mod name;
pub mod plan;
pub mod process;
pub mod provide;
pub mod release;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod secret;
pub mod shutdown;
pub mod stack;
