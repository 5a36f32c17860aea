//! Narratives, put together from their acts.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use botticelli_toml_document::suggestion;
use toml::Spanned;

use super::{
    acts::{self, PreparedAct},
    asking::Asking,
    completion::Completer,
    library::Library,
    page::Page,
    shelf::Shelf,
    tables::identifier,
};
use crate::{
    document::{ActEntry, Document, Entries, Head, Stage, Toc},
    narrative::{Narrative, Target},
};

/// How many narratives may stand in each other.
const DEEPEST: usize = 8;

/// How many acts one run of a narrative may play.
const LONGEST: u64 = 10_000;

/// The narratives of a file, by name.
pub(super) type Narratives = Vec<(String, Arc<Narrative>)>;

/// Checks everything in the document and builds its narratives, in the order in which they are written. One in which
/// something is wrong is not among them.
pub(super) fn build(shelf: &Shelf<'_>, document: &Document, library: &Library<'_>) -> Narratives {
    let page = shelf.page;
    let shared = prepare(shelf, &document.acts);
    let mut drafts = Vec::new();
    for (name, head) in &document.narratives {
        drafts.push(Draft {
            name,
            head,
            toc: toc(page, document, name, head),
            own: prepare(shelf, &head.acts),
        });
    }
    if document.defaults.0.len() > 1 {
        let (name, _) = &document.defaults.0[1];
        page.refuse(
            &name.span(),
            "config",
            "the file has several tables in `[config]`",
            "keep one, and write what differs in the acts",
        );
    }
    let mut builder = Builder {
        shelf,
        document,
        library,
        drafts: &drafts,
        shared: &shared,
        built: HashMap::new(),
        path: Vec::new(),
        played: RefCell::default(),
    };
    let mut narratives = Vec::new();
    for draft in &drafts {
        check_name(page, document, draft);
        if draft.head.narrative.is_some() {
            builder.check_reference(draft);
        } else if let Some(built) = builder.build(draft, draft.name) {
            narratives.push((draft.name.get_ref().clone(), built.narrative));
        }
    }
    builder.warn_of_unplayed();
    shelf.warn_of_unused();
    if document.narratives.is_empty() && !page.has_left_out("narrative") && !page.has_left_out("narratives") {
        page.refuse(
            &(0..0),
            "missing-key",
            "the file has no narrative",
            "write `[narrative]` with `name`, or `[narrative.NAME]` for each of several",
        );
    }
    narratives
}

type Acts<'a> = HashMap<&'a str, Option<PreparedAct<'a>>>;

/// A narrative before its acts are looked up.
struct Draft<'a> {
    name: &'a Spanned<String>,
    head: &'a Head,
    toc: &'a [Stage],
    own: Acts<'a>,
}

fn prepare<'a>(shelf: &'a Shelf<'a>, entries: &'a Entries<Spanned<ActEntry>>) -> Acts<'a> {
    let prepared = entries
        .0
        .iter()
        .map(|(name, entry)| (name.get_ref().as_str(), acts::prepare(shelf, name, entry)));
    prepared.collect()
}

/// The narrative's own `toc`, or the file's where the file is one narrative.
fn toc<'a>(page: &Page<'_>, document: &'a Document, name: &Spanned<String>, head: &'a Head) -> &'a [Stage] {
    if head.narrative.is_some() {
        return &[];
    }
    let toc: Option<&Spanned<Toc>> = match (&head.toc, &document.toc) {
        (Some(own), Some(second)) if document.is_single => {
            page.error(&second.span(), "toc", "the file has two `toc`; keep one");
            Some(own)
        }
        (own, Some(top)) if !document.is_single => {
            let help = "write one in each `[narrative.NAME]`";
            page.refuse(
                &top.span(),
                "toc",
                "a file of several narratives has no `toc` of its own",
                help,
            );
            own.as_ref()
        }
        (own, top) => own.as_ref().or(top.as_ref()),
    };
    match toc {
        Some(toc) if toc.get_ref().0.iter().all(|stage| stage.0.is_empty()) => {
            let message = format!("the `toc` of narrative `{name}` is empty; name its acts in order");
            page.error(&toc.span(), "toc", message);
            &[]
        }
        Some(toc) => &toc.get_ref().0,
        None => {
            let path = if document.is_single { "toc" } else { "narrative" };
            if !page.has_left_out(path) {
                let message = format!("narrative `{name}` has no `toc`; name its acts in order");
                page.error(&name.span(), "toc", message);
            }
            &[]
        }
    }
}

