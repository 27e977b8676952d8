//! Tables of text, aligned by the columns characters take on a terminal.

use super::text::{pad, pad_left, width};

/// Side a column's cells are aligned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a header. Cells may hold styles, but no line ends.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a header and no rows.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns.iter().map(|&(_, align)| align).collect(),
            rows: vec![columns.iter().map(|&(name, _)| name.to_owned()).collect()],
        }
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is nothing but the header.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The table as lines, each with its end; nothing is padded to the right of the last cell.
    pub fn render(&self) -> String {
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let widest = |column: usize| {
            let widths = self.rows.iter().map(|row| width(&cell(row, column)));
            widths.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, align) in self.columns.iter().enumerate() {
                let cell = cell(row, column);
                let gap = if column == 0 { "" } else { "  " };
                line.push_str(gap);
                let cell = match align {
                    Align::Left => pad(&cell, widths[column]),
                    Align::Right => pad_left(&cell, widths[column]),
                };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_characters_they_hold() {
        let mut table = Table::new(&[
            ("NAME", Align::Left),
            ("AGE", Align::Right),
            ("NOTE", Align::Left),
        ]);
        assert!(table.is_empty());
        table.row(["漢字".to_owned(), "9".to_owned(), String::new()]);
        table.row([
            "web".to_owned(),
            "\u{1b}[31m1234\u{1b}[0m".to_owned(),
            "x".to_owned(),
        ]);
        table.row(["short".to_owned()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        insta::assert_snapshot!(text, @r"
        NAME    AGE  NOTE
        漢字      9
        web    1234  x
        short
        ");
    }
}
