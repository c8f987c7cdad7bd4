//! The rows of a diagram as a list: each says in words what its arrow shows.

use std::io::{self, Write};

use super::LANES;
use super::text::{line, shown};
use crate::report::sequence::{Lane, Row, RowKind, Sequence};

/// How many rows are laid out together. A browser passes over those that are out of sight.
const TOGETHER: usize = 100;

/// Where the lanes of a diagram stand: those beyond the last place share it.
fn place_of(lane: usize) -> usize {
    lane.min(LANES - 1)
}

/// Writes the heads of the lanes.
pub(super) fn write_lanes(out: &mut dyn Write, lanes: &[Lane]) -> io::Result<()> {
    let count = lanes.len().clamp(1, LANES);
    writeln!(out, "<div class=\"lanes n{count}\" aria-hidden=\"true\"><i></i><div>")?;
    for (place, lane) in lanes.iter().take(LANES).enumerate() {
        if place + 1 == LANES && lanes.len() > LANES {
            writeln!(out, "<b class=\"a{place}\">and {} more</b>", lanes.len() - place)?;
        } else {
            writeln!(out, "<b class=\"a{place}\">{}</b>", line(&lane.name))?;
        }
    }
    writeln!(out, "</div></div>")
}

/// Writes these rows of a diagram. `id` begins their ids; the script finds them by it.
pub(super) fn write_rows(
    out: &mut dyn Write,
    sequence: &Sequence,
    places: &[usize],
    id: &str,
) -> io::Result<()> {
    let count = sequence.lanes.len().clamp(1, LANES);
    let several = sequence.dialog.accounts.len() > 1;
    let mut before: Option<&Row> = None;
    let mut next = 0;
    for (chunk, places) in places.chunks(TOGETHER).enumerate() {
        writeln!(out, "<ol class=\"rows n{count}\" start=\"{}\">", chunk * TOGETHER + 1)?;
        for (number, place) in places.iter().enumerate() {
            if *place > next {
                let left_out = *place - next;
                writeln!(out, "<li class=\"gap\">… {left_out} rows that play no part …</li>")?;
            }
            next = place + 1;
            let row = &sequence.rows[*place];
            let id = format!("{id}r{}", chunk * TOGETHER + number);
            write_row(out, sequence, row, before, &id, several)?;
            before = Some(row);
        }
        writeln!(out, "</ol>")?;
    }
    Ok(())
}

fn write_row(
    out: &mut dyn Write,
    sequence: &Sequence,
    row: &Row,
    before: Option<&Row>,
    id: &str,
    several: bool,
) -> io::Result<()> {
    let from = place_of(row.from);
    let to = row.to.first().map(|to| place_of(*to));
    write!(out, "<li id=\"{id}\" class=\"{} a{from}", kind_class(row.kind))?;
    if let Some(to) = to {
        write!(out, " b{to}{}", if to < from { " l" } else { "" })?;
    }
    if row.is_faint {
        write!(out, " faint")?;
    }
    if !row.broke.is_empty() {
        write!(out, " broke")?;
    } else if row.is_involved {
        write!(out, " involved")?;
    }
    if row.decisive.is_some() {
        write!(out, " decides")?;
    }
    let passed = row.at_ms - before.map_or(0, |before| before.at_ms);
    match passed {
        0 => {}
        1..10 => write!(out, " g1")?,
        10..100 => write!(out, " g2")?,
        100..1_000 => write!(out, " g3")?,
        _ => write!(out, " g4")?,
    }
    // Each row has its time: who reads one row alone needs it.
    write!(out, "\"><time>{} ms</time><i>", row.at_ms)?;
    for to in row.to.iter().skip(1).take(8) {
        write!(out, "<u class=\"b{}\"></u>", place_of(*to))?;
    }
    write!(out, "</i><p><b>{}", line(&sequence.lanes[row.from].name))?;
    if let Some(to) = row.to.first()
        && matches!(row.kind, RowKind::Call | RowKind::Fault | RowKind::Wake)
    {
        write!(out, " → {}", line(&sequence.lanes[*to].name))?;
    }
    write!(out, "</b> ")?;
    if let Some((account, sync)) = row.sync
        && (several || sync > 1)
    {
        let name = sequence.dialog.accounts.get(account).map_or("", |line| line.name.as_str());
        write!(out, "<small>{}", line(name))?;
        // A call of the store's has none.
        if sync > 0 {
            write!(out, ", sync {sync}")?;
        }
        write!(out, "</small> ")?;
    }
    write!(out, "{}", line(&row.words))?;
    for defect in &row.broke {
        let verb = if row.kind == RowKind::Absence { "missing here" } else { "breaks" };
        write!(out, " <strong class=\"bad\">✕ {verb}: {}</strong>", shown(defect))?;
    }
    if row.broke.is_empty() && row.is_involved {
        write!(out, " <strong class=\"part\">◆ shows it</strong>")?;
    }
    if let Some(number) = row.decisive {
        write!(out, " <strong class=\"key\">({number}) decides</strong>")?;
    }
    writeln!(out, "</p></li>")
}

fn kind_class(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Call => "call",
        RowKind::Step => "step",
        RowKind::Fault => "fault",
        RowKind::Decision => "decision",
        RowKind::Note => "note",
        RowKind::Wake => "wake",
        RowKind::Absence => "absence",
    }
}

/// The places of the rows to show, at most about `most`: all, or the beginning, the end, and what
/// is around those that matter.
pub(super) fn places(rows: &[Row], most: usize) -> Vec<usize> {
    if rows.len() <= most {
        return (0..rows.len()).collect();
    }
    let marked: Vec<usize> = (0..rows.len()).filter(|place| rows[*place].is_marked()).collect();
    // Of many marks, the last ones: there it broke.
    let marked = &marked[marked.len().saturating_sub(16)..];
    let around = most / (2 * (marked.len() + 2));
    let mut kept = vec![false; rows.len()];
    let mut keep = |first: usize, end: usize| {
        let end = end.min(rows.len());
        kept[first.min(end)..end].fill(true);
    };
    keep(0, around);
    keep(rows.len().saturating_sub(around), rows.len());
    for place in marked {
        keep(place.saturating_sub(around), place + around + 1);
    }
    (0..rows.len()).filter(|place| kept[*place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_diagram_keeps_its_ends_and_what_matters() {
        let check = crate::Check::named("done-twice").unwrap().schedules(2_000).jobs(1);
        let report = check.shrink(false).fail_fast(true).run();
        let execution = &report.counterexamples[0].execution;
        let breaches: Vec<_> = execution.breaches.iter().collect();
        let mut sequence = Sequence::new(execution, &breaches, None);
        let marked = sequence.rows.iter().find(|row| !row.broke.is_empty()).unwrap().clone();
        let plain = Row { broke: Vec::new(), is_involved: false, decisive: None, ..marked.clone() };
        sequence.rows = vec![plain; 1_000];
        sequence.rows[700] = marked;
        assert_eq!(places(&sequence.rows, 1_000).len(), 1_000);
        let kept = places(&sequence.rows, 60);
        assert!(kept.len() <= 60, "{}", kept.len());
        assert!(kept.contains(&0) && kept.contains(&999) && kept.contains(&699));
        let mut text = Vec::new();
        write_rows(&mut text, &sequence, &kept, "x").unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.matches("rows that play no part").count(), 2);
        assert_eq!(text.matches("<time>").count(), kept.len());
    }
}
