//! Patches mean the same in the sandbox as on a real server: random sequences by two managers.

pub(crate) mod generate;
pub(crate) mod server;

use std::env;

use http::Method;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use self::{
    generate::{Change, Generator, Request, Subject, widgets},
    server::{Server, comparable},
};

/// Changes after the first one.
const CHANGES: usize = 7;

/// Sequences in the suite; by hand `STACKCTL_TEST_SEQUENCES=500`.
const SEQUENCES: u64 = 60;

/// Where the objects are.
const NAMESPACE: &str = "sandbox-patches";

tests![patches_mean_the_same_in_the_sandbox_and_on_a_cluster];

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().expect("a number"))
}

fn patches_mean_the_same_in_the_sandbox_and_on_a_cluster() {
    let (server, sandbox) = (Server::shared(), Server::sandbox());
    prepare(&server);
    prepare(&sandbox);
    let seed = number("STACKCTL_TEST_SEED").unwrap_or_else(rand::random);
    let sequences = number("STACKCTL_TEST_SEQUENCES").unwrap_or(SEQUENCES);
    eprintln!("STACKCTL_TEST_SEED={seed} ({sequences} sequences)");
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    for index in 0..sequences {
        // One sequence is found again without those before it.
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(index));
        if let Err(difference) = sequence([&server, &sandbox], &mut random, index, &mut counts) {
            wrong.push(format!(
                "STACKCTL_TEST_SEED={} STACKCTL_TEST_SEQUENCES=1\n{difference}",
                seed.wrapping_add(index)
            ));
        }
    }
    eprintln!("{counts:?}, {} differ", wrong.len());
    assert!(
        wrong.is_empty(),
        "{} of {sequences} sequences differ, the first:\n{}",
        wrong.len(),
        wrong[0]
    );
}

/// How many requests had which end.
#[derive(Debug, Default)]
struct Counts {
    /// Accepted by both, with equal objects.
    alike: usize,
    /// Refused by both, conflicts with equal words.
    refused: usize,
}

/// The kinds and the namespace of the sequences are there.
fn prepare(server: &Server) {
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for (url, object) in [
        (crds, widgets()),
        (
            "/api/v1/namespaces",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        ),
    ] {
        server
            .call(Method::POST, url, "application/json", &object)
            .expect("the control plane is this run's");
    }
    let widgets = Subject::Widget.path(NAMESPACE);
    while server
        .call(Method::GET, &widgets, "application/json", &Value::Null)
        .is_err()
    {
        std::thread::yield_now();
    }
}

fn sequence(
    [server, sandbox]: [&Server; 2],
    random: &mut StdRng,
    index: u64,
    counts: &mut Counts,
) -> Result<(), String> {
    let subject = Subject::ALL[random.random_range(0..Subject::ALL.len())];
    let name = format!("s{index}-{}", random.random_range(0..1_000_000));
    let mut live: Option<Value> = None;
    let mut told = Vec::new();
    for step in 0..=CHANGES {
        let mut generator = Generator {
            random,
            subject,
            name: name.clone(),
        };
        let request = match &live {
            None => generator.creation(),
            Some(live) => generator.change(live),
        };
        let real = server.send(subject, NAMESPACE, &name, &request);
        let ours = sandbox.send(subject, NAMESPACE, &name, &request);
        told.push(format!("{step}: {}", told_as(&request)));
        let differ = |what: &str| format!("{what}\n{}", told.join("\n"));
        match (real, ours) {
            (Ok(real), Ok(ours)) => {
                let (real, ours) = (comparable(real), comparable(ours));
                if real != ours {
                    let parts = differences("", &real, &ours).join("\n");
                    return Err(differ(&format!("real ≠ ours:\n{parts}")));
                }
                counts.alike += 1;
                live = Some(ours);
            }
            (Err((409 | 500, real)), Err((409 | 500, mine))) if real == mine => counts.refused += 1,
            // Malformed patches are refused in many words.
            (Err((400 | 422 | 500, _)), Err((400 | 422, _))) => counts.refused += 1,
            (real, ours) => return Err(differ(&format!("real: {real:?}\nours: {ours:?}"))),
        }
    }
    Ok(())
}

fn told_as(request: &Request) -> String {
    let (verb, body) = match &request.change {
        Change::Create(body) => ("POST", body),
        Change::Put(body) => ("PUT", body),
        Change::Apply {
            object,
            force: true,
        } => ("apply by force", object),
        Change::Apply { object, .. } => ("apply", object),
        Change::Merge(body) => ("merge", body),
        Change::Strategic(body) => ("strategic", body),
        Change::Json(body) => ("json", body),
    };
    format!("{} {verb} {body}", request.manager)
}

/// Where two objects differ, a line each.
fn differences(path: &str, real: &Value, ours: &Value) -> Vec<String> {
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => {
            let names: std::collections::BTreeSet<&String> =
                real.keys().chain(ours.keys()).collect();
            let each = names.into_iter().flat_map(|name| {
                let below = format!("{path}/{name}");
                match (real.get(name), ours.get(name)) {
                    (Some(real), Some(ours)) => differences(&below, real, ours),
                    (Some(real), None) => vec![format!("{below}: only real: {real}")],
                    (None, ours) => vec![format!(
                        "{below}: only ours: {}",
                        ours.unwrap_or(&Value::Null)
                    )],
                }
            });
            each.collect()
        }
        (Value::Array(reals), Value::Array(all_ours)) if reals.len() == all_ours.len() => {
            let pairs = reals.iter().zip(all_ours).enumerate();
            pairs
                .flat_map(|(index, (real, ours))| {
                    differences(&format!("{path}/{index}"), real, ours)
                })
                .collect()
        }
        _ if real == ours => Vec::new(),
        _ => vec![format!("{path}: real {real}, ours {ours}")],
    }
}
