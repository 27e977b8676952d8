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
    nodes: Vec<Node<T>>,
    /// Nodes that asked, in order. Those without questions are gone since.
    asking: VecDeque<usize>,
}

#[derive(Debug)]
struct Node<T> {
    holds: bool,
    questions: Vec<T>,
}

impl<T> Slots<T> {
    /// `limit` slots (0 = no limit) for nodes `0..nodes`.
    pub(super) fn new(limit: usize, nodes: usize) -> Self {
        let node = || Node {
            holds: false,
            questions: Vec::new(),
        };
        Self {
            limit: if limit == 0 { usize::MAX } else { limit },
            n_held: 0,
            nodes: std::iter::repeat_with(node).take(nodes).collect(),
            asking: VecDeque::new(),
        }
    }

    /// Whether a new node may take a slot: one is free and nobody asked before.
    pub(super) fn has_room(&self) -> bool {
        self.n_held < self.limit && self.asking.is_empty()
    }

    /// The node takes a slot, or keeps the one it has.
    pub(super) fn take(&mut self, node: usize) {
        if !self.nodes[node].holds {
            self.nodes[node].holds = true;
            self.n_held += 1;
        }
    }

    /// The node gives its slot back, if it has one.
    pub(super) fn give_back(&mut self, node: usize) {
        if self.nodes[node].holds {
            self.nodes[node].holds = false;
            self.n_held -= 1;
        }
    }

    /// The node asks for a slot. Returns the question if it holds one already.
    pub(super) fn ask(&mut self, node: usize, question: T) -> Option<T> {
        let asking = &mut self.nodes[node];
        if asking.holds {
            return Some(question);
        }
        if asking.questions.is_empty() {
            self.asking.push_back(node);
        }
        asking.questions.push(question);
        None
    }

    /// The node is gone: its slot is free and its questions are void.
    pub(super) fn forget(&mut self, node: usize) {
        self.give_back(node);
        self.nodes[node].questions.clear();
    }

    /// Nobody who asks gets a slot: all questions are void.
    pub(super) fn refuse_all(&mut self) {
        for node in self.asking.drain(..) {
            self.nodes[node].questions.clear();
        }
    }

    /// Answers those who ask, as far as slots are free. `grant` says whether the node still wants
    /// it.
    pub(super) fn serve(&mut self, mut grant: impl FnMut(T) -> bool) {
        while self.n_held < self.limit {
            let Some(node) = self.asking.pop_front() else {
                return;
            };
            let questions = std::mem::take(&mut self.nodes[node].questions);
            let wanted = questions.into_iter().map(&mut grant);
            // Not `any`, which would leave some without an answer.
            if wanted.fold(false, |wanted, one| wanted | one) {
                self.take(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(slots: &mut Slots<&'static str>) -> Vec<&'static str> {
        let mut served = Vec::new();
        slots.serve(|question| {
            served.push(question);
            question != "gone"
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
        assert_eq!(slots.ask(0, "a"), Some("a"), "it holds one");
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
    fn a_node_that_asks_twice_is_answered_twice_and_takes_one_slot() {
        let mut slots = Slots::new(2, 2);
        slots.ask(0, "a");
        slots.ask(0, "b");
        assert_eq!(served(&mut slots), ["a", "b"]);
        assert!(slots.has_room());
        slots.ask(1, "c");
        slots.refuse_all();
        assert_eq!(served(&mut slots), [""; 0]);
    }

    #[test]
    fn no_limit_is_no_limit() {
        let mut slots: Slots<()> = Slots::new(0, 100);
        (0..100).for_each(|node| slots.take(node));
        assert!(slots.has_room());
    }
}
