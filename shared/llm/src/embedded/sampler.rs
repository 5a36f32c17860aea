//! The choice of the next token.

use std::hash::{BuildHasher as _, RandomState};

use candle_core::Tensor;
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::utils::apply_repeat_penalty;
use toktrie::SimpleVob;

/// A model of this size repeats itself to the end of its limit without a penalty.
const REPETITION_PENALTY: f32 = 1.15;

/// Tokens back that count as repeated.
const REPETITION_WINDOW: usize = 64;

/// What the tail of a small model's distribution proposes is noise.
const TOP_K: usize = 40;

/// For requests that name none.
const DEFAULT_TOP_P: f32 = 0.9;

/// For requests that name none: enough for different posts about one topic, too little for invented words.
const DEFAULT_TEMPERATURE: f32 = 0.5;

pub(super) struct Sampler {
    dice: LogitsProcessor,
}

impl Sampler {
    /// The same `seed` and `temperature` give the same text on the same kind of processor; temperature 0 always does.
    pub(super) fn new(temperature: Option<f32>, top_p: Option<f32>, seed: Option<u64>) -> Self {
        let temperature = f64::from(temperature.unwrap_or(DEFAULT_TEMPERATURE));
        let sampling = if temperature > 0.0 {
            Sampling::TopKThenTopP {
                k: TOP_K,
                p: f64::from(top_p.unwrap_or(DEFAULT_TOP_P)),
                temperature,
            }
        } else {
            Sampling::ArgMax
        };
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        Self {
            dice: LogitsProcessor::from_sampling(seed, sampling),
        }
    }

    /// One of the `allowed` tokens, given what was `said` so far.
    pub(super) fn choose(&mut self, logits: &Tensor, said: &[u32], allowed: &SimpleVob) -> candle_core::Result<u32> {
        let recent = &said[said.len().saturating_sub(REPETITION_WINDOW)..];
        let logits = apply_repeat_penalty(logits, REPETITION_PENALTY, recent)?;
        let mut bias = vec![f32::NEG_INFINITY; logits.elem_count()];
        allowed.apply_to(&mut bias);
        let bias = Tensor::from_vec(bias, logits.shape(), logits.device())?;
        self.dice.sample(&(logits + bias)?)
    }
}
