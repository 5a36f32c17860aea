//! Runs that ask nobody: every prompt is made as it would be sent, and placeholders stand for what would come back.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use botticelli_llm::{
    ErrorClass, Finish, LanguageModel, LlmError, Media, MediaKind, Message, Part, Prices, Reply, ReplyFuture, Request,
    Usage,
};
use botticelli_narrative::{
    ActRecord, Audience, CommandCall, CommandRunner, Ledger, MediaFetcher, Narrative, PlannedCall, PortError,
    PortFuture, Reserved, Row, StateReader, TableQuery, TableReader, Ticket,
};
use serde_json::{Value, json};

use super::{placeholder, remarks::plural};

/// Stands in for everything that a run reaches.
pub(super) struct Rehearsal {
    /// What is known of acts, by narrative and act.
    acts: HashMap<(String, String), KnownAct>,
    /// Replies that were given for acts, in place of made ones.
    replies: HashMap<String, String>,
    prices: Prices,
    notes: Mutex<Notes>,
}

struct KnownAct {
    wants_json: bool,
    /// What later acts ask for of its reply.
    parts: Vec<Vec<String>>,
}

#[derive(Default)]
struct Notes {
    /// Which act asks, by the hash of the prompt.
    asking: HashMap<String, Call>,
    /// What would be asked, by step; a fallback or a repair overwrites what it follows.
    prompts: HashMap<String, (Call, Request)>,
    /// The act of each step that has begun.
    begun: HashMap<String, String>,
    commands: Vec<CommandCall>,
    /// Tables for which a made-up row stands.
    invented: Vec<String>,
    ended: Vec<(String, ActRecord)>,
}

/// A call that would be made.
#[derive(Clone)]
struct Call {
    narrative: String,
    act: String,
    step: String,
    provider: String,
    model: Option<String>,
    input_tokens: u64,
    max_output_tokens: Option<u32>,
}

impl Rehearsal {
    /// A rehearsal of `narrative`. `replies` are for acts that would otherwise get a placeholder.
    pub(super) fn of(narrative: &Narrative, replies: HashMap<String, String>, prices: Prices) -> Arc<Self> {
        let mut acts = HashMap::new();
        for narrative in narrative.with_composed() {
            for act in narrative.acts() {
                let known = KnownAct {
                    wants_json: act.wants_json(),
                    parts: act.parts().map(<[String]>::to_vec).collect(),
                };
                acts.insert((narrative.name().to_owned(), act.name().to_owned()), known);
            }
        }
        Arc::new(Self {
            acts,
            replies,
            prices,
            notes: Mutex::default(),
        })
    }

