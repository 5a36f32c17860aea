/// How an actor's execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every skill succeeded.
    Success,
    /// At least one skill failed, or the run broke off.
    Failure,
    /// There was a reason not to run.
    Skipped,
}

impl Status {
    pub(crate) const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Skipped];

    /// The value of the `status` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
        }
    }
}

/// Why an actor is paused. Alerts tell a tripped breaker from a pause made by a person by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseReason {
    /// A person paused it.
    Manual,
    /// Repeated failures opened its circuit breaker.
    CircuitBreaker,
}

impl PauseReason {
    /// The value of the `reason` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::CircuitBreaker => "circuit_breaker",
        }
    }
}

/// Which tokens were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Tokens the model read, cached ones included.
    Input,
    /// Tokens the model wrote.
    Output,
}

impl TokenKind {
    /// The value of the `type` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostOutcome {
    /// The platform accepted it.
    Posted,
    /// It had been posted before and was not sent again.
    Deduplicated,
    /// A rule of ours or of the platform refused it for good.
    Blocked,
    /// It was sent, and nobody knows whether it arrived.
    Ambiguous,
}

impl PostOutcome {
    /// The value of the `outcome` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::Deduplicated => "deduplicated",
            Self::Blocked => "blocked",
            Self::Ambiguous => "ambiguous",
        }
    }
}
