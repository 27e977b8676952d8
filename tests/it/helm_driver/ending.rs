//! How helm is ended, and that nothing of it stays.

use stackctl::{
    helm::{Aftermath, Cause},
    shutdown::Level,
};

use super::{ANSWER, MINUTE, Run, upgrade};
use crate::support::fake_helm::FakeHelm;

#[tokio::test]
async fn an_upgrade_gets_sigterm_once_and_time_to_close_its_record() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "trap 'note TERM; read -r _ <\"$home/gate\"; echo \"Error: UPGRADE FAILED: context canceled\" >&2; exit 1' TERM; cat \"$home/never\" & echo started; wait",
    );
    let (_never, mut gate) = (fake.gate("never"), fake.gate("gate"));
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Drain);
    run.raise(Level::Terminate);
    run.until("got TERM").await;
    gate.open();
    let error = upgraded.await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Interrupted, Aftermath::Failed)
    );
    assert_eq!(error.words, ["context canceled"]);
    assert_eq!(fake.only("upgrade").signals, ["TERM"]);
}

#[tokio::test]
async fn an_upgrade_that_succeeds_although_it_was_asked_to_stop_succeeded() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        &format!("answer() {{ {ANSWER}; }}; trap 'note TERM; answer; exit 0' TERM; cat \"$home/gate\" & echo started; wait"),
    );
    let _gate = fake.gate("gate");
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Terminate);
    assert_eq!(upgraded.await.unwrap().unwrap().revision, 7);
}

#[tokio::test]
async fn a_helm_that_ignores_sigterm_is_killed_with_all_it_started() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "trap '' TERM; exec 3>\"$home/life\"; cat \"$home/gate\" & echo started; cat \"$home/gate\"",
    );
    let (_gate, life) = (fake.gate("gate"), fake.lifeline("life"));
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Terminate);
    run.raise(Level::Kill);
    let error = upgraded.await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Interrupted, Aftermath::Pending)
    );
    life.ended().await;
}

#[tokio::test]
async fn uninstalls_and_rollbacks_are_left_to_finish() {
    let script = "trap 'note TERM' TERM; echo started; read -r _ <\"$home/gate-$1\"";
    let fake = FakeHelm::new("v4.3.1")
        .on("uninstall", script)
        .on("rollback", script)
        .on(
            "upgrade",
            "trap 'note TERM; exit 1' TERM; cat \"$home/never\" & echo started; wait",
        );
    let _never = fake.gate("never");
    let mut gates = [fake.gate("gate-uninstall"), fake.gate("gate-rollback")];
    let mut run = Run::with(&fake).await;
    let removed = run.start_uninstall();
    run.until("started").await;
    let rolled_back = run.start_rollback();
    run.until("started").await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Terminate);
    // Who is to get a signal has it when this one is over.
    assert!(upgraded.await.unwrap().is_err());
    for gate in &mut gates {
        gate.open();
    }
    assert!(removed.await.unwrap().unwrap());
    rolled_back.await.unwrap().unwrap();
    assert_eq!(fake.only("upgrade").signals, ["TERM"]);
    assert_eq!(fake.only("uninstall").signals, [""; 0]);
    assert_eq!(fake.only("rollback").signals, [""; 0]);
}

#[tokio::test]
async fn nothing_is_started_once_the_run_is_to_terminate() {
    let fake = FakeHelm::new("v4.3.1").on("upgrade", ANSWER);
    let run = Run::with(&fake).await;
    run.raise(Level::Terminate);
    let error = run.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Interrupted, Aftermath::Untouched)
    );
    assert_eq!(fake.calls().len(), 1, "only `version`");
}

#[tokio::test(start_paused = true)]
async fn at_its_deadline_helm_gets_sigterm_and_after_the_grace_sigkill() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "trap 'note TERM; read -r _ <\"$home/gate\"' TERM; cat \"$home/gate\" & echo started; wait",
    );
    let _gate = fake.gate("gate");
    let mut run = Run::with(&fake).await;
    let op = upgrade();
    let deadline = op.deadline();
    assert!(deadline > op.timeout, "{deadline:?}");
    let upgraded = run.start_upgrade(op);
    run.until("started").await;
    tokio::time::advance(deadline).await;
    run.until("got TERM").await;
    tokio::time::advance(MINUTE).await;
    let error = upgraded.await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::TimedOut, Aftermath::Pending)
    );
    assert_eq!(fake.only("upgrade").signals, ["TERM"]);
}

#[tokio::test]
async fn what_helm_leaves_running_neither_holds_us_nor_survives() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        &format!("exec 3>\"$home/life\"; cat \"$home/gate\" & {ANSWER}"),
    );
    let (_gate, life) = (fake.gate("gate"), fake.lifeline("life"));
    let run = Run::with(&fake).await;
    assert_eq!(run.upgrade(upgrade()).await.unwrap().revision, 7);
    life.ended().await;
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_helm_with_it() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "exec 3>\"$home/life\"; echo started; read -r _ <\"$home/gate\"",
    );
    let (_gate, life) = (fake.gate("gate"), fake.lifeline("life"));
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    upgraded.abort();
    life.ended().await;
}

#[tokio::test]
async fn a_helm_that_someone_else_kills_is_told_from_one_that_fails() {
    let fake = FakeHelm::new("v4.3.1").on("upgrade", "kill -KILL $$");
    let error = Run::with(&fake).await.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Killed, Aftermath::Pending)
    );
    assert!(error.words[0].contains("signal: 9"), "{:?}", error.words);
}