    /// The same model, with its place taken. It is asked whether it could look at files and nothing else.
    pub(super) fn instead_of(self: &Arc<Self>, model: Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel> {
        Arc::new(Double {
            model: Some(model),
            rehearsal: Arc::clone(self),
        })
    }

    /// A model where none can be opened.
    pub(super) fn model(self: &Arc<Self>) -> Arc<dyn LanguageModel> {
        Arc::new(Double {
            model: None,
            rehearsal: Arc::clone(self),
        })
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands for the reply of an act.
    fn reply(&self, call: &Call, request: &Request) -> Result<(String, Option<Value>), LlmError> {
        let known = self.acts.get(&(call.narrative.clone(), call.act.clone()));
        let parts: Vec<&[String]> = known.iter().flat_map(|known| &known.parts).map(Vec::as_slice).collect();
        if let Some(given) = self.replies.get(&call.act) {
            let json = request.schema.as_ref().map(|_| serde_json::from_str(given)).transpose();
            let json = json.map_err(|error| {
                let detail = format!("the reply that was given for act `{}` is not JSON: {error}", call.act);
                LlmError::new(ErrorClass::Invalid, call.provider.as_str(), detail)
            })?;
            return Ok((given.clone(), json));
        }
        if let Some(schema) = &request.schema {
            let made = placeholder::of_schema(schema, &parts);
            return Ok((made.to_string(), Some(made)));
        }
        if known.is_some_and(|known| known.wants_json) {
            return Ok((placeholder::of_parts(&parts).to_string(), None));
        }
        Ok((format!("(reply of act `{}`)", call.act), None))
    }

    fn play(&self, request: &Request, provider: &str) -> Result<Reply, LlmError> {
        let mut notes = self.notes();
        let call = notes.asking.get(&request.prompt_hash()).cloned();
        let call = call.ok_or_else(|| LlmError::new(ErrorClass::Invalid, provider, "nobody said who asks"))?;
        let (text, json) = self.reply(&call, request)?;
        let model = request.model.clone().unwrap_or_else(|| "its own".to_owned());
        notes.prompts.insert(call.step.clone(), (call, request.clone()));
        Ok(Reply {
            usage: Usage::estimated(request, &text),
            text,
            json,
            finish: Finish::Stop,
            model,
            request_id: None,
            remaining: None,
        })
    }

    /// What a call would cost in millionths of a dollar: without its answer, and with the longest where there is one.
    fn cost(&self, call: &Call) -> Option<(u64, Option<u64>)> {
        let price = self.prices.of(&call.provider, call.model.as_deref()?)?;
        let usage = |output_tokens| Usage {
            input_tokens: call.input_tokens,
            output_tokens,
            ..Usage::default()
        };
        let most = call.max_output_tokens;
        Some((
            price.cost_micros(&usage(0)),
            most.map(|most| price.cost_micros(&usage(most.into()))),
        ))
    }

    /// Everything that would be asked, for people.
    pub(super) fn in_words(&self) -> String {
        let notes = self.notes();
        let mut text = String::new();
        for (step, record) in &notes.ended {
            // Writing into a text cannot fail.
            let _ = writeln!(
                text,
                "== {step}: act `{}` of narrative `{}`, version {}",
                record.act, record.narrative, record.version
            );
            for command in notes.commands.iter().filter(|command| belongs(&command.key, step)) {
                let args = Value::Object(command.args.clone());
                let _ = writeln!(text, "-- would run `{} {}`\n{args}", command.platform, command.command);
            }
            if record.is_skipped {
                let _ = writeln!(text, "passed over, because what it asks for does not hold\n");
                continue;
            }
            let Some((call, request)) = notes.prompts.get(step) else {
                let _ = writeln!(text, "asks no model and brings\n{}\n", record.reply);
                continue;
            };
            let _ = writeln!(text, "asks {}", self.call_in_words(call, request));
            write_prompt(&mut text, request);
            let _ = writeln!(text, "-- in place of its reply\n{}\n", record.reply);
        }
        for table in &notes.invented {
            let _ = writeln!(
                text,
                "table `{table}` was not read, because no database is at hand; a made-up row stands for it"
            );
        }
        let asked: Vec<&Call> = notes.prompts.values().map(|(call, _)| call).collect();
        let tokens: u64 = asked.iter().map(|call| call.input_tokens).sum();
        let costs: Vec<u64> = asked.iter().filter_map(|call| Some(self.cost(call)?.0)).collect();
        let _ = write!(text, "{}, about {tokens} tokens in", plural(asked.len(), "call"));
        if !costs.is_empty() {
            let _ = write!(text, ", {} without the answers", usd(costs.iter().sum()));
        }
        text.push('\n');
        text
    }

    fn call_in_words(&self, call: &Call, request: &Request) -> String {
        let mut words = format!("provider `{}`", call.provider);
        match &call.model {
            Some(model) => drop(write!(words, " for model `{model}`")),
            None => words.push_str(" for its own model"),
        }
        let _ = write!(words, ", about {} tokens in", call.input_tokens);
        if let Some(most) = call.max_output_tokens {
            let _ = write!(words, ", at most {most} out");
        }
        match self.cost(call) {
            Some((least, Some(most))) => {
                let _ = write!(words, ", {} to {}", usd(least), usd(most));
            }
            Some((least, None)) => {
                let _ = write!(words, ", {} without the answer", usd(least));
            }
            None => {}
        }
        for (name, value) in [
            ("temperature", request.temperature.map(|value| value.to_string())),
            ("top_p", request.top_p.map(|value| value.to_string())),
            ("seed", request.seed.map(|value| value.to_string())),
        ] {
            if let Some(value) = value {
                let _ = write!(words, ", {name} {value}");
            }
        }
        words
    }

    /// The same for programs.
    pub(super) fn json(&self, narrative: &Narrative, error: Option<&str>) -> Value {
        let notes = self.notes();
        let acts = notes.ended.iter().map(|(step, record)| {
            let asked = notes.prompts.get(step);
            let commands = notes.commands.iter().filter(|command| belongs(&command.key, step));
            json!({
                "step": step,
                "narrative": record.narrative,
                "act": record.act,
                "version": record.version,
                "is_skipped": record.is_skipped,
                "prompt_hash": record.prompt_hash,
                "provider": asked.map(|(call, _)| &call.provider),
                "model": asked.and_then(|(call, _)| call.model.as_ref()),
                "input_tokens": asked.map(|(call, _)| call.input_tokens),
                "max_output_tokens": asked.and_then(|(call, _)| call.max_output_tokens),
                "least_cost_micro_usd": asked.and_then(|(call, _)| Some(self.cost(call)?.0)),
                "most_cost_micro_usd": asked.and_then(|(call, _)| self.cost(call)?.1),
                "request": asked.map(|(_, request)| request_json(request)),
                "commands": commands.map(command_json).collect::<Vec<_>>(),
                "reply": record.reply,
            })
        });
        json!({
            "dry_run": true,
            "narrative": narrative.name(),
            "version": narrative.version(),
            "error": error,
            "acts": acts.collect::<Vec<_>>(),
            "invented_tables": notes.invented,
        })
    }
}

/// Whether the key of a command is one of `step`'s.
fn belongs(key: &str, step: &str) -> bool {
    key.strip_prefix(step).is_some_and(|rest| rest.starts_with("/input-"))
}

pub(super) fn usd(micros: u64) -> String {
    format!("{}.{:06} USD", micros / 1_000_000, micros % 1_000_000)
}

fn shown(part: &Part) -> String {
    match part {
        Part::Text(text) => text.to_string(),
        Part::Media(media) if media.bytes.is_empty() => {
            format!(
                "[{}: {}, not fetched]",
                media.kind,
                media.filename.as_deref().unwrap_or("?")
            )
        }
        Part::Media(media) => format!(
            "[{}: {}, {}, {} bytes]",
            media.kind,
            media.filename.as_deref().unwrap_or("without a name"),
            media.mime,
            media.bytes.len()
        ),
    }
}

fn write_prompt(text: &mut String, request: &Request) {
    if let Some(system) = &request.system {
        let _ = writeln!(text, "-- system\n{system}");
    }
    for message in &request.messages {
        let parts: Vec<String> = message.parts.iter().map(shown).collect();
        let _ = writeln!(text, "-- {}\n{}", message.role.as_str(), parts.join("\n\n"));
    }
    if let Some(schema) = &request.schema {
        let _ = writeln!(text, "-- schema\n{schema:#}");
    }
}

fn request_json(request: &Request) -> Value {
    let messages = request.messages.iter().map(|message| {
        let parts: Vec<String> = message.parts.iter().map(shown).collect();
        json!({ "role": message.role.as_str(), "parts": parts })
    });
    json!({
        "system": request.system.as_deref(),
        "messages": messages.collect::<Vec<_>>(),
        "schema": request.schema.as_deref(),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "seed": request.seed,
    })
}

fn command_json(command: &CommandCall) -> Value {
    json!({ "platform": command.platform, "command": command.command, "args": command.args })
}

/// Takes the place of a model.
struct Double {
    model: Option<Arc<dyn LanguageModel>>,
    rehearsal: Arc<Rehearsal>,
}

impl LanguageModel for Double {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move {
            let mut files = request.messages.iter().flat_map(Message::media);
            if let Some(media) = files.find(|media| !self.takes(media.kind)) {
                let detail = format!("it takes no files of the kind `{}`", media.kind);
                return Err(LlmError::new(ErrorClass::Unsupported, self.provider(), detail));
            }
            self.rehearsal.play(request, self.provider())
        })
    }

