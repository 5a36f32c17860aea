//! Text to tokens and back, from the tables inside the model's file.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::tokenizer::TokenizerFromGguf as _;
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};

/// GGUF's mark for an ordinary token; the others steer the model and are never part of a text.
const NORMAL_TOKEN: i32 = 1;

pub(super) struct Vocabulary {
    tokenizer: Tokenizer,
    env: TokEnv,
    /// Opens a turn of the conversation.
    pub(super) turn_start: u32,
    /// Closes a turn. The model says it when its answer is complete.
    pub(super) turn_end: u32,
    /// What free text may be made of: every ordinary token, and the end.
    pub(super) sayable: SimpleVob,
}

impl Vocabulary {
    pub(super) fn read(content: &Content) -> candle_core::Result<Self> {
        let tokens = strings(content, "tokenizer.ggml.tokens")?;
        let special: Vec<bool> = list(content, "tokenizer.ggml.token_type")?
            .iter()
            .map(|kind| kind.to_i32().map(|kind| kind != NORMAL_TOKEN))
            .collect::<candle_core::Result<_>>()?;
        if special.len() != tokens.len() {
            candle_core::bail!("{} tokens have {} types", tokens.len(), special.len());
        }
        let id_of = |name: &str| match tokens.iter().position(|token| *token == name) {
            Some(index) => token_id(index),
            None => candle_core::bail!("the vocabulary has no token {name}"),
        };
        let turn_start = id_of("<|im_start|>")?;
        let turn_end = id_of("<|im_end|>")?;

        let bytes = byte_alphabet();
        let words: Vec<Vec<u8>> = tokens
            .iter()
            .zip(&special)
            .map(|(token, special)| word(token, *special, &bytes))
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(token_id(words.len())?, turn_end), &words);
        let mut sayable = trie.alloc_token_set();
        for (index, special) in special.iter().enumerate() {
            let id = token_id(index)?;
            if !special || id == turn_end {
                sayable.allow_token(id);
            }
        }
        Ok(Self {
            tokenizer: tokenizer(content)?,
            env: Arc::new(ApproximateTokEnv::new(trie)),
            turn_start,
            turn_end,
            sayable,
        })
    }

    /// The tokens of `text`. The names of special tokens in it are plain text, so that no prompt can forge a turn.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, tokenizers::Error> {
        Ok(self.tokenizer.encode_fast(text, false)?.get_ids().to_vec())
    }

    /// The text of `tokens`. A character that is cut in the middle becomes U+FFFD.
    pub(super) fn decode(&self, tokens: &[u32]) -> String {
        String::from_utf8_lossy(&self.env.tok_trie().decode(tokens)).into_owned()
    }

    pub(super) fn env(&self) -> &TokEnv {
        &self.env
    }
}

fn tokenizer(content: &Content) -> candle_core::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_gguf(content)?;
    // candle takes a pre-tokenizer called `smollm` for GPT-2's, which puts a space before each text and keeps numbers
    // whole. The model was trained with neither.
    let digits_alone = Digits::new(true);
    let bytes = ByteLevel::new(false, true, true);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![digits_alone.into(), bytes.into()])));
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// The bytes of a token as the grammar wants them: special tokens behind a byte that no text holds.
fn word(token: &str, special: bool, bytes: &HashMap<char, u8>) -> Vec<u8> {
    if special {
        return [&[TokTrie::SPECIAL_TOKEN_MARKER], token.as_bytes()].concat();
    }
    token
        .chars()
        .filter_map(|character| bytes.get(&character).copied())
        .collect()
}

/// GPT-2's byte map the other way round. It writes printable bytes as themselves, and the others, in their order, as the
/// characters from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let as_themselves = (0..=u8::MAX)
        .filter(|byte| printable(*byte))
        .map(|byte| (char::from(byte), byte));
    let moved = ('\u{100}'..).zip((0..=u8::MAX).filter(|byte| !printable(*byte)));
    as_themselves.chain(moved).collect()
}

fn list<'a>(content: &'a Content, key: &str) -> candle_core::Result<&'a Vec<Value>> {
    match content.metadata.get(key) {
        Some(value) => value.to_vec(),
        None => candle_core::bail!("the model's file has no {key}"),
    }
}

fn strings<'a>(content: &'a Content, key: &str) -> candle_core::Result<Vec<&'a str>> {
    list(content, key)?
        .iter()
        .map(|value| value.to_string().map(String::as_str))
        .collect()
}

fn token_id(index: usize) -> candle_core::Result<u32> {
    u32::try_from(index).map_err(candle_core::Error::wrap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_alphabet_has_every_byte_once() {
        let alphabet = byte_alphabet();
        let mut bytes: Vec<u8> = alphabet.values().copied().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=u8::MAX).collect::<Vec<_>>());
        assert_eq!(alphabet.get(&'Ġ'), Some(&b' '));
        assert_eq!(alphabet.get(&'Ċ'), Some(&b'\n'));
    }

    #[test]
    fn a_special_token_stands_behind_its_mark() {
        assert_eq!(word("<|im_end|>", true, &byte_alphabet()), b"\xFF<|im_end|>");
        assert_eq!(word("Ġhi", false, &byte_alphabet()), b" hi");
    }
}
