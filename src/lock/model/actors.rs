//! What keeps two helms from working on one release at once, whatever happens to the runs, their
//! machines and their connections.

use proptest::prelude::*;

use super::{
    partition,
    stage::{Fate, Freeze, Stage},
};

fn fate() -> impl Strategy<Value = Fate> {
    // Just longer than a lease holds, with the helm still in its time: that is where it gets close.
    let length = prop_oneof![1_000_u64..250_000, 60_000_u64..115_000];
    let freeze = (0_usize..2, 0_u64..600_000, length).prop_map(|(machine, from, length)| {
        let to = from + length;
        Freeze { machine, from, to }
    });
    let kill = (0_usize..2, 0_u64..600_000);
    (
        proptest::collection::vec(partition(), 0..4),
        proptest::collection::vec(freeze, 0..3),
        proptest::collection::vec(kill, 0..6),
        (-14_000_i64..=14_000, -14_000_i64..=14_000),
        any::<bool>(),
    )
        .prop_map(|(partitions, freezes, mut kills, skew, together)| {
            kills.sort_by_key(|&(_, at)| at);
            let skew = if together {
                [skew.0; 2]
            } else {
                [skew.0, skew.1]
            };
            Fate {
                partitions,
                freezes,
                kills,
                skew,
                together,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 8 * ProptestConfig::default().cases,
        ..ProptestConfig::default()
    })]

    /// Whatever is killed, frozen or cut off, and whenever: never do two helms of ours work on the
    /// release at the same moment.
    #[test]
    fn a_release_never_has_two_actors(
        fate in fate(),
        origins in any::<(u16, u16)>(),
        speeds in (95_u32..=105, 95_u32..=105),
        choices in proptest::collection::vec(any::<u32>(), 900),
        delays in proptest::collection::vec(prop_oneof![3 => 0_u64..200, 1 => 0_u64..7_000], 900),
        lingers in proptest::collection::vec(0_u64..5_000, 6),
    ) {
        let mut stage = Stage::new(fate, origins, speeds);
        let lingers = lingers.iter().cycle();
        for ((delay, choice), linger) in delays.into_iter().zip(choices).zip(lingers) {
            let at = stage.step(delay, *linger, choice);
            let actors = stage.actors(at);
            prop_assert!(actors.len() <= 1, "at {at} ms: {actors:?}");
        }
    }
}

/// The model is worth something only if there is something to recover in it, and it is: at once on
/// the machine that sees that the run is gone, after the deadline on another one.
#[test]
fn a_dead_operation_is_recovered_on_either_machine() {
    for (other, freezes) in [(false, vec![]), (true, vec![(0, 20_500, 900_000)])] {
        let freezes = freezes.into_iter();
        let fate = Fate {
            partitions: Vec::new(),
            freezes: freezes
                .map(|(machine, from, to)| Freeze { machine, from, to })
                .collect(),
            kills: vec![(0, 20_000)],
            skew: [0, 0],
            together: false,
        };
        let mut stage = Stage::new(fate, (0, 7), (100, 100));
        let mut at = 0;
        while stage.recovered == 0 && at < 900_000 {
            // An upgrade that is at work when its run is killed.
            at = stage.step(20, 100, 9);
        }
        let expected = if other {
            120_000..200_000
        } else {
            20_000..30_000
        };
        assert!(expected.contains(&at), "{at}");
        assert!(stage.holds(usize::from(other), at));
    }
}
