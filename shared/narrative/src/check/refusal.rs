//! Why there is no narrative.

use super::Diagnostic;

/// Why there is no narrative.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NarrativeError {
    /// The document says something that cannot be played.
    #[error("{}", lines(diagnostics))]
    Invalid {
        /// Every mistake.
        diagnostics: Vec<Diagnostic>,
    },
    /// The file has no narrative of this name.
    #[error("`{path}` has no narrative `{name}`; {suggestion}")]
    UnknownNarrative {
        /// The file.
        path: String,
        /// The name that was asked for.
        name: String,
        /// The nearest name, or all of them.
        suggestion: String,
    },
    /// The file has several narratives, and none was named.
    #[error("`{path}` has several narratives: name one of {names}")]
    Unnamed {
        /// The file.
        path: String,
        /// Their names.
        names: String,
    },
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
