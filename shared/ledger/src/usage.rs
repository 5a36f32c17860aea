//! What a call has used.

/// Most of anything that one call can have: 10^15 tokens or micro-dollars, a billion dollars. Totals of thousands of such calls still
/// are numbers of 64 bits.
pub(crate) const MOST: u64 = 1_000_000_000_000_000;

/// What a call has used, as its provider told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Those of the input that the provider read from its cache.
    pub cached_input_tokens: u64,
    /// Those of the input that the provider wrote to its cache.
    pub cache_write_tokens: u64,
    /// Those of the output that were reasoning which nobody sees.
    pub reasoning_tokens: u64,
    /// Whether the provider told nothing and the numbers are guessed.
    pub is_estimated: bool,
}

/// A number of a provider's as it is stored: one that cannot be true counts as [`MOST`], never as little.
pub(crate) fn stored(amount: u64) -> i64 {
    amount.min(MOST).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::stored;

    #[test]
    fn a_number_that_no_call_can_have_is_stored_as_the_most_that_one_can() {
        for (amount, expected) in [
            (0, 0),
            (1, 1),
            (1_000_000_000_000_000, 1_000_000_000_000_000),
            (1_000_000_000_000_001, 1_000_000_000_000_000),
            (i64::MAX.cast_unsigned() + 1, 1_000_000_000_000_000),
            (u64::MAX, 1_000_000_000_000_000),
        ] {
            assert_eq!(stored(amount), expected);
        }
    }
}
