//! Narratives, put together from their acts.

use std::{collections::HashMap, sync::Arc};

use toml::Spanned;

use super::{
    NarrativeError, Source,
    acts::{self, PreparedAct, PreparedQuestion, PreparedSource, PreparedText},
    numbers,
    scope::Scope,
    shelf::Shelf,
    suggestion,
};
use crate::{
    document::{ActEntry, Document, Entries, Head, Toc},
    narrative::{Act, Input, InputSource, Narrative, Question, Work},
};

/// How many narratives may stand in each other.
const DEEPEST: usize = 8;

/// How many acts one run of a narrative may play.
const LONGEST: u64 = 10_000;

/// Checks everything in the document and builds its narratives, in the order in which they are written.
pub(super) fn build(source: Source<'_>, document: &Document) -> Result<Vec<(String, Arc<Narrative>)>, NarrativeError> {
    let shelf = Shelf::fill(source, document)?;
    let shared = prepare(source, &shelf, &document.acts)?;
    let mut drafts = Vec::new();
    for (name, head) in &document.narratives {
        let own = prepare(source, &shelf, &head.acts)?;
        drafts.push(Draft {
            name,
            head,
            toc: toc(source, document, name, head)?,
            own,
        });
    }
    let mut builder = Builder {
        source,
        drafts: &drafts,
        shared: &shared,
        built: HashMap::new(),
        path: Vec::new(),
    };
    let mut narratives = Vec::new();
    for draft in &drafts {
        check_name(source, document, draft)?;
        narratives.push((
            draft.name.get_ref().clone(),
            builder.build(draft, draft.name)?.narrative,
        ));
    }
    Ok(narratives)
}

type Acts<'a> = HashMap<&'a str, PreparedAct>;

/// A narrative before its acts are looked up.
struct Draft<'a> {
    name: &'a Spanned<String>,
    head: &'a Head,
    toc: &'a [Spanned<String>],
    own: Acts<'a>,
}

fn prepare<'a>(
    source: Source<'_>,
    shelf: &Shelf<'_>,
    entries: &'a Entries<Spanned<ActEntry>>,
) -> Result<Acts<'a>, NarrativeError> {
    let prepared = entries.0.iter().map(|(name, entry)| {
        let act = acts::prepare(source, shelf, name, entry)?;
        Ok((name.get_ref().as_str(), act))
    });
    prepared.collect()
}

/// The narrative's own `toc`, or the file's where the file is one narrative.
fn toc<'a>(
    source: Source<'_>,
    document: &'a Document,
    name: &Spanned<String>,
    head: &'a Head,
) -> Result<&'a [Spanned<String>], NarrativeError> {
    let toc: Option<&Spanned<Toc>> = match (&head.toc, &document.toc) {
        (Some(_), Some(second)) if document.single => {
            return Err(source.refuse(&second.span(), "the file has two `toc`; keep one"));
        }
        (_, Some(top)) if !document.single => {
            let detail = "a file of several narratives has no `toc` of its own; write one in each `[narrative.NAME]`";
            return Err(source.refuse(&top.span(), detail));
        }
        (own, top) => own.as_ref().or(top.as_ref()),
    };
    match toc {
        Some(toc) if toc.get_ref().0.is_empty() => Err(source.refuse(
            &toc.span(),
            format!("the `toc` of narrative `{name}` is empty; name its acts in order"),
        )),
        Some(toc) => Ok(&toc.get_ref().0),
        None => Err(source.refuse(
            &name.span(),
            format!("narrative `{name}` has no `toc`; name its acts in order"),
        )),
    }
}

fn check_name(source: Source<'_>, document: &Document, draft: &Draft<'_>) -> Result<(), NarrativeError> {
    let name = draft.name;
    if document.single && draft.head.name.is_none() {
        return Err(source.refuse(&name.span(), "the narrative has no `name`; write one in `[narrative]`"));
    }
    if name.get_ref().trim().is_empty() || name.get_ref().contains(char::is_control) {
        return Err(source.refuse(&name.span(), "the narrative's name is blank or has control characters"));
    }
    match &draft.head.name {
        Some(own) if own != name => {
            let detail = format!("narrative `{name}` calls itself `{own}`; use one name, or leave `name` out");
            Err(source.refuse(&own.span(), detail))
        }
        _ => Ok(()),
    }
}

struct Builder<'a> {
    source: Source<'a>,
    drafts: &'a [Draft<'a>],
    shared: &'a Acts<'a>,
    built: HashMap<&'a str, Built>,
    /// The narratives that are being built, outermost first.
    path: Vec<&'a str>,
}

#[derive(Clone)]
struct Built {
    narrative: Arc<Narrative>,
    /// How many narratives stand in each other here, itself included.
    depth: usize,
}

impl<'a> Builder<'a> {
    /// Builds a narrative that is asked for at `place`.
    fn build(&mut self, draft: &'a Draft<'a>, place: &Spanned<String>) -> Result<Built, NarrativeError> {
        let name = draft.name.get_ref().as_str();
        if let Some(built) = self.built.get(name) {
            return Ok(built.clone());
        }
        if let Some(start) = self.path.iter().position(|outer| *outer == name) {
            let cycle: Vec<String> = self.path[start..]
                .iter()
                .chain([&name])
                .map(|name| format!("`{name}`"))
                .collect();
            let detail = format!("narratives compose each other in a circle: {}", cycle.join(" -> "));
            return Err(self.source.refuse(&place.span(), detail));
        }
        if self.path.len() == DEEPEST {
            return Err(self.too_deep(place));
        }
        self.path.push(name);
        let built = self.assemble(draft)?;
        self.path.pop();
        self.built.insert(name, built.clone());
        Ok(built)
    }

