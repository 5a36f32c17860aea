//! What acts and narratives are made of, as keys and texts: for versions, and for people who compare two.

use std::time::Duration;

use botticelli_llm::Media;

use super::{
    Act, Answer, Argument, AskedModel, Budget, CommandInput, FetchedMedia, History, Input, InputSource, MediaInput,
    Narrative, Question, Retention, Spend, TableInput, Work,
};
use crate::template::Template;

/// Keys and their texts, in a fixed order. A key may stand there several times.
pub(crate) type Description = Vec<(&'static str, String)>;

impl Narrative {
    /// Everything of it that decides what models are asked, as keys and texts: its acts in their order, each with its stage and
    /// its version. [`Self::version`] is a hash of this.
    pub fn described(&self) -> Vec<(&'static str, String)> {
        let acts = self.acts.iter().flat_map(|act| {
            [
                ("act", act.name.clone()),
                ("stage", (act.stage + 1).to_string()),
                ("version", act.version.clone()),
            ]
        });
        acts.collect()
    }

    /// The rest of it, which no model sees: where its output goes, how often it is repeated, what it may use up.
    pub fn described_besides(&self) -> Vec<(&'static str, String)> {
        let mut rest = Vec::new();
        push(
            &mut rest,
            "description",
            Some(&self.description).filter(|text| !text.is_empty()),
        );
        if let Some(target) = &self.target {
            rest.push(("target", target.table.clone()));
            push(&mut rest, "template", target.template.as_ref());
        }
        if !self.stores_output {
            rest.push(("skip_content_generation", true.to_string()));
        }
        if let Some(carousel) = &self.carousel {
            rest.push(("iterations", carousel.iterations.to_string()));
            rest.push(("continue_on_error", carousel.continue_on_error.to_string()));
        }
        push_budget(&mut rest, &self.budget);
        push_spend(&mut rest, &self.spend);
        rest
    }
}

impl Act {
    /// Everything of it that decides what models are asked, as keys and texts: its inputs, its settings, the shape of its
    /// reply. [`Self::version`] is a hash of this.
    pub fn described(&self) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        push(
            &mut parts,
            "when",
            self.when.as_ref().map(|when| when.template().written()),
        );
        if let Some(repeat) = &self.repeat {
            parts.push(("iterations", repeat.iterations.to_string()));
            let until = repeat.until.as_ref();
            push(&mut parts, "until", until.map(|until| until.template().written()));
        }
        match &self.work {
            Work::Compose(narrative) => push_narrative(&mut parts, narrative),
            Work::Gather(inputs) => push_inputs(&mut parts, inputs),
            Work::Ask(question) => {
                push_question(&mut parts, question);
                push_inputs(&mut parts, &question.inputs);
            }
        }
        parts
    }

    /// The rest of it, which no model sees: what becomes of its reply, how often it may be corrected, what it may use up.
    pub fn described_besides(&self) -> Vec<(&'static str, String)> {
        let mut rest = Vec::new();
        for capture in &self.captures {
            rest.push(("state_capture", format!("{} = {}", capture.key, capture.path)));
        }
        if !self.stores_output {
            rest.push(("skip_content_generation", true.to_string()));
        }
        if let Some(repeat) = &self.repeat {
            rest.push(("continue_on_error", repeat.continues_on_error.to_string()));
        }
        if let Some(question) = self.question() {
            rest.push(("repairs", question.repairs.to_string()));
            push(&mut rest, "timeout", question.timeout.map(seconds));
            push_spend(&mut rest, &question.spend);
        }
        for input in self.inputs() {
            match &input.source {
                InputSource::Table(table) => rest.push(("required", table.is_required.to_string())),
                InputSource::Command(command) => {
                    rest.push(("required", command.is_required.to_string()));
                    push(&mut rest, "cache_duration", command.cache.map(seconds));
                }
                _ => {}
            }
        }
        rest
    }
}

fn push(parts: &mut Description, key: &'static str, value: Option<impl ToString>) {
    parts.extend(value.map(|value| (key, value.to_string())));
}

fn seconds(duration: Duration) -> String {
    format!("{duration:?}")
}

