//! Names as the ledger keeps them.

use std::{borrow::Cow, fmt::Write as _};

use sha2::{Digest, Sha256};

use crate::Call;

/// The longest name that is kept as it is, in bytes. Indexes hold them.
const LONGEST: usize = 400;
/// Bytes of the digest that stand behind the beginning of a longer one.
const OF_DIGEST: usize = 16;

/// The name under which the ledger knows `name`: itself, or when it is longer than 400 bytes its beginning, `~` and a digest of the
/// whole, so that different names stay different.
pub(crate) fn kept(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    let beginning = &name[..name.floor_char_boundary(LONGEST - 1 - 2 * OF_DIGEST)];
    let mut short = format!("{beginning}~");
    for byte in &Sha256::digest(name.as_bytes())[..OF_DIGEST] {
        // Writing to a text does not fail.
        let _ = write!(short, "{byte:02x}");
    }
    Cow::Owned(short)
}

impl Call {
    /// The call with its names as they are kept.
    pub(crate) fn kept(&self) -> Self {
        let name = |name: &String| kept(name).into_owned();
        Self {
            job: self.job,
            run: name(&self.run),
            actor: name(&self.actor),
            narrative: name(&self.narrative),
            act: name(&self.act),
            step: name(&self.step),
            provider: name(&self.provider),
            key_name: name(&self.key_name),
            model: name(&self.model),
            prompt_hash: name(&self.prompt_hash),
        }
    }

    /// Whether one of its names is kept as another.
    pub(crate) fn has_long_name(&self) -> bool {
        [
            &self.run,
            &self.actor,
            &self.narrative,
            &self.act,
            &self.step,
            &self.provider,
            &self.key_name,
            &self.model,
            &self.prompt_hash,
        ]
        .iter()
        .any(|name| name.len() > LONGEST)
    }
}
