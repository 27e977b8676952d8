//! What stackctl promises, kept on a real control plane with real Helm 4 and 3.
//!
//! Each test's name is a promise. Where there is no control plane the tests say why they are
//! skipped; with `CI=true` that is a failure.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the program under test and are steered by the environment"
)]
#![expect(
    clippy::print_stderr,
    reason = "a test's runner and its seeds have to be heard"
)]

/// Lists a module's tests: a function's name is the test's.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[$((stringify!($name), $name)),*];
    };
}

mod alike;
mod changes;
mod chaos;
mod commands;
mod community;
mod crds;
#[path = "../it/sources/docker_registry.rs"]
#[expect(
    clippy::unwrap_used,
    reason = "shared with tests that are steered by constants"
)]
mod docker_registry;
mod environments;
mod failures;
mod faults;
mod interrupts;
mod late;
mod locks;
mod offline;
mod order;
mod original;
mod outages;
mod pairs;
mod patches;
mod platform;
mod proof;
mod proxy;
mod quickstart;
mod recovery;
mod registry;
mod rehearse;
mod rights;
mod rollback;
mod schemas;
mod seed;
#[path = "../it/sources/server.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with tests that serve faults, and steered by constants"
)]
mod server;
mod signals;
mod sources;
mod steps;
mod support;
mod take_back;
mod target;
mod unchanged;
mod values;
mod verbs;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

use target::{Target, control_plane, sandboxed};

/// Tests at once: each runs a stackctl with several Helm processes, on machines with few cores.
const THREADS: usize = 4;

const NO_ROLES: &str = "roles are not modelled";
const NO_PROCESS: &str = "it has no API server process to stop";
const COMPARED: &str = "it is compared with the control plane";

/// What the sandbox does otherwise (`STACKCTL_TARGET=sandbox`): parts of tests' names, and why. All
/// other tests pass there, too.
const NOT_IN_THE_SANDBOX: &[(&str, &str)] = &[
    ("rights", NO_ROLES),
    ("who_may", NO_ROLES),
    ("everything_that_is_not_allowed", NO_ROLES),
    ("a_hanging_api_server", NO_PROCESS),
    ("api_server_that_hangs_during", NO_PROCESS),
    ("api_server_that_is_down", NO_PROCESS),
    ("api_server_that_comes_back", NO_PROCESS),
    ("part_of_the_api", "it has no aggregated APIs"),
    ("through_the_api_server", "nobody answers behind a Service"),
    (
        "while_a_webhook_does_not_answer",
        "admission webhooks are not modelled",
    ),
    (
        "bad_clusters",
        "it steers with the control plane's own kubeconfig",
    ),
    (
        "what_the_cloud_made",
        "`kubectl create deployment` sends protobuf, which it takes of a few kinds only",
    ),
    (
        "diagnosed_by_its_own_objects",
        "the control plane's pods have the same event whatever is wrong",
    ),
    ("built_in_schemas", COMPARED),
    ("patches_mean", COMPARED),
    ("same_objects", COMPARED),
];

/// A named test.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(THREADS);
    let skipped = control_plane().err();
    if let Some(reason) = &skipped {
        if std::env::var("CI").as_deref() == Ok("true") {
            eprintln!("the cluster tests must run in CI: {reason}");
            return ExitCode::FAILURE;
        }
        eprintln!("the cluster tests are skipped: {reason}");
    }
    let on_a_cluster = [
        quickstart::TESTS,
        platform::TESTS,
        environments::TESTS,
        failures::TESTS,
        rights::TESTS,
        rollback::TESTS,
        take_back::TESTS,
        changes::TESTS,
        order::TESTS,
        interrupts::TESTS,
        recovery::TESTS,
        locks::TESTS,
        pairs::TESTS,
        signals::TESTS,
        chaos::TESTS,
        faults::TESTS,
        outages::TESTS,
        commands::TESTS,
        community::TESTS,
        original::TESTS,
        seed::TESTS,
        proof::TESTS,
        sources::TESTS,
        crds::TESTS,
        registry::TESTS,
        late::TESTS,
        steps::TESTS,
        rehearse::TESTS,
        patches::TESTS,
        alike::TESTS,
        schemas::TESTS,
        unchanged::TESTS,
        values::TESTS,
        verbs::TESTS,
    ];
    let mut trials: Vec<Trial> = on_a_cluster
        .into_iter()
        .flatten()
        .map(|&test| trial(test, skipped.as_ref().map(|_| "no control plane")))
        .collect();
    trials.extend(offline::TESTS.iter().map(|&test| trial(test, None)));
    let conclusion = libtest_mimic::run(&args, trials);
    Target::finish_shared();
    conclusion.exit_code()
}

fn trial((name, test): Test, skipped: Option<&'static str>) -> Trial {
    let different = NOT_IN_THE_SANDBOX
        .iter()
        .find(|(part, _)| sandboxed() && name.contains(part));
    let skipped = skipped.or(different.map(|(_, reason)| *reason));
    Trial::ignorable_test(name, move || {
        if let Some(reason) = skipped {
            return Ok(Completion::ignored_with(reason));
        }
        test();
        Ok(Completion::Completed)
    })
}
