//! Which names a text uses, and whether they stand for something.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use botticelli_toml_document::suggestion;
use serde_json::Value;

use super::{
    Expression, SyntaxError, Template,
    engine::{ENGINE, explain, has_filter, has_test},
    tokens::{Token, TokenKind},
    translation::{Translation, translate, translate_expression},
};

/// The names that mean something of their own, so no act may have them.
pub(crate) const RESERVED: [&str; 12] = [
    "previous",
    "iteration",
    "iterations",
    "repetition",
    "repetitions",
    "args",
    "acts",
    "env",
    "state",
    "loop",
    "true",
    "false",
];

/// What is known where a text stands.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    /// The acts before, oldest first.
    pub(crate) acts: Vec<KnownAct<'a>>,
    /// The acts beside and behind.
    pub(crate) later: BTreeSet<&'a str>,
    /// The aliases of tables that have been read by then.
    pub(crate) tables: BTreeSet<&'a str>,
    /// The variables of the environment that may be used; `None` when that is not known here.
    pub(crate) environment: Option<&'a BTreeMap<String, Option<String>>>,
    /// The acts whose replies must be JSON, because a text asks for a part of them.
    pub(crate) must_be_json: RefCell<BTreeSet<String>>,
    /// The parts of replies that texts ask for, by act.
    pub(crate) parts: RefCell<BTreeSet<(String, Vec<String>)>>,
    /// What is fine and worth a word all the same.
    pub(crate) notes: RefCell<Vec<(Range<usize>, String)>>,
}

/// An act as a text behind it knows it.
#[derive(Debug, Clone)]
pub(crate) struct KnownAct<'a> {
    pub(crate) name: &'a str,
    pub(crate) reply: KnownReply,
}

/// What is known of a reply.
#[derive(Debug, Clone)]
pub(crate) enum KnownReply {
    /// Text, and never anything else.
    Text,
    /// Whatever the model says; it can be asked for JSON.
    Open,
    /// JSON of unknown shape.
    Json,
    /// JSON of this shape.
    Schema(Arc<Value>),
}

/// A name in a text, with the steps behind it.
struct Use {
    head: String,
    path: Vec<String>,
    range: Range<usize>,
    /// Whether the text says what to do where it stands for nothing.
    has_default: bool,
}

impl Known<'_> {
    /// Reads `text`, and says everything that is wrong with it.
    pub(crate) fn template(&self, text: &str) -> Result<Template, Vec<SyntaxError>> {
        let translation = translate(text, &|name| self.is_act(name)).map_err(|error| vec![error])?;
        if !translation.has_code {
            return Ok(Template::literal(text));
        }
        let names = match ENGINE.template_from_named_str("text", &translation.jinja) {
            Ok(template) => template.undeclared_variables(true),
            Err(error) => return Err(vec![broken(text, &translation, &error)]),
        };
        self.resolve(text, &translation, &names.into_iter().collect())
            .map(|template| self.expanded(template))
    }

    /// Reads `text` as a condition.
    pub(crate) fn expression(&self, text: &str) -> Result<Expression, Vec<SyntaxError>> {
        // Upstream's readers would write the braces of a text.
        let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let bare = inner.unwrap_or(text);
        let shift = bare.as_ptr() as usize - text.as_ptr() as usize;
        let shifted = |mut error: SyntaxError| {
            error.range = error.range.start + shift..error.range.end + shift;
            error
        };
        let translation = translate_expression(bare, &|name| self.is_act(name));
        let names = match ENGINE.compile_expression(&translation.jinja) {
            Ok(expression) => expression.undeclared_variables(true),
            Err(error) => return Err(vec![shifted(broken(bare, &translation, &error))]),
        };
        self.resolve(bare, &translation, &names.into_iter().collect())
            .and_then(
                |template| match template.heads.iter().find(|head| self.is_short(head)) {
                    Some(head) => Err(vec![SyntaxError {
                        range: 0..bare.len(),
                        detail: self.unknown(head),
                    }]),
                    None => Ok(Expression(template)),
                },
            )
            .map_err(|errors| errors.into_iter().map(shifted).collect())
    }
}

