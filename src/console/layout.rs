//! What all pages share.

use maud::{DOCTYPE, Markup, html};

/// What one page shows.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) title: String,
    pub(super) section: Section,
    pub(super) main: Markup,
}

/// To which part of a console a page belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Pipelines,
    Stages,
    Worker,
    None,
}

/// What stands around every page of a console.
pub(super) struct Frame {
    /// The navigation: what leads where.
    pub(super) entries: &'static [(&'static str, &'static str, Section)],
    /// What the console is.
    pub(super) footer: &'static str,
}

/// The whole page.
pub(super) fn document(content: &Content, frame: &Frame) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (content.title) " · bluestage" }
                link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/console/assets/console.css";
                script src="/console/assets/live.js" defer {}
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header class="bar" {
                    a class="brand" href="/console" { span class="mark" aria-hidden="true" {} "bluestage" }
                    nav aria-label="Console" { ul { @for entry in frame.entries { (entry_of(*entry, content.section)) } } }
                    p id="live" role="status" { noscript { "Reload for what is new" } }
                }
                main id="main" tabindex="-1" { (content.main) }
                footer { p { (frame.footer) } }
            }
        }
    }
}

fn entry_of((name, href, section): (&str, &str, Section), here: Section) -> Markup {
    html! { li { a href=(href) aria-current=[(section == here).then_some("true")] { (name) } } }
}

/// Words for screen readers only.
pub(super) fn unseen(words: &str) -> Markup {
    html! { span class="unseen" { (words) } }
}

/// A line that is read out when it changes: it tells no times, which change all the time.
pub(super) fn told(words: &str) -> Markup {
    html! { p id="told" class="unseen" role="status" { (words) } }
}

/// A link to the outside that somebody has reported, unless it would run something.
pub(super) fn outside(url: &str, words: &Markup) -> Markup {
    let is_page = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
    html! {
        @if is_page { a class="outside" href=(url) rel="noreferrer noopener" { (words) } } @else { (url) }
    }
}

/// A map as a list of names and values; nothing if it is empty.
pub(super) fn pairs<'a>(title: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    let pairs: Vec<_> = pairs.collect();
    html! {
        @if !pairs.is_empty() {
            details {
                summary { (title) " (" (pairs.len()) ")" }
                dl class="pairs" { @for (name, value) in pairs { dt { (name) } dd { (value) } } }
            }
        }
    }
}

/// The address of a pipeline's page.
pub(super) fn pipeline_page(pipeline: &str) -> String {
    format!("/console/pipelines/{pipeline}")
}

/// The address of an execution's page.
pub(super) fn execution_page(pipeline: &str, execution: &str) -> String {
    format!("/console/pipelines/{pipeline}/executions/{execution}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_written_is_text_and_never_markup_or_a_script() {
        let content = Content {
            title: "<script>alert(1)</script>".to_owned(),
            section: Section::None,
            main: html! { (outside("javascript:alert(1)", &html! { "look" })) (outside("https://x/?a=\"b", &html! { "look" })) },
        };
        let page = document(&content, &Frame { entries: &[], footer: "" }).into_string();
        assert!(!page.contains("<script>alert") && !page.contains("href=\"javascript:"), "{page}");
        assert!(page.contains("href=\"https://x/?a=&quot;b\""), "{page}");
    }
}
