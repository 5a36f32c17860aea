//! JSON in the midst of a model's words.

use serde_json::Value;

/// The JSON that `text` is meant to be: what a code fence marked `json` holds, else any fence that holds JSON, else the first
/// object or list that is whole. `None` when there is none.
///
/// Nothing is repaired: a comma too many is the model's to correct, which is asked for that.
pub(super) fn json_in(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        return Some(json);
    }
    let fences: Vec<(&str, &str)> = fences(text).collect();
    let marked = fences.iter().filter(|(mark, _)| mark.eq_ignore_ascii_case("json"));
    let any = fences.iter().filter(|(mark, _)| !mark.eq_ignore_ascii_case("json"));
    marked
        .chain(any)
        .find_map(|(_, inside)| first_whole(inside))
        .or_else(|| first_whole(text))
}

/// Whether `text` looks as if it were to be JSON: it begins as JSON does, or has a code fence that does.
pub(super) fn looks_like_json(text: &str) -> bool {
    let begins = |text: &str| text.trim_start().starts_with(['{', '[']);
    begins(text) || fences(text).any(|(mark, inside)| mark.eq_ignore_ascii_case("json") || begins(inside))
}

/// The code fences of `text`: what is written behind the opening one, and what is inside. The last may never be closed.
fn fences(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let open = rest.find("```")?;
        let after = &rest[open + 3..];
        let (mark, body) = after.split_once('\n').unwrap_or((after, ""));
        let (inside, behind) = body.split_once("```").unwrap_or((body, ""));
        rest = behind;
        Some((mark.trim(), inside))
    })
}

/// The first object or list in `text` that is whole.
fn first_whole(text: &str) -> Option<Value> {
    /// Beginnings that are tried; more are a sign of something else than JSON.
    const TRIED: usize = 32;
    text.match_indices(['{', '[']).take(TRIED).find_map(|(start, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        values.next()?.ok()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_bare_fenced_and_in_the_midst_of_words() {
        let wanted = Some(json!({"a": [1]}));
        for text in [
            r#"{"a": [1]}"#,
            "Sure!\n```json\n{\"a\": [1]}\n```\nAnything else?",
            "```\n{\"a\": [1]}\n```",
            "```json\n{\"a\": [1]}",
            r#"Here it is: {"a": [1]}. Enjoy {it}!"#,
        ] {
            assert_eq!(json_in(text), wanted, "{text}");
        }
        assert_eq!(json_in("```toml\na = 1\n```\n[1, 2]"), Some(json!([1, 2])));
    }

    #[test]
    fn broken_json_is_none_and_still_looks_like_it() {
        for text in ["{\"a\": 1,}", "```json\nnothing\n```"] {
            assert_eq!(json_in(text), None, "{text}");
            assert!(looks_like_json(text), "{text}");
        }
        assert!(!looks_like_json("A post about {braces}."));
    }
}
