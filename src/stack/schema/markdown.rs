//! The reference page of a stack file.

use std::fmt::Write;

use crate::stack::grammar::{FILE, Holds, Key, Shape};

const INTRODUCTION: &str = "\
# The stack file

<!-- Written by `stackctl schema -o markdown`: change `src/stack/grammar/`, not this file. -->

Every table and key of a stack file. Durations are Helm's (`90s`, `5m`, `1h30m`) or a number of
seconds. Relative paths start from the folder of the file that says them, and commands run there.
Unknown keys are errors.

Texts may refer to `${inputs.NAME}`, `${env.NAME}`, `${charts.NAME.namespace}` and
`${charts.NAME.release}`, to `${capture.NAME}` after the step that captures it (values after a `pre`
step), and to `${charts.NAME.outputs.OUTPUT}` of a chart that this one needs: read from the cluster
when this one starts. `$${` is `${` itself. Names, namespaces, versions and needs must be known
while the file is loaded: they may use inputs with a default, and the environment.

A check that matches nothing fails. One that fails says what was seen and what was wanted.
";

/// The page.
pub fn markdown() -> String {
    let mut page = Page {
        text: INTRODUCTION.to_owned(),
        told: Vec::new(),
        waiting: Vec::new(),
    };
    page.table(&FILE);
    page.text
}

struct Page {
    text: String,
    /// Names of the tables and headings of the shared keys there are already.
    told: Vec<&'static str>,
    /// Shared keys, to be told of after the table that is being written.
    waiting: Vec<(&'static str, &'static str, &'static [Key])>,
}

impl Page {
    /// One table, then those that its keys hold.
    fn table(&mut self, shape: &'static Shape) {
        self.told.push(shape.name);
        let _ = writeln!(self.text, "\n## {}", shape.head);
        if !shape.doc.is_empty() {
            let _ = writeln!(self.text, "\n{}", shape.doc);
        }
        if shape.retold {
            return;
        }
        let mut shared = Vec::new();
        self.head();
        for group in shape.groups {
            match group.shared {
                None => group.keys.iter().for_each(|key| self.row(key)),
                Some((head, doc)) => shared.push((head, doc, group.keys)),
            }
        }
        for (head, _, _) in &shared {
            let anchor = anchor(head);
            let _ = writeln!(self.text, "| … | | | [{head}](#{anchor}) |");
        }
        for one in shared {
            if !self.waiting.iter().any(|(head, ..)| *head == one.0) && !self.told.contains(&one.0)
            {
                self.waiting.push(one);
            }
        }
        for key in shape.keys() {
            self.below(&key.holds);
        }
        for (head, doc, keys) in std::mem::take(&mut self.waiting) {
            self.told.push(head);
            let _ = writeln!(self.text, "\n## {head}\n\n{doc}");
            self.head();
            for key in keys {
                self.row(key);
            }
        }
    }

    fn head(&mut self) {
        self.text
            .push_str("\n| key | holds | default | |\n| --- | --- | --- | --- |\n");
    }

    fn row(&mut self, key: &'static Key) {
        let default = match key.default {
            Some(default) => format!("`{default}`"),
            None if key.required => "required".to_owned(),
            None => String::new(),
        };
        let holds = holds(&key.holds).replace('|', "\\|");
        let doc = key.doc.replace('|', "\\|");
        let _ = writeln!(
            self.text,
            "| `{}` | {holds} | {default} | {doc} |",
            key.name
        );
    }

    fn below(&mut self, holds: &'static Holds) {
        match holds {
            Holds::Table(shape) if !self.told.contains(&shape.name) => self.table(shape),
            Holds::List(item) | Holds::Names(_, _, item) => self.below(item),
            Holds::Or(ways) => ways.iter().for_each(|way| self.below(way)),
            _ => {}
        }
    }
}

/// What a key holds, in words.
fn holds(holds: &'static Holds) -> String {
    match holds {
        Holds::Flag => "`true`, `false`".to_owned(),
        Holds::True => "`true`".to_owned(),
        Holds::Text | Holds::TextLike(_) => "text".to_owned(),
        Holds::Word(words) => {
            let words: Vec<String> = words().iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Holds::Whole(min, None) => format!("whole number, at least {min}"),
        Holds::Whole(min, Some(max)) if *max >= i64::from(u32::MAX) => {
            format!("whole number, at least {min}")
        }
        Holds::Whole(min, Some(max)) => format!("whole number, {min} to {max}"),
        Holds::Number(f64::MIN, _) => "number".to_owned(),
        Holds::Number(min, max) => format!("number, {min} to {max}"),
        Holds::Duration => "duration".to_owned(),
        Holds::Tree => "table".to_owned(),
        Holds::Anything => "anything".to_owned(),
        Holds::List(Holds::Or(ways)) => {
            let ways: Vec<String> = ways.iter().map(self::holds).collect();
            format!("array: {}", ways.join(" or "))
        }
        Holds::List(item) => format!("array: {}", self::holds(item)),
        Holds::Names(name, _, item) => format!("table: {name} = {}", self::holds(item)),
        Holds::Table(shape) => format!("[{}](#{})", shape.head, anchor(shape.head)),
        Holds::Or(ways) => {
            let ways: Vec<String> = ways.iter().map(self::holds).collect();
            ways.join(", or ")
        }
    }
}

/// As GitHub makes it of a heading.
fn anchor(head: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept = head.chars().filter(kept);
    kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    })
    .collect()
}
