//! The parts of a command's description that only its adapter reads: where arguments go, and what is kept of the answer.

/// Where an argument goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// Into the path, in the place of its name in braces.
    Path,
    /// As [`Place::Path`], with this where it is not given.
    PathOr(&'static str),
    /// Into the query under this name, with this number where it is not given.
    QueryOr(&'static str, i64),
    /// Into the body; a dot in the name leads into an object.
    Body(&'static str),
    /// As [`Place::Body`], a number as a text, because it has up to 64 bits.
    TextInBody(&'static str),
    /// As [`Place::Body`], as the number that the choice stands for, with this number where it is not given.
    CodeOr(&'static str, &'static [(&'static str, i64)], i64),
    /// A number of days, into the body as seconds.
    DaysAsSeconds(&'static str),
    /// A number of seconds from now, into the body as the instant in which they end.
    SecondsAsEnd(&'static str),
    /// Into the header of the audit log.
    Reason,
    /// Not sent: of what the answer lists, only what has this value at the JSON pointer is kept.
    Selects(&'static str),
    /// Read by the adapter, or accepted and not sent.
    Unsent,
}

impl Place {
    pub(crate) fn is_in_body(self) -> bool {
        matches!(
            self,
            Self::Body(_) | Self::TextInBody(_) | Self::CodeOr(..) | Self::DaysAsSeconds(_) | Self::SecondsAsEnd(_)
        )
    }
}

/// What a body holds whatever the arguments are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fixed {
    /// This number.
    Number(i64),
    /// `null`.
    Null,
    /// The object that lets a text ping nobody.
    NoMentions,
}

/// What becomes of the body of the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// These fields of its object.
    Object(&'static [Field]),
    /// These fields of each object in its array.
    List(&'static [Field]),
    /// `{name: [these fields of each object], "count": n}`, from the array at a JSON pointer.
    Counted(&'static str, &'static str, &'static [Field]),
    /// It has none: `{word: is}` and these arguments again.
    Done(&'static str, bool, &'static [&'static str]),
    /// The adapter composes it from several requests.
    Composed,
}

/// A field of a result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The JSON pointer into the object of the answer.
    pub(crate) from: &'static str,
    pub(crate) shown: Shown,
}

/// How a field is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown {
    /// As it is; `null` where it is missing.
    AsIs,
    /// `false` where it is missing.
    Flag,
    /// A number, also out of a text; 0 where it is missing.
    Number,
    /// How many elements the array has.
    Count,
    /// The name of a number.
    Named(&'static [(i64, &'static str)]),
    /// The `id` of each element.
    Ids,
    /// These fields of the object; `null` where it is missing.
    Object(&'static [Field]),
    /// These fields of each element.
    List(&'static [Field]),
    /// The address of a picture, from its hash and the object's `id`, below this folder of the platform's file server.
    Picture(&'static str),
    /// The text behind this one.
    Behind(&'static str),
}

impl Field {
    pub(crate) const fn new(name: &'static str, from: &'static str) -> Self {
        Self::shown(name, from, Shown::AsIs)
    }

    pub(crate) const fn shown(name: &'static str, from: &'static str, shown: Shown) -> Self {
        Self { name, from, shown }
    }
}