fn push_question(parts: &mut Description, question: &Question) {
    for (index, AskedModel { choice, .. }) in question.asked.models.iter().enumerate() {
        let written = match (&choice.provider, &choice.model) {
            (Some(provider), Some(model)) => format!("{provider}/{model}"),
            (Some(provider), None) => format!("{provider}/"),
            (None, Some(model)) => model.clone(),
            (None, None) => continue,
        };
        parts.push((if index == 0 { "model" } else { "fallback" }, written));
    }
    push(parts, "temperature", question.temperature);
    push(parts, "top_p", question.top_p);
    push(parts, "seed", question.seed);
    push(parts, "max_tokens", question.max_tokens);
    for stop in &question.stop {
        parts.push(("stop", stop.clone()));
    }
    match &question.history {
        History::Full => {}
        History::None => parts.push(("history", "none".to_owned())),
        History::Last(count) => parts.push(("history", format!("last {count}"))),
        History::Acts(acts) => parts.push(("history", format!("acts {}", acts.join(", ")))),
    }
    push(parts, "history_tokens", question.history_tokens);
    match &question.answer {
        Answer::Text => {}
        Answer::TextOrJson => parts.push(("reply", "text or JSON".to_owned())),
        Answer::Json => parts.push(("reply", "JSON".to_owned())),
        Answer::Schema(schema) => parts.push(("schema", format!("{schema:#}"))),
    }
    push(parts, "system", question.system.as_ref().map(Template::written));
    for example in &question.examples {
        parts.push(("example, user", example.user.written().to_owned()));
        parts.push(("example, assistant", example.assistant.written().to_owned()));
    }
}

fn push_inputs(parts: &mut Description, inputs: &[Input]) {
    for input in inputs {
        match &input.source {
            InputSource::Text(text) => parts.push(("text", text.written().to_owned())),
            InputSource::Media(MediaInput::Here(media)) => parts.push(("media", media_in_words(media))),
            InputSource::Media(MediaInput::Fetch(FetchedMedia { url, mime, kind, .. })) => {
                parts.push(("url", url.written().to_owned()));
                push(parts, "mime", mime.as_ref());
                push(parts, "kind", *kind);
            }
            InputSource::Table(table) => push_table(parts, table),
            InputSource::Command(command) => push_command(parts, command),
            InputSource::Narrative { narrative, .. } => push_narrative(parts, narrative),
        }
        match input.retention {
            Retention::Full => {}
            Retention::Summary => parts.push(("history_retention", "summary".to_owned())),
            Retention::Drop => parts.push(("history_retention", "drop".to_owned())),
        }
    }
}

/// What a model sees of a narrative that is played: the replies, and its description in front of them.
fn push_narrative(parts: &mut Description, narrative: &Narrative) {
    parts.push(("narrative", narrative.name.clone()));
    push(
        parts,
        "its description",
        Some(&narrative.description).filter(|text| !text.is_empty()),
    );
    parts.push(("its version", narrative.version.clone()));
    push(
        parts,
        "its iterations",
        narrative.carousel.map(|carousel| carousel.iterations),
    );
}

fn media_in_words(media: &Media) -> String {
    format!(
        "{}, {} bytes, SHA-256 {}",
        media.mime,
        media.bytes.len(),
        media.sha256()
    )
}

fn push_table(parts: &mut Description, table: &TableInput) {
    let query = &table.asked.query;
    parts.push(("table", query.table.clone()));
    if table.alias != query.table {
        parts.push(("alias", table.alias.clone()));
    }
    if !query.columns.is_empty() {
        parts.push(("columns", query.columns.join(", ")));
    }
    push(parts, "where", query.filter.condition.as_ref());
    if !query.order_by.is_empty() {
        let order: Vec<String> = query.order_by.iter().map(ToString::to_string).collect();
        parts.push(("order_by", order.join(", ")));
    }
    parts.push(("limit", query.limit.to_string()));
    push(parts, "offset", Some(query.offset).filter(|offset| *offset > 0));
    push(parts, "sample", query.sample);
    if query.pull {
        parts.push(("pull", true.to_string()));
    }
    parts.push(("format", format!("{:?}", table.format).to_lowercase()));
}

fn push_command(parts: &mut Description, command: &CommandInput) {
    parts.push(("command", format!("{} {}", command.platform, command.command)));
    for (name, argument) in &command.args {
        parts.push(("argument", format!("{name} = {}", argument_in_words(argument))));
    }
}

fn argument_in_words(argument: &Argument) -> String {
    match argument {
        Argument::Text(text) => format!("{:?}", text.written()),
        Argument::Fixed(value) => value.to_string(),
        Argument::List(items) => {
            let items: Vec<String> = items.iter().map(argument_in_words).collect();
            format!("[{}]", items.join(", "))
        }
        Argument::Table(fields) => {
            let fields = fields
                .iter()
                .map(|(name, field)| format!("{name} = {}", argument_in_words(field)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

fn push_budget(rest: &mut Description, budget: &Budget) {
    let whole = Budget::default();
    for (key, share, all) in [
        ("rpm_multiplier", budget.requests_per_minute, whole.requests_per_minute),
        ("tpm_multiplier", budget.tokens_per_minute, whole.tokens_per_minute),
        ("rpd_multiplier", budget.requests_per_day, whole.requests_per_day),
    ] {
        push(rest, key, Some(share).filter(|share| *share < all));
    }
}

fn push_spend(rest: &mut Description, spend: &Spend) {
    push(rest, "spend.tokens", spend.tokens);
    push(rest, "spend.calls", spend.calls);
    push(rest, "spend.usd, in millionths", spend.micro_usd);
}
