//! Every metric, span and field name that Botticelli puts on the wire.
//!
//! Metric names are a contract with dashboards and alert rules: they are written here exactly as they are exposed, and
//! the exporter adds neither a unit nor a `_total`.

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
    /// Counter by actor and outcome.
    pub const SCHEDULE_TICKS: &str = "botticelli_schedule_ticks_total";
    /// Histogram by actor, in seconds.
    pub const SCHEDULE_LAG: &str = "botticelli_schedule_lag_seconds";
    /// Gauge by actor, in seconds since 1970.
    pub const SCHEDULE_NEXT_TICK: &str = "botticelli_schedule_next_tick_timestamp";
    /// Gauge by actor, in seconds since 1970.
    pub const SCHEDULE_LAST_TICK: &str = "botticelli_schedule_last_tick_timestamp";
    /// Gauge.
    pub const SCHEDULES_OVERDUE: &str = "botticelli_schedules_overdue";
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
    /// What became of a post, or of a tick.
    pub const OUTCOME: &str = "outcome";
    /// The version of the program.
    pub const VERSION: &str = "version";
    /// The part that the process plays in the fleet.
    pub const ROLE: &str = "role";
}

/// Names of spans. Their fields are `actor.name`, `queue.name`, `job.id`, `job.kind`, `job.attempt`, `delivery.id` and
/// `platform`; `act.run` of the narrative room adds `narrative.name`, `act.name` and `act.index`.
pub mod span {
    /// A schedule has come due (root span).
    pub const TICK: &str = "tick";
    /// A job is worked on.
    pub const JOB_RUN: &str = "job.run";
    /// A post is handed to a platform.
    pub const PUBLISH: &str = "publish";
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
