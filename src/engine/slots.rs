//! How many nodes may work at once, and who is next.
//!
//! Pure, as the frontier. Nodes that ask for their slot back come first, in the order of asking;
//! new starts get what is left.

use std::collections::VecDeque;

/// Slots, and the nodes that ask for one. `T` is how the answer reaches the node.
#[derive(Debug)]
pub(super) struct Slots<T> {
    limit: usize,
    n_held: usize,
    /// By node.
    holds: Vec<bool>,
    asking: VecDeque<(usize, T)>,
}

impl<T> Slots<T> {
    /// `limit` slots (0 = no limit) for nodes `0..nodes`.
    pub(super) fn new(limit: usize, nodes: usize) -> Self {
        Self {
            limit: if limit == 0 { usize::MAX } else { limit },
            n_held: 0,
            holds: vec![false; nodes],
            asking: VecDeque::new(),
        }
    }

    /// Whether a new node may take a slot: one is free and nobody asked before.
    pub(super) fn has_room(&self) -> bool {
        self.n_held < self.limit && self.asking.is_empty()
    }

    /// The node takes a slot, or keeps the one it has.
    pub(super) fn take(&mut self, node: usize) {
        if !self.holds[node] {
            self.holds[node] = true;
            self.n_held += 1;
        }
    }

    /// The node gives its slot back, if it has one.
    pub(super) fn give_back(&mut self, node: usize) {
        if self.holds[node] {
            self.holds[node] = false;
            self.n_held -= 1;
        }
    }

    /// The node asks for a slot.
    pub(super) fn ask(&mut self, node: usize, answer: T) {
        self.asking.push_back((node, answer));
    }

    /// The node is gone: its slot is free and its questions are void.
    pub(super) fn forget(&mut self, node: usize) {
        self.give_back(node);
        self.asking.retain(|&(asking, _)| asking != node);
    }

    /// Nobody gets a slot any more: all questions are void.
    pub(super) fn refuse_all(&mut self) {
        self.asking.clear();
    }

    /// Answers those who ask, as far as slots are free (a node that holds one is not kept waiting).
    /// `grant` says whether the node still wants it.
    pub(super) fn serve(&mut self, mut grant: impl FnMut(T) -> bool) {
        let mut waiting = VecDeque::new();
        while let Some((node, answer)) = self.asking.pop_front() {
            if self.holds[node] {
                grant(answer);
            } else if self.n_held >= self.limit {
                waiting.push_back((node, answer));
            } else if grant(answer) {
                self.take(node);
            }
        }
        self.asking = waiting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(slots: &mut Slots<&'static str>) -> Vec<&'static str> {
        let mut served = Vec::new();
        slots.serve(|answer| {
            served.push(answer);
            answer != "gone"
        });
        served
    }

    #[test]
    fn those_who_ask_are_served_in_order_and_before_new_starts() {
        let mut slots = Slots::new(1, 4);
        slots.take(0);
        slots.ask(1, "b");
        slots.ask(2, "gone");
        slots.ask(3, "c");
        assert_eq!(served(&mut slots), [""; 0]);
        slots.give_back(0);
        assert!(!slots.has_room(), "others asked before");
        assert_eq!(served(&mut slots), ["b"]);
        slots.give_back(1);
        assert_eq!(served(&mut slots), ["gone", "c"]);
        slots.forget(3);
        assert!(slots.has_room());
    }

    #[test]
    fn a_node_never_holds_two_slots_nor_gives_back_what_it_has_not() {
        let mut slots = Slots::new(2, 3);
        slots.take(0);
        slots.take(0);
        slots.ask(0, "a");
        assert_eq!(served(&mut slots), ["a"]);
        assert!(slots.has_room());
        slots.give_back(1);
        slots.take(1);
        assert!(!slots.has_room());
        slots.ask(2, "c");
        slots.forget(2);
        slots.forget(0);
        assert_eq!(served(&mut slots), [""; 0]);
        assert!(slots.has_room());
    }

    #[test]
    fn no_limit_is_no_limit() {
        let mut slots: Slots<()> = Slots::new(0, 100);
        (0..100).for_each(|node| slots.take(node));
        assert!(slots.has_room());
    }
}
