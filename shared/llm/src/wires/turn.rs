//! The turns of a conversation as most formats write them.

use std::borrow::Cow;

use serde::Serialize;

use super::Unsayable;
use crate::{Message, Part};

/// One turn. `P` is what a format makes of a part.
#[derive(Serialize)]
pub(super) struct Turn<'a, P> {
    role: &'static str,
    content: Content<'a, P>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a, P> {
    Text(Cow<'a, str>),
    Parts(Vec<P>),
}

impl<'a, P> Turn<'a, P> {
    /// `message`, with `written` for each of its parts. Words alone are one text: not every compatible service knows parts.
    pub(super) fn of(
        message: &'a Message,
        written: impl Fn(&'a Part) -> Result<P, Unsayable>,
    ) -> Result<Self, Unsayable> {
        let content = if message.media().next().is_none() {
            Content::Text(message.text())
        } else {
            Content::Parts(message.parts.iter().map(written).collect::<Result<_, _>>()?)
        };
        Ok(Self {
            role: message.role.as_str(),
            content,
        })
    }

    /// What the service is told before the conversation.
    pub(super) fn system(text: &'a str) -> Self {
        Self {
            role: "system",
            content: Content::Text(Cow::Borrowed(text)),
        }
    }
}
