//! Lists in pages.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::local::error::{Answer, ErrorKind};

/// Which page is asked for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Page {
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<usize>,
}

/// The page of `items` under `member`, with a `nextToken` if there is more. `items` carry their id. The token is the
/// id of the last item on the page, so nothing is shown twice or left out when items arrive between two pages.
pub(super) fn page(items: Vec<(String, Value)>, page: &Page, (member, largest): (&str, usize)) -> Answer<Value> {
    let first = match &page.next_token {
        None => 0,
        Some(token) => match items.iter().position(|(id, _)| id == token) {
            Some(last) => last + 1,
            None => {
                let message = "The next token is not valid, or the item that it names is gone; list from the start";
                return Err(ErrorKind::InvalidNextToken.because(message));
            }
        },
    };
    let size = page.max_results.unwrap_or(largest);
    let end = items.len().min(first.saturating_add(size));
    let token = (end < items.len() && end > first).then(|| items[end - 1].0.clone());
    let shown = items.into_iter().take(end).skip(first).map(|(_, item)| item);
    let mut output = Map::new();
    output.insert(member.to_owned(), shown.collect());
    if let Some(token) = token {
        output.insert("nextToken".to_owned(), Value::String(token));
    }
    Ok(Value::Object(output))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(ids: &[&str]) -> Vec<(String, Value)> {
        ids.iter().map(|id| ((*id).to_owned(), json!(id))).collect()
    }

    #[test]
    fn an_item_that_arrives_between_two_pages_shifts_nothing() {
        let ask = Page { next_token: None, max_results: Some(2) };
        let first = page(items(&["c", "b", "a"]), &ask, ("all", 10)).unwrap();
        assert_eq!(first, json!({"all": ["c", "b"], "nextToken": "b"}));
        let ask = Page { next_token: Some("b".to_owned()), max_results: Some(2) };
        let second = page(items(&["d", "c", "b", "a"]), &ask, ("all", 10)).unwrap();
        assert_eq!(second, json!({"all": ["a"]}));
    }

    #[test]
    fn a_token_that_nobody_gave_out_is_refused() {
        let ask = Page { next_token: Some("x".to_owned()), max_results: None };
        let refused = page(items(&["a"]), &ask, ("all", 10)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidNextToken);
    }
}
