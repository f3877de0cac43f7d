//! What tests print, made fit for people: valid, without colours, short.

use anstream::adapter::strip_str;

/// `bytes` as text without terminal escapes and control characters, except line ends and tabs.
pub(super) fn readable(bytes: &[u8]) -> String {
    strip_str(&String::from_utf8_lossy(bytes))
        .to_string()
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
        .collect()
}

/// The last line that says something; a progress bar's carriage returns begin lines, too.
pub(super) fn last_line(text: &str) -> &str {
    text.rsplit(['\n', '\r']).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// The first line that says something.
pub(super) fn first_line(text: &str) -> &str {
    text.split(['\n', '\r']).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// The first `most` characters, with an ellipsis as the last of them where something was cut.
pub(super) fn start_of(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept + "…"
}

/// The last `most` characters.
pub(super) fn end_of(text: &str, most: usize) -> &str {
    let too_many = text.chars().count().saturating_sub(most);
    text.char_indices().nth(too_many).map_or("", |(start, _)| &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_invalid_bytes_do_not_reach_people() {
        let printed = b"\x1b[1;31mFAILED\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 \xff\x00.\n";
        assert_eq!(readable(printed), "FAILED link \u{fffd}.\n");
    }

    #[test]
    fn the_first_and_the_last_line_are_those_that_say_something() {
        assert_eq!(last_line("one\ntwo\r\n  \n"), "two");
        assert_eq!(last_line("10 %\r20 %\r"), "20 %");
        assert_eq!(last_line(" \n"), "");
        assert_eq!(first_line(" \r\none\rtwo"), "one");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(end_of("äöü", 2), "öü");
        assert_eq!(end_of("äöü", 3), "äöü");
        assert_eq!(end_of("", 3), "");
        assert_eq!(start_of("äöü", 2), "ä…");
        assert_eq!(start_of("äöü", 3), "äöü");
    }
}