    fn provider(&self) -> &str {
        self.model.as_ref().map_or("none", |model| model.provider())
    }

    fn own_model(&self) -> Option<&str> {
        self.model.as_ref().and_then(|model| model.own_model())
    }

    fn takes(&self, kind: MediaKind) -> bool {
        self.model.as_ref().is_none_or(|model| model.takes(kind))
    }
}

impl Ledger for Rehearsal {
    fn reserve<'a>(&'a self, call: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved> {
        let asking = Call {
            narrative: call.narrative.to_owned(),
            act: call.act.to_owned(),
            step: call.step.to_owned(),
            provider: call.provider.to_owned(),
            model: call.model.map(str::to_owned),
            input_tokens: call.input_tokens,
            max_output_tokens: call.max_output_tokens,
        };
        self.notes().asking.insert(call.prompt_hash.to_owned(), asking);
        Box::pin(async { Ok(Reserved::Granted(Ticket(0))) })
    }

    fn fail<'a>(&'a self, _: Ticket, _: &'a LlmError) -> PortFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Audience for Rehearsal {
    fn begins(&self, step: &str, act: &str) {
        self.notes().begun.insert(step.to_owned(), act.to_owned());
    }

    fn ended(&self, step: &str, record: &ActRecord, _: bool) {
        self.notes().ended.push((step.to_owned(), record.clone()));
    }
}

