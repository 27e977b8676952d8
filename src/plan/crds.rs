//! CRDs: which chart brings which in a run, what is done about it, and which stay on the way down.
//!
//! Each CRD is brought once, whatever number of charts carry it: by the one with the newest
//! version. `make` puts their nodes before the charts and turns `x:crds` into waits for them.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{Contents, CrdContent, Observed, ObservedCrd, decide::Decision};
use crate::{
    name::{Action, parse_version},
    stack::{Chart, CrdPolicy, Stack},
};

/// A chart that a run deploys, and what its files hold if that is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carrier<'a> {
    /// Position in the stack file.
    pub(super) index: usize,
    pub(super) chart: &'a Chart,
    pub(super) contents: Option<&'a Contents>,
    /// Somebody waits for its CRDs.
    pub(super) is_waited_for: bool,
}

/// Who brings what on the way up.
#[derive(Debug, Default)]
pub(super) struct Brought<'a> {
    /// By position of the chart: what its own CRD node is about, sorted by name. Nothing in there
    /// if it is not known what the chart carries.
    own: BTreeMap<usize, Vec<&'a CrdContent>>,
    /// By position of the chart: the charts whose CRD nodes bring what it carries.
    bringers: BTreeMap<usize, BTreeSet<usize>>,
    /// CRDs that several charts would bring.
    pub(super) warnings: Vec<String>,
}

impl<'a> Brought<'a> {
    /// For all charts that a run deploys, in the order of the file.
    pub(super) fn by(carriers: impl Iterator<Item = Carrier<'a>>) -> Self {
        let mut brought = Self::default();
        let mut by_name: BTreeMap<&str, Vec<(Carrier<'a>, &'a CrdContent)>> = BTreeMap::new();
        for carrier in carriers {
            match carrier.contents {
                Some(contents) => {
                    for crd in &contents.crds {
                        let carried = by_name.entry(&crd.name).or_default();
                        carried.push((carrier, crd));
                    }
                }
                None if carrier.is_waited_for && carrier.chart.brings_crds() => {
                    brought.own.entry(carrier.index).or_default();
                    brought.add_bringer(carrier.index, carrier.index);
                }
                None => {}
            }
        }
        let mut shared: BTreeMap<Vec<usize>, Shared<'a>> = BTreeMap::new();
        for (name, carried) in by_name {
            let bringing = || carried.iter().filter(|(one, _)| one.chart.brings_crds());
            let Some((bringer, crd)) = newest(bringing()) else {
                continue;
            };
            brought.own.entry(bringer.index).or_default().push(crd);
            for (carrier, _) in &carried {
                brought.add_bringer(carrier.index, bringer.index);
            }
            let others: Vec<&Carrier<'a>> = bringing()
                .map(|(carrier, _)| carrier)
                .filter(|carrier| carrier.index != bringer.index)
                .collect();
            if !others.is_empty() {
                let all = std::iter::once(bringer).chain(others.iter().copied());
                let key = all.map(|carrier| carrier.index).collect();
                let shared = shared.entry(key).or_insert_with(|| Shared {
                    names: Vec::new(),
                    bringer: *bringer,
                    others: others.into_iter().copied().collect(),
                });
                shared.names.push(name);
            }
        }
        brought.warnings = shared.values().map(Shared::warning).collect();
        brought
    }

    /// What the chart's own CRD node is about; `None` if it has none.
    pub(super) fn own(&self, index: usize) -> Option<&[&'a CrdContent]> {
        self.own.get(&index).map(Vec::as_slice)
    }

    /// The charts whose CRD nodes bring what this one carries.
    pub(super) fn bringers(&self, index: usize) -> impl Iterator<Item = usize> {
        self.bringers.get(&index).into_iter().flatten().copied()
    }

    fn add_bringer(&mut self, carrier: usize, bringer: usize) {
        self.bringers.entry(carrier).or_default().insert(bringer);
    }
}

/// CRDs that the same charts carry.
struct Shared<'a> {
    names: Vec<&'a str>,
    bringer: Carrier<'a>,
    others: Vec<Carrier<'a>>,
}

impl Shared<'_> {
    fn warning(&self) -> String {
        let told = |carrier: &Carrier<'_>| {
            let version = carrier
                .contents
                .and_then(|contents| contents.version.as_ref());
            let version = version.map_or(String::new(), |version| format!(" {version}"));
            format!("`{}`{version}", carrier.chart.name)
        };
        let others: Vec<String> = self.others.iter().map(told).collect();
        let crds = match self.names.as_slice() {
            [name] => format!("CRD {name} comes"),
            names => format!("CRDs {} come", names.join(", ")),
        };
        format!(
            "{crds} from {}, the newest chart that carries {}; also carried by {}",
            told(&self.bringer),
            if self.names.len() == 1 { "it" } else { "them" },
            others.join(", ")
        )
    }
}

