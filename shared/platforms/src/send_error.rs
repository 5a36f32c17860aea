//! What an attempt that did not succeed allows next.

use std::fmt;
use std::time::Duration;

/// Why [`crate::Platform::send`] did not publish, by what the caller may do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing was published. Sending again is safe, now or after the wait.
    #[error("not sent: {detail}")]
    NotSent {
        /// How long the platform asks to wait, if it does.
        retry_after: Option<Duration>,
        /// What happened.
        detail: String,
    },

    /// Nothing was published by this attempt, and the same attempt will be refused again.
    #[error("{class}{}: {detail}", in_parentheses(*code))]
    Rejected {
        /// What has to change first.
        class: Rejection,
        /// The platform's own number for it, if it gave one.
        code: Option<i64>,
        /// The platform's words.
        detail: String,
    },

    /// It may be published or not. Sending again is safe only under the same nonce within the platform's window.
    #[error("may have been published: {detail}")]
    Ambiguous {
        /// What happened.
        detail: String,
    },
}

/// What has to change before a refused post can go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The channel does not exist any more.
    TargetGone,
    /// The credential is not accepted: every post with it will fail, and each try counts against the address.
    Auth,
    /// The credential may not post there.
    Permission,
    /// The text is refused: it is too long, empty, or against the rules of the place.
    Content,
    /// The channel wants something this adapter does not send, or the settings are wrong.
    Settings,
    /// The platform's front door blocks our address for a while, and every further try prolongs that.
    RateBan,
    /// It was published by an earlier attempt and deleted since. It must not be published again.
    Removed,
    /// A refusal that is not known here.
    Unknown,
}

impl SendError {
    /// A rejection before anything was sent, without a code of the platform.
    pub(crate) fn refused(class: Rejection, detail: impl Into<String>) -> Self {
        Self::Rejected {
            class,
            code: None,
            detail: detail.into(),
        }
    }

    /// Whether this very post can never go out, whatever is done about credential and channel.
    pub fn is_about_the_content(&self) -> bool {
        matches!(
            self,
            Self::Rejected {
                class: Rejection::Content | Rejection::Removed,
                ..
            }
        )
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TargetGone => "the channel is gone; give the actor another `channel`",
            Self::Auth => "the credential is refused; renew the token",
            Self::Permission => "the permission is missing; grant it in the channel's settings",
            Self::Content => "the text is refused",
            Self::Settings => "the settings do not fit the channel",
            Self::RateBan => "the platform blocks this address; wait before any further call",
            Self::Removed => "it was published and deleted since",
            Self::Unknown => "refused",
        })
    }
}

fn in_parentheses(code: Option<i64>) -> String {
    code.map(|code| format!(" (code {code})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_way_out_code_and_words() {
        let class = Rejection::Permission;
        let error = SendError::Rejected {
            class,
            code: Some(50013),
            detail: "Missing Permissions".to_owned(),
        };
        let expected =
            "the permission is missing; grant it in the channel's settings (code 50013): Missing Permissions";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn only_the_post_itself_is_at_fault_for_content_and_removal() {
        let about = |class| {
            SendError::Rejected {
                class,
                code: None,
                detail: String::new(),
            }
            .is_about_the_content()
        };
        assert!(about(Rejection::Content) && about(Rejection::Removed));
        assert!(!about(Rejection::Auth) && !about(Rejection::TargetGone));
        assert!(!SendError::Ambiguous { detail: String::new() }.is_about_the_content());
    }
}
