//! The results as text for people.

use std::fmt;

use crate::run::{Found, Results, Row, Table, Timed};

/// Prints each table that was made.
pub(crate) struct Tables<'a>(pub(crate) &'a Results);

impl fmt::Display for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.0.search {
            f.write_str(
                "Exhaustive search: best time, executions, and time as a multiple of ours\n",
            )?;
            aligned(f, table, &[], |cell, _| {
                let Timed { executions, seconds, ratio, .. } = cell;
                format!("{seconds:.4} s  {executions}  {ratio:.2}x")
            })?;
        }
        if let Some(table) = &self.0.rate {
            f.write_str(
                "Random schedules: best rate, scheduling points, and time as a multiple of ours\n",
            )?;
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            aligned(f, table, &[], |cell, _| {
                let rate = cell.executions as f64 / cell.seconds;
                let points = cell.points.unwrap_or_default();
                format!("{rate:.0}/s  {points:.0}  {:.2}x", cell.ratio)
            })?;
        }
        if let Some(table) = &self.0.bugs {
            f.write_str("Bugs: mean executions until the bug shows, and ours against the best\n")?;
            let ratios = table.rows.iter().map(|row| {
                let ratio = ours_to_best(row);
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
            });
            let ratios: Vec<_> = ratios.collect();
            aligned(
                f,
                table,
                &[("ours / best", &ratios)],
                |Found { mean, found, hunts, .. }, _| {
                    if found == hunts {
                        format!("{mean:.1}")
                    } else {
                        format!(">{mean:.0} ({found}/{hunts})")
                    }
                },
            )?;
        }
        Ok(())
    }
}

/// Our mean divided by that of the best peer that draws schedules at random.
fn ours_to_best(row: &Row<Found>) -> Option<f64> {
    let ours = row.cells.first()?.as_ref()?;
    let peers = row.cells.iter().skip(1).flatten();
    let peers = peers.filter(|peer| peer.random && peer.found == peer.hunts);
    let best = peers.map(|peer| peer.mean).min_by(f64::total_cmp)?;
    Some(ours.mean / best)
}

fn aligned<C>(
    f: &mut fmt::Formatter<'_>,
    table: &Table<C>,
    more: &[(&str, &[String])],
    show: impl Fn(&C, &Row<C>) -> String,
) -> fmt::Result {
    let heads = table.columns.iter().copied().chain(more.iter().map(|(head, _)| *head));
    let mut lines = vec![vec![String::new()]];
    lines[0].extend(heads.map(str::to_owned));
    for (number, row) in table.rows.iter().enumerate() {
        let mut line = vec![row.program.to_owned()];
        let shown = row.cells.iter().map(|cell| cell.as_ref().map(|cell| show(cell, row)));
        line.extend(shown.map(|cell| cell.unwrap_or_else(|| "-".to_owned())));
        line.extend(more.iter().map(|(_, cells)| cells[number].clone()));
        lines.push(line);
    }
    let width = |place: usize| lines.iter().map(|line| line[place].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    for line in &lines {
        for (place, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let width = *width;
            if place == 0 {
                write!(f, "  {cell:width$}")?;
            } else {
                write!(f, "  {cell:>width$}")?;
            }
        }
        f.write_str("\n")?;
    }
    f.write_str("\n")
}
