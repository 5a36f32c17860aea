//! The template language, set up so that a text can do nothing but become another text.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

/// Steps that one text may take: some milliseconds, and no loop for ever.
const FUEL: u64 = 200_000;

/// The longest text that may come out. A prompt of a megabyte is a mistake of its author, or an attack.
pub(super) const LONGEST: usize = 8 * 1024 * 1024;

/// The filters and tests of the language, strict, without escaping, without its functions.
pub(super) static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    // Errors know their places only so, and release builds would leave them out.
    engine.set_debug(true);
    engine.set_formatter(write_plain);
    let functions: Vec<String> = engine.globals().map(|(name, _)| name.to_owned()).collect();
    for function in functions {
        engine.remove_global(&function);
    }
    engine
});

/// Writes a value as a person would: nothing for null, lists and objects as JSON, the rest as it is.
fn write_plain(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    let is_composed = value.as_object().is_some_and(|object| !object.is::<super::ReplyText>())
        && matches!(
            value.kind(),
            minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Map
        );
    if is_composed {
        let json =
            serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
        return out.write_str(&json).map_err(Error::from);
    }
    minijinja::escape_formatter(out, state, value)
}

/// Whether the language has a filter of this name.
pub(super) fn has_filter(name: &str) -> bool {
    !is_unknown(&format!("1|{name}"), ErrorKind::UnknownFilter)
}

/// Whether the language has a test of this name.
pub(super) fn has_test(name: &str) -> bool {
    !is_unknown(&format!("1 is {name}"), ErrorKind::UnknownTest)
}

/// The engine has no list of what it knows, but says so when it does not.
fn is_unknown(expression: &str, kind: ErrorKind) -> bool {
    let evaluated = ENGINE
        .compile_expression(expression)
        .and_then(|expression| expression.eval(minijinja::context! {}));
    evaluated.is_err_and(|error| error.kind() == kind)
}

/// What is wrong with a template, in one sentence.
pub(super) fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError => format!("this is not a template: {detail}"),
        ErrorKind::OutOfFuel => "the text takes too many steps to fill in; let it loop over less".to_owned(),
        ErrorKind::UndefinedError if !detail.is_empty() => detail.to_owned(),
        kind if detail.is_empty() => kind.to_string(),
        kind => format!("{kind}: {detail}"),
    }
}
