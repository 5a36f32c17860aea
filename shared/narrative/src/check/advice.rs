//! Keys that other tools know and this one refuses, with what to write instead.

/// What to write in place of `key` in the table at the dotted path `table`.
pub(super) fn advice(table: &str, key: &str) -> Option<&'static str> {
    let in_act = table.starts_with("acts.") || table.contains(".acts.");
    let in_narrative = table.starts_with("narrative");
    let advice = match key {
        "carousel" if table == "toc" => "it belongs in `[narrative.carousel]`",
        "inputs" if in_act => "write `input`",
        "config" if in_act => "write `model`, `temperature` and `max_tokens` in the act itself",
        "shared" if table.is_empty() => "write `model`, `temperature` and `max_tokens` in the narratives or acts",
        "act" if table.is_empty() => "write `[acts.NAME]`",
        "name" if in_act => "an act is called by its table: write `[acts.NAME]`",
        "type" if in_act && !table.ends_with(']') => "what an act does follows from its `input`; leave it out",
        "store_as" => "write `[acts.NAME.state_capture]` with `KEY = \"$.path\"`, and use it as `${state:KEY}`",
        "guild_id" | "channel_id" | "message_id" if in_act && table.ends_with(']') => {
            "arguments of a command belong in `args`, or in `[bots.NAME]`"
        }
        "target_table" | "output" if in_narrative => "name the table that the output belongs to in `target`",
        "title" | "author" | "version" | "tags" if in_narrative => "say it in `description`",
        "metadata" if table.is_empty() => "write `[narrative]` with `name` and `description`",
        "steps" if table.is_empty() => "write each step as `[acts.NAME]`, and their order in `toc`",
        "name" | "skip_content_generation" if table.is_empty() => "it belongs in `[narrative]`",
        "role" if in_act => "write what the system says in `system`, and the rest in `prompt` or `input`",
        "temperature" | "max_tokens" | "model" if table.is_empty() => "it belongs in `[narrative]` or in an act",
        _ => return None,
    };
    Some(advice)
}

/// What to write in place of the list that makes the value at the dotted path `key` wrong.
pub(super) fn advice_on_list(key: &str) -> Option<&'static str> {
    let (name, index) = key.split_once('[')?;
    if !index.ends_with(']') {
        return None;
    }
    let advice = match name {
        "acts" => "write each act as `[acts.NAME]`, and their order in `toc`",
        "narrative" | "narratives" => "write `[narrative]` with `name`, or `[narrative.NAME]` for each of several",
        "tables" => "write each table as `[tables.NAME]`",
        "bots" => "write each command as `[bots.NAME]`",
        "media" => "write each of them as `[media.NAME]`",
        "schemas" => "write each schema as `[schemas.NAME]`",
        _ => return None,
    };
    Some(advice)
}
