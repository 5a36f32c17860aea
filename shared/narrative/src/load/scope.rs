//! Which names an act's texts may use.

use toml::Spanned;

use super::{NarrativeError, Source, acts::PreparedText, schemas, suggestion};
use crate::{
    narrative::{Act, Work},
    template::{Name, Placeholder, RESERVED, Selection, Template},
};

/// What is known when an act is played.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) source: Source<'a>,
    /// The acts before, oldest first.
    pub(super) earlier: &'a [Act],
    /// All acts of the narrative, in their order.
    pub(super) toc: &'a [Spanned<String>],
}

impl Scope<'_> {
    /// The template, if every name in it stands for something.
    pub(super) fn check(&self, text: &PreparedText) -> Result<Template, NarrativeError> {
        for placeholder in text.template.placeholders() {
            self.check_name(&placeholder.name)
                .map_err(|detail| self.refuse(text, placeholder, detail))?;
        }
        Ok(text.template.clone())
    }

    fn refuse(&self, text: &PreparedText, placeholder: &Placeholder, detail: String) -> NarrativeError {
        self.source.refuse_inside(&text.written, placeholder.offset, detail)
    }

    fn check_name(&self, name: &Name) -> Result<(), String> {
        match name {
            Name::Iteration | Name::Iterations | Name::Argument { .. } => Ok(()),
            Name::Previous(selection) => {
                let last = self.earlier.last().ok_or("the first act has no `previous` one")?;
                check_selection(last, selection)
            }
            Name::Act(name, selection) => {
                let act = self
                    .earlier
                    .iter()
                    .find(|act| act.name == *name)
                    .ok_or_else(|| self.unknown(name))?;
                check_selection(act, selection)
            }
        }
    }

    fn unknown(&self, name: &str) -> String {
        if self.toc.iter().any(|act| act.get_ref() == name) {
            return format!("act `{name}` has no reply yet here; it must stand earlier in the `toc`");
        }
        let acts = self.earlier.iter().map(|act| act.name.as_str());
        let known = acts.chain(RESERVED.map(|name| if name == "args" { "args.KEY" } else { name }));
        format!("unknown name `{name}`{}", suggestion(name, known))
    }
}

fn check_selection(act: &Act, selection: &Selection) -> Result<(), String> {
    let Selection::Json(path) = selection else {
        return Ok(());
    };
    let name = &act.name;
    let schema = match &act.work {
        Work::Ask(question) => question.schema.as_deref(),
        Work::Compose(_) | Work::Fetch(_) => None,
    };
    let Some(schema) = schema else {
        return Err(format!(
            "the reply of act `{name}` is not JSON; give the act a `schema`, or write `{{{{{name}}}}}`"
        ));
    };
    schemas::follow(schema, path).map_err(|(step, known)| {
        format!(
            "the schema of act `{name}` has no `{step}` there{}",
            suggestion(step, known.into_iter())
        )
    })
}