fn check_name(page: &Page<'_>, document: &Document, draft: &Draft<'_>) {
    let name = draft.name;
    if document.is_single && draft.head.name.is_none() && name.get_ref().is_empty() {
        if !page.has_left_out("narrative.name") {
            page.error(
                &name.span(),
                "missing-key",
                "the narrative has no `name`; write one in `[narrative]`",
            );
        }
        return;
    }
    if name.get_ref().trim().is_empty() || name.get_ref().contains(char::is_control) {
        page.error(
            &name.span(),
            "not-a-name",
            "the narrative's name is blank or has control characters",
        );
    }
    if let Some(own) = draft.head.name.as_ref().filter(|own| *own != name) {
        let message = format!("narrative `{name}` calls itself `{own}`; use one name, or leave `name` out");
        page.error(&own.span(), "not-a-name", message);
    }
}

struct Builder<'a> {
    shelf: &'a Shelf<'a>,
    document: &'a Document,
    library: &'a Library<'a>,
    drafts: &'a [Draft<'a>],
    shared: &'a Acts<'a>,
    built: HashMap<&'a str, Option<Built>>,
    /// The narratives that are being built, outermost first.
    path: Vec<&'a str>,
    /// The acts that a narrative plays: its own by narrative and act, shared ones by act.
    played: RefCell<BTreeSet<(Option<&'a str>, &'a str)>>,
}

/// A narrative, and how many stand in each other in it, itself included.
#[derive(Clone)]
pub(super) struct Built {
    pub(super) narrative: Arc<Narrative>,
    pub(super) depth: usize,
}

impl<'a> Builder<'a> {
    /// Builds a narrative that is asked for at `place`.
    fn build(&mut self, draft: &'a Draft<'a>, place: &Spanned<String>) -> Option<Built> {
        let page = self.shelf.page;
        let name = draft.name.get_ref().as_str();
        if let Some(built) = self.built.get(name) {
            return built.clone();
        }
        if let Some(start) = self.path.iter().position(|outer| *outer == name) {
            let cycle: Vec<String> = self.path[start..]
                .iter()
                .chain([&name])
                .map(|name| format!("`{name}`"))
                .collect();
            let message = format!("narratives compose each other in a circle: {}", cycle.join(" -> "));
            page.error(&place.span(), "circle", message);
            return None;
        }
        if self.path.len() == DEEPEST {
            self.too_deep(place);
            return None;
        }
        self.path.push(name);
        let built = self.assemble(draft);
        self.path.pop();
        self.built.insert(name, built.clone());
        built
    }

    fn assemble(&mut self, draft: &'a Draft<'a>) -> Option<Built> {
        let Draft { name, head, toc, .. } = draft;
        let page = self.shelf.page;
        let file = self.document.defaults.0.first();
        let wider = Asking::of_narrative(head).or(file.map_or_else(Asking::default, |(_, file)| Asking::of_file(file)));
        let mut completer = Completer::new(self.shelf, wider, toc, head.target.is_some() || head.template.is_some());
        let mut depth = 1;
        let mut is_whole = !toc.is_empty();
        let mut seen = BTreeSet::new();
        for (number, stage) in toc.iter().enumerate() {
            if stage.0.is_empty() {
                page.error(
                    &name.span(),
                    "toc",
                    format!("the `toc` of narrative `{name}` has an empty list in it"),
                );
            }
            completer.begin(number);
            for entry in &stage.0 {
                if !seen.insert(entry.get_ref().as_str()) {
                    let message =
                        format!("act `{entry}` stands twice in the `toc`; give the second one a name of its own");
                    page.error(&entry.span(), "toc", message);
                    is_whole = false;
                    continue;
                }
                let act = self.act(draft, entry).and_then(|prepared| {
                    let mut narratives = |reference: &Spanned<String>| {
                        let child = self.composed(reference)?;
                        depth = depth.max(child.depth + 1);
                        Some(child.narrative)
                    };
                    completer.complete(prepared, entry, &mut narratives)
                });
                if act.is_none() {
                    completer.skip(entry.get_ref());
                    is_whole = false;
                }
            }
        }
        if depth > DEEPEST {
            self.too_deep(name);
            return None;
        }
        let target = self.target(head);
        let carousel = head.carousel.as_ref();
        if let Some(until) = carousel.and_then(|carousel| carousel.until.as_ref()) {
            let help = "compose the narrative in an act, and write `[acts.NAME.carousel]` with `until` there";
            page.refuse(&until.span(), "foreign-key", "only an act's carousel has `until`", help);
        }
        let budgets = head
            .budget
            .iter()
            .chain(carousel.and_then(|carousel| carousel.budget.as_ref()));
        let mut narrative = Narrative {
            name: name.get_ref().clone(),
            description: head.description.clone(),
            target,
            stores_output: !head.skip_content_generation,
            budget: page.budget(budgets),
            carousel: carousel.map(|entry| page.carousel(entry)),
            spend: page.spend(head.spend.as_ref()),
            acts: completer.finish(),
            version: String::new(),
        };
        narrative.version = super::completion::version_of_narrative(&narrative);
        let planned = narrative.planned_acts();
        if planned > LONGEST {
            let message =
                format!("one run of narrative `{name}` would play {planned} acts; at most {LONGEST} are allowed");
            page.error(&name.span(), "too-long", message);
        }
        is_whole.then(|| Built {
            narrative: Arc::new(narrative),
            depth,
        })
    }

