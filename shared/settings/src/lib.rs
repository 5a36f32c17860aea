//! KNOBS: the settings of every process, read once, typed, closed and checked.
//!
//! [`Settings::load`] reads one TOML file, or the defaults compiled in when there is none, then lets environment
//! variables override single keys, then checks everything and reports all problems at once with the place of each.
//! `config/botticelli.toml` shows every key with its unit and default.
//!
//! # Environment
//!
//! | variable | sets |
//! |---|---|
//! | `DATABASE_URL`, `DATABASE_URL_FILE` | `server.database_url`, directly or from a file |
//! | `DISCORD_TOKEN`, `DISCORD_TOKEN_FILE` | the bot's token, directly or from a file |
//! | `LLM_API_KEY` (or `OPENAI_API_KEY`), `LLM_API_KEY_FILE` | the model service's key, directly or from a file |
//! | `LLM_SERVER_KEY`, `LLM_SERVER_KEY_FILE` | the key that a served model demands, directly or from a file |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | `telemetry.otlp_endpoint` |
//! | `BOTTICELLI_<SECTION>_<KEY>` | that key, for example `BOTTICELLI_SERVER_API_PORT=3001` |
//! | `BOTTICELLI_ACTORS_<NAME>_<KEY>` | that key of a configured actor; `-` in the name is `_` in the variable |
//!
//! An empty variable counts as not set. Of two variables for the same key, the one that begins with `BOTTICELLI_` wins.
//! Any other variable that begins with `BOTTICELLI_` is refused with a suggestion, except `BOTTICELLI_CONFIG`,
//! `BOTTICELLI_DATA_DIR`, `BOTTICELLI_MODEL` and `BOTTICELLI_TEST_*`, which other parts of the program read, and the
//! variables that Kubernetes adds for services whose name begins with `botticelli`.

mod check;
mod document;
mod duration_text;
mod embedded;
mod environment;
mod field_names;
mod keys;
mod load;
mod moment_text;
mod narrative;
mod origin;
mod problem;
mod schedule_text;
mod secret;
mod sections;
mod service_links;
mod settings;
mod settings_error;

pub use check::{ActorSummary, Summary};
pub use origin::Origin;
pub use problem::{Place, SettingsProblem};
pub use sections::{
    ActorKind, ActorSettings, AnonymousRole, ApiSettings, BudgetPeriod, BudgetSettings, DiscordSettings, LimitSettings,
    LlmBackend, LlmSettings, LogFormat, NarrativesSettings, PlatformName, PriceSettings, ProviderSettings,
    ProviderWire, QueueSettings, SchedulerSettings, ServerSettings, TelemetrySettings, TraceJobs,
};
pub use settings::Settings;
pub use settings_error::SettingsError;