    fn assemble(&mut self, draft: &'a Draft<'a>) -> Result<Built, NarrativeError> {
        let Draft { name, head, toc, .. } = draft;
        let system = head
            .system
            .as_ref()
            .map(|written| acts::text(self.source, written))
            .transpose()?;
        let defaults = Defaults {
            system,
            model: head.model.as_ref().map(|model| model.get_ref().clone()),
            temperature: head
                .temperature
                .as_ref()
                .map(|number| numbers::temperature(self.source, number))
                .transpose()?,
            max_tokens: head
                .max_tokens
                .as_ref()
                .map(|number| numbers::max_tokens(self.source, number))
                .transpose()?,
        };
        let mut acts: Vec<Act> = Vec::new();
        let mut depth = 1;
        for entry in *toc {
            if acts.iter().any(|act| act.name == *entry.get_ref()) {
                let detail = format!("act `{entry}` stands twice in the `toc`; give the second one a name of its own");
                return Err(self.source.refuse(&entry.span(), detail));
            }
            let work = match self.act(draft, entry)? {
                PreparedAct::Compose(narrative) => {
                    let child = self.composed(narrative)?;
                    depth = depth.max(child.depth + 1);
                    if depth > DEEPEST {
                        return Err(self.too_deep(narrative));
                    }
                    Work::Compose(child.narrative)
                }
                PreparedAct::Fetch(tables) => Work::Fetch(tables.clone()),
                PreparedAct::Ask(question) => {
                    let scope = Scope {
                        source: self.source,
                        earlier: &acts,
                        toc,
                    };
                    Work::Ask(Box::new(defaults.complete(question, scope)?))
                }
            };
            acts.push(Act {
                name: entry.get_ref().clone(),
                work,
            });
        }
        let carousel = head.carousel.as_ref();
        let narrative = Narrative {
            name: name.get_ref().clone(),
            description: head.description.clone(),
            target: self.target(head)?,
            stores_output: !head.skip_content_generation,
            budget: numbers::budget(
                self.source,
                head.budget
                    .iter()
                    .chain(carousel.and_then(|carousel| carousel.budget.as_ref())),
            )?,
            carousel: carousel
                .map(|entry| numbers::carousel(self.source, entry))
                .transpose()?,
            acts,
        };
        let planned = narrative.planned_acts();
        if planned > LONGEST {
            let detail =
                format!("one run of narrative `{name}` would play {planned} acts; at most {LONGEST} are allowed");
            return Err(self.source.refuse(&name.span(), detail));
        }
        Ok(Built {
            narrative: Arc::new(narrative),
            depth,
        })
    }

    fn act(&self, draft: &'a Draft<'a>, entry: &Spanned<String>) -> Result<&'a PreparedAct, NarrativeError> {
        let name = entry.get_ref().as_str();
        draft.own.get(name).or_else(|| self.shared.get(name)).ok_or_else(|| {
            let mut known: Vec<&str> = draft.own.keys().chain(self.shared.keys()).copied().collect();
            known.sort_unstable();
            let way_out = suggestion(name, known.into_iter());
            self.source
                .refuse(&entry.span(), format!("unknown act `{name}`{way_out}"))
        })
    }

    fn composed(&mut self, name: &Spanned<String>) -> Result<Built, NarrativeError> {
        let drafts = self.drafts;
        let Some(draft) = drafts.iter().find(|draft| draft.name == name) else {
            let way_out = suggestion(name.get_ref(), drafts.iter().map(|draft| draft.name.get_ref().as_str()));
            return Err(self
                .source
                .refuse(&name.span(), format!("unknown narrative `{name}`{way_out}")));
        };
        self.build(draft, name)
    }

    fn target(&self, head: &Head) -> Result<Option<String>, NarrativeError> {
        for (key, value) in [("target", &head.target), ("template", &head.template)] {
            if let Some(blank) = value.as_ref().filter(|value| value.get_ref().trim().is_empty()) {
                return Err(self
                    .source
                    .refuse(&blank.span(), format!("`{key}` is blank; name a table or leave it out")));
            }
        }
        Ok(head
            .target
            .as_ref()
            .or(head.template.as_ref())
            .map(|target| target.get_ref().clone()))
    }

    fn too_deep(&self, place: &Spanned<String>) -> NarrativeError {
        let detail = format!("narratives stand in each other more than {DEEPEST} deep; compose fewer");
        self.source.refuse(&place.span(), detail)
    }
}

/// What a narrative says for all of its acts.
struct Defaults {
    system: Option<PreparedText>,
    model: Option<String>,
    temperature: Option<f32>,
    max_tokens: Option<u32>,
}

impl Defaults {
    /// The question as this narrative asks it.
    fn complete(&self, question: &PreparedQuestion, scope: Scope<'_>) -> Result<Question, NarrativeError> {
        let inputs = question.inputs.iter().map(|input| {
            let source = match &input.source {
                PreparedSource::Text(text) => InputSource::Text(scope.check(text)?),
                PreparedSource::Table(table) => InputSource::Table(table.clone()),
            };
            Ok(Input {
                source,
                kept: input.kept,
            })
        });
        let system = question.system.as_ref().or(self.system.as_ref());
        Ok(Question {
            inputs: inputs.collect::<Result<_, NarrativeError>>()?,
            system: system.map(|text| scope.check(text)).transpose()?,
            model: question.model.clone().or_else(|| self.model.clone()),
            temperature: question.temperature.or(self.temperature),
            max_tokens: question.max_tokens.or(self.max_tokens),
            schema: question.schema.clone(),
        })
    }
}