    fn act(&self, draft: &'a Draft<'a>, entry: &Spanned<String>) -> Option<&'a PreparedAct<'a>> {
        let name = entry.get_ref().as_str();
        let own = draft
            .own
            .get_key_value(name)
            .map(|(key, act)| (Some(draft.name.get_ref().as_str()), key, act));
        let shared = self.shared.get_key_value(name).map(|(key, act)| (None, key, act));
        if let Some((narrative, key, act)) = own.or(shared) {
            self.played.borrow_mut().insert((narrative, key));
            return act.as_ref();
        }
        let page = self.shelf.page;
        if !page.has_left_out_of_act(name) {
            let mut known: Vec<&str> = draft.own.keys().chain(self.shared.keys()).copied().collect();
            known.sort_unstable();
            let help = suggestion(name, known.into_iter());
            page.refuse(&entry.span(), "unknown-act", format!("unknown act `{name}`"), help);
        }
        None
    }

    /// The narrative that is called `reference`: one of this file, by its name or as `narratives.NAME`, or another file, as
    /// `narrative:FILE` or by way of `[narratives.NAME]`.
    fn composed(&mut self, reference: &Spanned<String>) -> Option<Built> {
        let written = reference.get_ref().as_str();
        if let Some(file) = written.strip_prefix("narrative:") {
            return self.library.open(self.shelf.page, reference, file, None);
        }
        let name = written.strip_prefix("narratives.").unwrap_or(written);
        let drafts = self.drafts;
        let Some(draft) = drafts.iter().find(|draft| draft.name.get_ref() == name) else {
            let page = self.shelf.page;
            if !page.has_left_out(&format!("narrative.{name}")) && !page.has_left_out(&format!("narratives.{name}")) {
                let help = suggestion(name, drafts.iter().map(|draft| draft.name.get_ref().as_str()));
                page.refuse(
                    &reference.span(),
                    "unknown-narrative",
                    format!("unknown narrative `{name}`"),
                    help,
                );
            }
            return None;
        };
        match &draft.head.narrative {
            Some(file) => self.library.open(self.shelf.page, file, file.get_ref(), Some(name)),
            None => self.build(draft, reference),
        }
    }

    /// Checks `[narratives.NAME]` with the name of a file.
    fn check_reference(&self, draft: &Draft<'_>) {
        let page = self.shelf.page;
        let Some(file) = &draft.head.narrative else { return };
        if !draft.head.acts.0.is_empty() || draft.head.toc.is_some() {
            let message = format!(
                "narrative `{}` stands in file `{file}`, so it has no acts here",
                draft.name
            );
            page.error(&file.span(), "foreign-key", message);
        }
        self.library
            .open(page, file, file.get_ref(), Some(draft.name.get_ref()));
    }

    fn target(&self, head: &Head) -> Option<Target> {
        let page = self.shelf.page;
        let table = |key: &str, value: &Option<Spanned<String>>| {
            let value = value.as_ref()?;
            if value.get_ref().trim().is_empty() {
                let message = format!("`{key}` is blank; name a table or leave it out");
                page.error(&value.span(), "blank", message);
                return None;
            }
            identifier(page, &format!("`{key}`"), value)
        };
        let template = table("template", &head.template);
        table("target", &head.target)
            .or_else(|| template.clone())
            .map(|table| Target { table, template })
    }

    fn too_deep(&self, place: &Spanned<String>) {
        let message = format!("narratives stand in each other more than {DEEPEST} deep; compose fewer");
        self.shelf.page.error(&place.span(), "too-deep", message);
    }

    fn warn_of_unplayed(&self) {
        let played = self.played.borrow();
        let unplayed = |narrative: Option<&str>, acts: &Entries<Spanned<ActEntry>>| {
            for (name, _) in &acts.0 {
                if !played.contains(&(narrative, name.get_ref().as_str())) {
                    let message = format!("no narrative plays act `{name}`");
                    let help = "name it in a `toc` or leave it out";
                    self.shelf.page.warn(&name.span(), "unused", message, help);
                }
            }
        };
        unplayed(None, &self.document.acts);
        for draft in self.drafts {
            unplayed(Some(draft.name.get_ref()), &draft.head.acts);
        }
    }
}
