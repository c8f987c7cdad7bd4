//! Texts of providers, scenarios and recordings on a page: data, whatever they say.

use std::fmt::{self, Write as _};

/// How many characters of a sentence are shown.
pub(super) const SENTENCE: usize = 4_000;

/// How many characters of a row, or of a name, are shown.
pub(in crate::report) const LINE: usize = 400;

/// A text to stand in HTML, as an element's content or in a quoted attribute.
///
/// Nothing in it is markup. What would change the order or the look of the text around it
/// (directional marks, control characters, invisible ones) is shown by its code, and a long text is
/// cut.
pub(super) fn shown(text: &str) -> Shown<'_> {
    Shown { text, most: SENTENCE }
}

/// As [`shown`], cut to the length of a line.
pub(super) fn line(text: &str) -> Shown<'_> {
    Shown { text, most: LINE }
}

/// A text to stand in HTML.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    text: &'a str,
    most: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in plain(self.text, self.most).chars() {
            match part {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(part)?,
            }
        }
        Ok(())
    }
}

/// A text with what is invisible shown by its code, and cut after `most` characters.
pub(in crate::report) fn plain(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut chars = text.chars();
    for part in chars.by_ref().take(most) {
        if is_unseen(part) {
            shown.extend(part.escape_default());
        } else {
            shown.push(part);
        }
    }
    let rest = chars.count();
    if rest > 0 {
        // To a String, which takes everything.
        let _ = write!(shown, "… [cut: {} characters in all]", most + rest);
    }
    shown
}

/// Whether a character has no glyph of its own, or changes how others are shown.
fn is_unseen(part: char) -> bool {
    part.is_control()
        || matches!(
            part,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// JSON to stand in a `<script>` element: the same values, without a character that HTML or
/// JavaScript gives a meaning.
pub(super) fn in_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for part in json.chars() {
        match part {
            // In JSON they stand in strings only.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(part));
            }
            _ => safe.push(part),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        let hostile = r#"</script><img src=x onerror="alert(1)"> & 'it'"#;
        assert_eq!(
            shown(hostile).to_string(),
            "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &#39;it&#39;"
        );
    }

    #[test]
    fn what_is_unseen_is_shown_by_its_code() {
        assert_eq!(
            shown("a\u{202e}b\u{0}\n\u{2066}\u{2028}").to_string(),
            "a\\u{202e}b\\u{0}\\n\\u{2066}\\u{2028}"
        );
        // Other scripts and signs stay as they are.
        assert_eq!(shown("Входящие 受信 📥").to_string(), "Входящие 受信 📥");
    }

    #[test]
    fn a_long_text_is_cut_with_a_note() {
        let text = line(&"é".repeat(200_000)).to_string();
        assert_eq!(text, format!("{}… [cut: 200000 characters in all]", "é".repeat(LINE)));
        assert_eq!(line(&"é".repeat(LINE)).to_string(), "é".repeat(LINE));
    }

    #[test]
    fn json_in_a_script_keeps_its_values() {
        let value = serde_json::json!({ "a": "</script><!--\u{2028}\u{2029}&amp;" });
        let safe = in_script(&value.to_string());
        assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
