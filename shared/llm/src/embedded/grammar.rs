//! A JSON schema as a grammar: at every step, the tokens that still lead to a valid document.

use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::InferenceCapabilities;
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use serde_json::Value;
use toktrie::TokEnv;

use super::{unavailable, unsupported};
use crate::LlmError;

pub(super) struct Grammars {
    factory: ParserFactory,
}

impl Grammars {
    pub(super) fn new(env: &TokEnv) -> Result<Self, LlmError> {
        let slices = SlicedBiasComputer::json_slices();
        let mut factory = ParserFactory::new(env, InferenceCapabilities::default(), &slices)
            .map_err(|error| unavailable(format!("its grammar engine cannot start ({error})")))?;
        // It would write to standard error by itself.
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory })
    }

    /// A fresh grammar of `schema`, which was found to be a valid schema before.
    ///
    /// # Errors
    ///
    /// [`ErrorClass::Unsupported`](crate::ErrorClass::Unsupported) when it says something that no grammar can say.
    pub(super) fn of(&self, schema: &Value) -> Result<Matcher, LlmError> {
        let mut schema = schema.clone();
        if !schema.is_object() {
            return Err(unsupported(
                "the JSON schema of the reply is not an object; write one with a `type`".to_owned(),
            ));
        }
        // Blanks between the parts are tokens to pay for, and an endless run of them is a document in progress.
        let compact = JsonCompileOptions {
            whitespace_flexible: false,
            ..JsonCompileOptions::default()
        };
        compact.apply_to(&mut schema);
        let parser = self
            .factory
            .create_parser(TopLevelGrammar::from_json_schema(schema))
            .map_err(|error| unsupported(format!(
                "it cannot follow the JSON schema of the reply ({error:#}); write the rule with `type`, `properties`, \
                 `required`, `items`, `enum`, `const`, `pattern` and the limits of lengths and numbers"
            )))?;
        Ok(Matcher::new(Ok(parser)))
    }
}