fn broken(text: &str, translation: &Translation, error: &minijinja::Error) -> SyntaxError {
    let range = error.range().map_or(0..0, |range| translation.origin(&range));
    let mut detail = explain(error);
    let line = text[..range.start.min(text.len())].rfind("args.").map(|at| &text[at..]);
    if line.is_some_and(|code| code.split("}}").next().is_some_and(|code| code.contains('|'))) {
        detail.push_str("; a text for want of an argument is written `{{ args.KEY | default(\"…\") }}`");
    }
    SyntaxError { range, detail }
}

impl Known<'_> {
    fn is_act(&self, name: &str) -> bool {
        self.acts.iter().any(|act| act.name == name) || self.later.contains(name)
    }

    fn resolve(
        &self,
        text: &str,
        translation: &Translation,
        names: &BTreeSet<String>,
    ) -> Result<Template, Vec<SyntaxError>> {
        let mut errors = unknown_words(text, &translation.code);
        let mut template = Template {
            jinja: Some(Arc::from(translation.jinja.as_str())),
            ..Template::literal(text)
        };
        for found in uses(text, translation, names) {
            if let Err(detail) = self.check(&found) {
                errors.push(SyntaxError {
                    range: found.range.clone(),
                    detail,
                });
            }
            match (found.head.as_str(), found.path.first()) {
                ("args", Some(key)) if !found.has_default => drop(template.required_arguments.insert(key.clone())),
                ("state", Some(key)) => drop(template.state_keys.insert(key.clone())),
                _ => {}
            }
            template.heads.insert(found.head);
        }
        errors.sort_by_key(|error| error.range.start);
        if errors.is_empty() { Ok(template) } else { Err(errors) }
    }

    /// The template with the names of acts bound to the shorthands that it uses.
    fn expanded(&self, mut template: Template) -> Template {
        let short: Vec<(String, String)> = template
            .heads
            .iter()
            .filter(|head| self.is_short(head))
            .filter_map(|head| Some((head.clone(), self.by_ending(head)?.name.to_owned())))
            .collect();
        for (head, act) in short {
            let set = format!("{{% set {head} = {act} %}}");
            if let Some(jinja) = &template.jinja {
                template.jinja = Some(Arc::from(format!("{set}{jinja}")));
            }
            template.heads.remove(&head);
            template.heads.insert(act);
        }
        template
    }

    fn is_short(&self, head: &str) -> bool {
        !self.is_act(head) && self.by_ending(head).is_some()
    }

    /// The only act before whose name ends in `_` and `name`.
    ///
    /// Acts that several narratives share cannot name each one's own first act: upstream's `critique` asks for `generate`, and
    /// stands behind `feature_generate` in one narrative and `tutorial_generate` in another.
    fn by_ending(&self, name: &str) -> Option<&KnownAct<'_>> {
        if RESERVED.contains(&name) || self.tables.contains(name) {
            return None;
        }
        let ending = format!("_{name}");
        let mut found = self.acts.iter().filter(|act| act.name.ends_with(&ending));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn check(&self, found: &Use) -> Result<(), String> {
        let Use { head, path, range, .. } = found;
        if let Some(act) = self.acts.iter().rev().find(|act| act.name == head) {
            return self.check_reply(act, path);
        }
        match (head.as_str(), path.as_slice()) {
            ("previous", path) => {
                let last = self.acts.last().ok_or("the first act has no `previous` one")?;
                self.check_reply(last, path)
            }
            ("iteration" | "iterations" | "repetition" | "repetitions", []) => Ok(()),
            ("iteration" | "iterations" | "repetition" | "repetitions", _) => {
                Err(format!("`{head}` is a number; nothing may follow it"))
            }
            ("args", []) => Err("`args` wants the argument's name: write `args.KEY`".to_owned()),
            ("state", []) => Err("`state` wants a key: write `state:KEY`".to_owned()),
            ("args" | "state", _) => Ok(()),
            ("env", []) => Err("`env` wants a variable: write `env:VAR`".to_owned()),
            ("env", [variable, ..]) => self.check_variable(variable, range),
            ("acts", []) => Err("`acts` wants an act's name: write `acts[\"NAME\"]`".to_owned()),
            ("acts", [name, path @ ..]) => match self.acts.iter().find(|act| act.name == name) {
                Some(act) => self.check_reply(act, path),
                None => Err(self.unknown(name)),
            },
            (name, _) if self.tables.contains(name) => Ok(()),
            (name, path) => match self.by_ending(name) {
                Some(act) => {
                    let note = format!("there is no act `{name}` here; it is taken to mean `{}`", act.name);
                    self.notes.borrow_mut().push((range.clone(), note));
                    self.check_reply(act, path)
                }
                None => Err(self.unknown(name)),
            },
        }
    }

    fn check_variable(&self, variable: &str, range: &Range<usize>) -> Result<(), String> {
        let Some(environment) = self.environment else {
            return Ok(());
        };
        match environment.get(variable) {
            Some(Some(_)) => Ok(()),
            Some(None) => {
                let note = format!("the variable `{variable}` is not set in this environment");
                self.notes.borrow_mut().push((range.clone(), note));
                Ok(())
            }
            None => Err(format!(
                "narratives may not use the variable `{variable}` of the environment; name it in `[narratives] env` of the settings"
            )),
        }
    }

    fn unknown(&self, name: &str) -> String {
        if self.later.contains(name) {
            return format!("act `{name}` has no reply yet here; it must stand earlier in the `toc`");
        }
        let acts = self.acts.iter().map(|act| act.name);
        let known = acts.chain(self.tables.iter().copied()).chain([
            "previous",
            "iteration",
            "iterations",
            "args.KEY",
            "env:VAR",
            "state:KEY",
        ]);
        format!("unknown name `{name}`; {}", suggestion(name, known))
    }

    fn check_reply(&self, act: &KnownAct<'_>, path: &[String]) -> Result<(), String> {
        let name = act.name;
        let Some(first) = path.first() else { return Ok(()) };
        let path = if first == "json" { &path[1..] } else { path };
        self.parts.borrow_mut().insert((name.to_owned(), path.to_vec()));
        match &act.reply {
            KnownReply::Text => Err(format!(
                "the reply of act `{name}` is text, and has no parts; write `{{{{ {name} }}}}`"
            )),
            KnownReply::Open => {
                self.must_be_json.borrow_mut().insert(name.to_owned());
                Ok(())
            }
            KnownReply::Json => Ok(()),
            KnownReply::Schema(_) if path.is_empty() || (first == "text" && path.len() == 1) => Ok(()),
            KnownReply::Schema(schema) => follow(schema, path).map_err(|(step, known)| {
                let way_out = suggestion(step, known.iter().copied());
                format!("the schema of act `{name}` has no `{step}` there; {way_out}")
            }),
        }
    }
}