impl CommandRunner for Rehearsal {
    fn run<'a>(&'a self, call: &'a CommandCall) -> PortFuture<'a, Result<Value, PortError>> {
        let mut notes = self.notes();
        notes.commands.push(call.clone());
        let step = call.key.rsplit_once("/input-").map_or("", |(step, _)| step);
        let act = notes.begun.get(step).cloned().unwrap_or_default();
        let parts: Vec<&[String]> = self
            .acts
            .iter()
            .filter(|((_, name), _)| *name == act)
            .flat_map(|(_, known)| known.parts.iter().map(Vec::as_slice))
            .collect();
        let answer = if parts.is_empty() {
            Value::from(format!("(answer of command `{}`)", call.command))
        } else {
            placeholder::of_parts(&parts)
        };
        Box::pin(async { Ok(Ok(answer)) })
    }
}

impl MediaFetcher for Rehearsal {
    fn fetch<'a>(&'a self, url: &'a str, kind: Option<MediaKind>, mime: Option<&'a str>) -> PortFuture<'a, Media> {
        let media = Media {
            kind: kind.unwrap_or(MediaKind::Image),
            mime: mime.unwrap_or("application/octet-stream").to_owned(),
            filename: Some(url.to_owned()),
            bytes: Arc::from([]),
        };
        Box::pin(async { Ok(media) })
    }
}

/// A state that is read, and a placeholder for what is not in it.
pub(super) struct RehearsedState<'a>(pub(super) &'a dyn StateReader);

impl StateReader for RehearsedState<'_> {
    fn read<'a>(&'a self, keys: &'a [String]) -> PortFuture<'a, BTreeMap<String, Value>> {
        Box::pin(async move {
            let mut known = self.0.read(keys).await?;
            for key in keys {
                known
                    .entry(key.clone())
                    .or_insert_with(|| Value::from(format!("(state `{key}`)")));
            }
            Ok(known)
        })
    }
}

/// Rows where no database is at hand.
impl TableReader for Rehearsal {
    fn read<'a>(&'a self, query: &'a TableQuery, _: &'a str) -> PortFuture<'a, Option<Vec<Row>>> {
        let mut notes = self.notes();
        if !notes.invented.contains(&query.table) {
            notes.invented.push(query.table.clone());
        }
        let row: Row = if query.columns.is_empty() {
            Row::from_iter([("columns".to_owned(), Value::from("(all of them)"))])
        } else {
            let cell = |column: &String| (column.clone(), Value::from(format!("({column})")));
            query.columns.iter().map(cell).collect()
        };
        Box::pin(async { Ok::<_, PortError>(Some(vec![row])) })
    }
}
