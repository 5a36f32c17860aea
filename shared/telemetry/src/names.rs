//! Every metric, span and field name that Botticelli puts on the wire.
//!
//! Metric names are a contract with dashboards and alert rules: they are written here exactly as they are exposed, and
//! the exporter adds neither a unit nor a `_total`. Span and field names follow the OpenTelemetry semantic conventions
//! for messaging (v1.44, in development) and for generative AI (`open-telemetry/semantic-conventions-genai`, in
//! development), as they stood in November 2026. The constants of the conventions crate are not used because they are
//! being deprecated one by one while the conventions move.

/// Names of metrics.
pub mod metric {
    /// Counter by [`label::ACTOR`](super::label::ACTOR) and [`label::STATUS`](super::label::STATUS).
    pub const ACTOR_EXECUTIONS: &str = "botticelli_actor_executions_total";
    /// Gauge: runs in progress in this process.
    pub const ACTIVE_ACTORS: &str = "botticelli_active_actors";
    /// Counter by actor.
    pub const CIRCUIT_BREAKER_TRIPS: &str = "botticelli_circuit_breaker_trips_total";
    /// Histogram by actor, in seconds.
    pub const EXECUTION_DURATION: &str = "botticelli_execution_duration_seconds";
    /// Counter by actor and status (`succeeded`, `failed`).
    pub const SKILLS_EXECUTED: &str = "botticelli_skills_executed_total";
    /// Gauge, 1 or 0, by actor and reason.
    pub const ACTOR_PAUSED: &str = "botticelli_actor_paused";
    /// Gauge by actor: a moment in seconds since 1970, not a span of time.
    pub const LAST_SUCCESS: &str = "botticelli_last_success_timestamp";
    /// Gauge by actor.
    pub const CONSECUTIVE_FAILURES: &str = "botticelli_consecutive_failures";
    /// Gauge that is always 1, by version and role.
    pub const BUILD_INFO: &str = "botticelli_build_info";
    /// Counter by reason.
    pub const JOBS_RESCUED: &str = "botticelli_jobs_rescued_total";
    /// Histogram, in seconds.
    pub const JOB_WAIT: &str = "botticelli_job_wait_seconds";
    /// Counter by provider, model and type.
    pub const LLM_TOKENS: &str = "botticelli_llm_tokens_total";
    /// Counter by outcome.
    pub const POSTS: &str = "botticelli_posts_total";
    /// Gauge, 1 or 0.
    pub const DB_UP: &str = "botticelli_db_up";
}

/// Names of metric labels. Values come from closed sets or from the configuration; never from job ids or error texts.
pub mod label {
    /// The configured name of an actor.
    pub const ACTOR: &str = "actor";
    /// How an execution or a skill ended.
    pub const STATUS: &str = "status";
    /// Why an actor is paused, or why a job was rescued.
    pub const REASON: &str = "reason";
    /// The company or program that serves a model.
    pub const PROVIDER: &str = "provider";
    /// The name of a model.
    pub const MODEL: &str = "model";
    /// The kind of token.
    pub const TYPE: &str = "type";
    /// What became of a post.
    pub const OUTCOME: &str = "outcome";
    /// The version of the program.
    pub const VERSION: &str = "version";
    /// The part that the process plays in the fleet.
    pub const ROLE: &str = "role";
}

/// Names of spans.
pub mod span {
    /// A schedule has come due (root span).
    pub const TICK: &str = "tick";
    /// A job is put in the queue.
    pub const SEND: &str = "send";
    /// Jobs are taken from the queue.
    pub const RECEIVE: &str = "receive";
    /// A job is worked on.
    pub const PROCESS: &str = "process";
    /// A job's result is recorded.
    pub const SETTLE: &str = "settle";
    /// A call to a language model.
    pub const CHAT: &str = "chat";
    /// A post is handed to a platform.
    pub const PUBLISH: &str = "publish";
}

/// Names of span fields.
pub mod field {
    /// Replaces the span's name where it holds a value, such as `process generation`.
    pub const OTEL_NAME: &str = "otel.name";
    /// `client`, `consumer`, `internal`, `producer` or `server`.
    pub const OTEL_KIND: &str = "otel.kind";
    /// The configured name of an actor.
    pub const ACTOR: &str = "botticelli.actor";
    /// The name of a narrative.
    pub const NARRATIVE: &str = "botticelli.narrative";
    /// Which attempt at the job this is; the first is 1.
    pub const ATTEMPT: &str = "botticelli.job.attempt";
    /// Always [`MESSAGING_SYSTEM_VALUE`].
    pub const MESSAGING_SYSTEM: &str = "messaging.system";
    /// The conventions know no value for a queue in a database and permit one of our own.
    pub const MESSAGING_SYSTEM_VALUE: &str = "postgresql";
    /// The queue.
    pub const MESSAGING_DESTINATION: &str = "messaging.destination.name";
    /// `send`, `receive`, `process` or `settle`.
    pub const MESSAGING_OPERATION: &str = "messaging.operation.name";
    /// The conventions' class of operation.
    pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
    /// The job's id.
    pub const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";
    /// The worker's id.
    pub const MESSAGING_CLIENT_ID: &str = "messaging.client.id";
    /// A low-cardinality class of failure.
    pub const ERROR_TYPE: &str = "error.type";
    /// `chat` or `generate_content`.
    pub const GEN_AI_OPERATION: &str = "gen_ai.operation.name";
    /// The company or program that serves the model.
    pub const GEN_AI_PROVIDER: &str = "gen_ai.provider.name";
    /// The model that was asked for.
    pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
    /// Tokens read, cached ones included.
    pub const GEN_AI_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    /// Tokens written.
    pub const GEN_AI_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
}

/// Names of resource attributes: what a process says about itself to a collector.
pub mod resource {
    /// The value of `service.name` for every process of the fleet.
    pub const SERVICE_NAME: &str = "botticelli";
    /// The program's version.
    pub const SERVICE_VERSION: &str = "service.version";
    /// The process's own id, which is also its worker id in the database.
    pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
    /// The part that the process plays in the fleet.
    pub const ROLE: &str = "botticelli.role";
}
