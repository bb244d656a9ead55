//! Tables as people read them.

use std::fmt::Write;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

const DIM: Style = Style::new().dimmed();

/// Columns as wide as what stands in them; numbers stand to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns that stand to the left.
    left: Vec<usize>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Table { rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()], left: vec![0] }
    }

    pub(crate) fn head(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        if let Some(head) = self.rows.first_mut() {
            head.extend(cells.into_iter().map(|cell| cell.as_ref().to_owned()));
        }
    }

    pub(crate) fn head_left(&mut self, cell: &str) {
        self.left.extend(self.rows.first().map(Vec::len));
        self.head([cell]);
    }

    pub(crate) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    pub(crate) fn write(&self, indent: &str, out: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let space = " ".repeat(width.saturating_sub(cell.width()));
                let gap = if column == 0 { "" } else { "  " };
                line.push_str(gap);
                if self.left.contains(&column) {
                    line.extend([cell.as_str(), &space]);
                } else {
                    line.extend([space.as_str(), cell]);
                }
            }
            let line = line.trim_end();
            let _ = match index {
                0 => writeln!(out, "{indent}{DIM}{line}{DIM:#}"),
                _ => writeln!(out, "{indent}{line}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut table = Table::new(&["lane", "n"]);
        table.head_left("by");
        table.add(["a", "1,000", "split"].map(str::to_owned).to_vec());
        table.add(["日本", "1", ""].map(str::to_owned).to_vec());
        let mut out = String::new();
        table.write(" ", &mut out);
        let out = anstream::adapter::strip_str(&out).to_string();
        assert_eq!(out, " lane      n  by\n a     1,000  split\n 日本      1\n");
    }
}