/// Follows `path` through a schema as far as the schema says something.
///
/// # Errors
///
/// The first step that no reply can have, and the names that could stand there.
fn follow<'a>(schema: &'a Value, path: &'a [String]) -> Result<(), (&'a str, Vec<&'a str>)> {
    let Some((step, rest)) = path.split_first() else {
        return Ok(());
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let Some(property) = properties.get(step) else {
            return Err((step, properties.keys().map(String::as_str).collect()));
        };
        return follow(property, rest);
    }
    if let Some(elements) = schema.get("items") {
        let is_index = step.parse::<usize>().is_ok();
        return if is_index {
            follow(elements, rest)
        } else {
            Err((step, Vec::new()))
        };
    }
    let scalar = schema.get("type").and_then(Value::as_str);
    if matches!(scalar, Some("string" | "integer" | "number" | "boolean" | "null")) {
        return Err((step, Vec::new()));
    }
    Ok(())
}

/// The names that a text uses and does not bind itself, each once for each way of using it.
fn uses(text: &str, translation: &Translation, names: &BTreeSet<String>) -> Vec<Use> {
    let heads: BTreeSet<&str> = names
        .iter()
        .map(|name| name.split('.').next().unwrap_or_default())
        .collect();
    let word = |token: &Token| &text[token.range.clone()];
    let code = &translation.code;
    let mut found: Vec<Use> = translation
        .scoped
        .iter()
        .map(|scoped| Use {
            head: scoped.scope.to_owned(),
            path: vec![scoped.key.clone()],
            range: scoped.range.clone(),
            has_default: false,
        })
        .collect();
    let mut index = 0;
    while let Some(token) = code.get(index) {
        let before = index.checked_sub(1).and_then(|at| code.get(at)).map(word);
        let is_head =
            token.kind == TokenKind::Name && heads.contains(word(token)) && !matches!(before, Some("." | "|" | "is"));
        index += 1;
        if !is_head {
            continue;
        }
        let head = word(token).to_owned();
        let mut path = Vec::new();
        let mut end = token.range.end;
        while let Some((step, next)) = step(text, code, index) {
            path.push(step);
            index = next;
            end = code[next - 1].range.end;
        }
        let has_default = match (code.get(index).map(word), code.get(index + 1).map(word)) {
            (Some("|"), Some("default" | "d")) | (Some("is"), Some("defined" | "undefined")) => true,
            (Some("is"), Some("not")) => matches!(code.get(index + 2).map(word), Some("defined" | "undefined")),
            _ => false,
        };
        found.push(Use {
            head,
            path,
            range: token.range.start..end,
            has_default,
        });
    }
    // A name with a way out in one place is guarded in the others, too: `{% if args.x is defined %}{{ args.x }}`.
    let guarded: BTreeSet<(String, Vec<String>)> = found
        .iter()
        .filter(|found| found.has_default)
        .map(|found| (found.head.clone(), found.path.clone()))
        .collect();
    for found in &mut found {
        found.has_default |= guarded.contains(&(found.head.clone(), found.path.clone()));
    }
    found
}

