//! "Did you mean": the known name that an unknown one resembles.

/// A typing error changes at most this many letters.
const TYPOS: usize = 2;

/// Fewer letters in common do not suggest a name.
const SHORTEST_PREFIX: usize = 3;

/// The name in `known` that was most likely meant by `found`: the closest one within two edits, or
/// else the first that starts with `found` or that `found` starts with.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let misspelt = known
        .iter()
        .map(|name| (edits(found, name), *name))
        .filter(|(distance, name)| *distance <= TYPOS && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name);
    misspelt.or_else(|| known.iter().copied().find(|name| shares_prefix(found, name)))
}

/// Whether one of the two is the beginning of the other.
fn shares_prefix(a: &str, b: &str) -> bool {
    let common = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    common >= SHORTEST_PREFIX && (a.starts_with(b) || b.starts_with(a))
}

/// The Levenshtein distance, computed one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("mesages", "messages"), 1);
        assert_eq!(edits("", "abc"), 3);
    }

    #[test]
    fn typing_errors_are_understood() {
        assert_eq!(nearest("workrs", &["workers", "retries"]), Some("workers"));
        assert_eq!(nearest("zzz", &["workers", "a"]), None);
        for typo in ["defalt", "defaultt", "dafault"] {
            assert_eq!(nearest(typo, &["tiny-sync", "default"]), Some("default"), "{typo}");
        }
        assert_eq!(nearest("zebra", &["tiny-sync", "default"]), None);
    }

    #[test]
    fn beginnings_and_endings_too_many_are_understood() {
        let known = &["flaky-network", "flaky-store"];
        assert_eq!(nearest("flaky", known), Some("flaky-network"));
        assert_eq!(nearest("flaky-network-2026", known), Some("flaky-network"));
        assert_eq!(nearest("fl", known), None);
        assert_eq!(nearest("", known), None);
    }
}