/// The carrier of the newest version; the first of several.
fn newest<'c, 'a>(
    carried: impl Iterator<Item = &'c (Carrier<'a>, &'a CrdContent)>,
) -> Option<(&'c Carrier<'a>, &'a CrdContent)>
where
    'a: 'c,
{
    let version = |carrier: &Carrier<'_>| {
        let text = carrier.contents?.version.as_deref()?;
        parse_version(text)
    };
    let is_newer = |one: &Carrier<'_>, than: &Carrier<'_>| match (version(one), version(than)) {
        (Some(one), Some(than)) => one.cmp_precedence(&than) == Ordering::Greater,
        (one, than) => one.is_some() && than.is_none(),
    };
    let best = carried.reduce(|best, one| if is_newer(&one.0, &best.0) { one } else { best });
    best.map(|(carrier, crd)| (carrier, *crd))
}

/// What is done to the CRDs of one node on the way up, and why.
pub(super) fn decide(policy: CrdPolicy, crds: &[&CrdContent], observed: &Observed) -> Decision {
    let (mut n_missing, mut n_different, mut n_foreign) = (0, 0, 0);
    for crd in crds {
        match observed.crds.get(&crd.name).map(|there| &there.digest) {
            None => n_missing += 1,
            Some(None) => n_foreign += 1,
            Some(Some(digest)) if *digest != crd.digest => n_different += 1,
            Some(Some(_)) => {}
        }
    }
    let n_all = crds.len();
    let left = "`crds = \"create\"` leaves what is there as it is";
    match policy {
        _ if n_all == 0 => (Action::Decide, "it is not known what it carries".into()),
        _ if n_missing == n_all => (Action::Install, said_of(n_all, "not there")),
        CrdPolicy::Create if n_missing == 0 => {
            let reason = format!("{}; {left}", said_of(n_all, "there"));
            (Action::Unchanged, reason)
        }
        CrdPolicy::Create => {
            let reason = format!("of its {n_all} CRDs {n_missing} missing; {left}");
            (Action::Install, reason)
        }
        _ if n_missing + n_different + n_foreign == 0 => {
            (Action::Unchanged, said_of(n_all, "up to date"))
        }
        _ => {
            let counted = [
                (n_missing, "missing"),
                (n_different, "different"),
                (n_foreign, "changed by others"),
            ];
            let counted = counted.iter().filter(|(n, _)| *n > 0);
            let reason = if n_all == 1 {
                said_of(1, &counted.map(|(_, word)| *word).collect::<String>())
            } else {
                let counted = counted.map(|(n, word)| format!("{n} {word}"));
                let counted = counted.collect::<Vec<_>>().join(", ");
                format!("of its {n_all} CRDs {counted}")
            };
            (Action::Upgrade, reason)
        }
    }
}

/// `its CRD is not there`, `its 6 CRDs are not there`.
fn said_of(n_crds: usize, what: &str) -> String {
    match n_crds {
        1 => format!("its CRD is {what}"),
        n => format!("its {n} CRDs are {what}"),
    }
}

/// The CRDs of a chart when the run goes down.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Those that are in the cluster, sorted, and whether a purge removes each.
    pub(super) crds: BTreeMap<String, bool>,
}

impl Leaving {
    /// What the cluster holds of the chart's CRDs: what its files say it carries, and what was
    /// made for it. A purge removes what this stack, in this environment, has made for this chart,
    /// unless it `is_used` outside the run. Without a cluster everything that the chart carries is
    /// taken for that.
    pub(super) fn of(
        stack: &Stack,
        chart: &Chart,
        contents: Option<&Contents>,
        observed: Option<&Observed>,
        is_used: impl Fn(&str) -> bool,
    ) -> Self {
        let carried = contents.into_iter().flat_map(|contents| &contents.crds);
        let Some(observed) = observed else {
            let crds = carried.map(|crd| (crd.name.clone(), chart.brings_crds()));
            return Self {
                crds: crds.collect(),
            };
        };
        let is_ours = |crd: &ObservedCrd| {
            let maker = crd.created_by.as_ref();
            let is_of_stack = maker.is_some_and(|(name, environment)| {
                *name == stack.name && *environment == stack.environment
            });
            is_of_stack && crd.chart.as_ref() == Some(&chart.name)
        };
        let carried = carried.filter_map(|crd| observed.crds.get_key_value(&crd.name));
        let made = observed.crds.iter().filter(|(_, crd)| is_ours(crd));
        let all = carried.chain(made);
        Self {
            crds: all
                .map(|(name, crd)| (name.clone(), is_ours(crd) && !is_used(name)))
                .collect(),
        }
    }

    /// What a purge removes, sorted.
    pub(super) fn purged(&self) -> Vec<String> {
        let ours = self.crds.iter().filter(|(_, is_ours)| **is_ours);
        ours.map(|(name, _)| name.clone()).collect()
    }
}