/// The step `.name`, `.0`, `["name"]` or `[0]` at the word `index`, and the word behind it.
fn step(text: &str, code: &[Token], index: usize) -> Option<(String, usize)> {
    let word = |at: usize| code.get(at).map(|token| &text[token.range.clone()]);
    let next = code.get(index + 1)?;
    match word(index)? {
        "." if matches!(next.kind, TokenKind::Name | TokenKind::Number) => {
            let is_call = word(index + 2) == Some("(");
            (!is_call).then(|| (text[next.range.clone()].to_owned(), index + 2))
        }
        "[" if word(index + 2) == Some("]") => match next.kind {
            TokenKind::Text => {
                let quoted = &text[next.range.clone()];
                Some((quoted[1..quoted.len() - 1].to_owned(), index + 3))
            }
            TokenKind::Number => Some((text[next.range.clone()].to_owned(), index + 3)),
            TokenKind::Name | TokenKind::Sign => None,
        },
        _ => None,
    }
}

/// Filters and tests that the language does not have.
fn unknown_words(text: &str, code: &[Token]) -> Vec<SyntaxError> {
    let word = |token: &Token| &text[token.range.clone()];
    let mut errors = Vec::new();
    for (index, token) in code
        .iter()
        .enumerate()
        .filter(|(_, token)| token.kind == TokenKind::Name)
    {
        let before = |back: usize| index.checked_sub(back).and_then(|at| code.get(at)).map(word);
        let name = word(token);
        let detail = match (before(2), before(1)) {
            (_, Some("|")) if !has_filter(name) => format!("unknown filter `{name}`"),
            (_, Some("is")) if name != "not" && !has_test(name) => format!("unknown test `{name}`"),
            (Some("is"), Some("not")) if !has_test(name) => format!("unknown test `{name}`"),
            _ => continue,
        };
        errors.push(SyntaxError {
            range: token.range.clone(),
            detail: format!("{detail}; the filters and tests are those of Jinja"),
        });
    }
    errors
}
