//! Rows of goal, figure and ratio.

use std::fmt;

use comfy_table::Table;

const HEADER: [&str; 6] = ["what", "figure", "beside it", "ratio", "goal", "met"];

/// The rows of one question.
pub(crate) struct Part {
    /// By which it is found in the page.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    rows: Vec<Row>,
}

/// One figure.
#[derive(Default)]
pub(crate) struct Row {
    what: String,
    figure: String,
    beside: String,
    ratio: String,
    goal: String,
    met: Option<bool>,
}

impl Part {
    pub(crate) fn new(name: &'static str, title: &'static str) -> Self {
        Self { name, title, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// How many goals are missed.
    pub(crate) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.met == Some(false)).count()
    }

    /// As Markdown has it.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: [&str; 6]| format!("| {} |\n", cells.join(" | "));
        let rows: String = self.rows.iter().map(|row| line(row.cells())).collect();
        format!("{}|---|---|---|---|---|---|\n{rows}", line(HEADER))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.set_header(HEADER);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        write!(f, "{table}")
    }
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self { what: what.into(), figure: figure.into(), ..Self::default() }
    }

    /// What it is compared with.
    #[must_use]
    pub(crate) fn beside(mut self, beside: impl Into<String>, ratio: f64) -> Self {
        self.beside = beside.into();
        self.ratio = if ratio >= 10.0 { format!("{ratio:.0}") } else { format!("{ratio:.2}") };
        self
    }

    /// What it was to be, and whether it is.
    #[must_use]
    pub(crate) fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = goal.into();
        self.met = Some(met);
        self
    }

    fn cells(&self) -> [&str; 6] {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "**missed**",
            None => "",
        };
        [&self.what, &self.figure, &self.beside, &self.ratio, &self.goal, met]
    }
}
