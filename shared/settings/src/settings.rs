//! The settings of a process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Serialize;

use crate::keys;
use crate::load::load;
use crate::origin::Origin;
use crate::secret;
use crate::sections::{
    ActorSettings, ApiSettings, BudgetSettings, DiscordSettings, LlmBackend, LlmSettings, NarrativesSettings,
    PriceSettings, ProviderSettings, ProviderWire, QueueSettings, SchedulerSettings, Sections, ServerSettings,
    TelemetrySettings,
};
use crate::settings_error::SettingsError;

/// The settings of a process: checked, with defaults filled in and the environment applied.
///
/// Serializing them gives the effective settings with `"********"` in place of every secret; `Debug` hides secrets too.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// `[server]`.
    pub server: ServerSettings,
    /// `[api]`.
    pub api: ApiSettings,
    /// `[llm]`.
    pub llm: LlmSettings,
    /// `[narratives]`.
    pub narratives: NarrativesSettings,
    /// `[discord]`.
    pub discord: DiscordSettings,
    /// `[queue]`.
    pub queue: QueueSettings,
    /// `[scheduler]`.
    pub scheduler: SchedulerSettings,
    /// `[telemetry]`.
    pub telemetry: TelemetrySettings,
    /// `[providers.NAME]`, by name.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// `[prices."PROVIDER/MODEL"]`, by name.
    pub prices: BTreeMap<String, PriceSettings>,
    /// `[budgets.NAME]`, by name.
    pub budgets: BTreeMap<String, BudgetSettings>,
    /// `[actors.NAME]`, by name. Disabled actors are included.
    pub actors: BTreeMap<String, ActorSettings>,
    #[serde(skip)]
    origin: Origin,
    #[serde(skip)]
    working_directory: PathBuf,
}

impl Settings {
    /// Loads the settings from `path` and the environment `env`.
    ///
    /// Without a path, the first of `botticelli.toml`, `config/botticelli.toml`, `actor_server.toml` and
    /// `config/actor_server.toml` that exists in the working directory is taken, and the embedded defaults when none
    /// does. The crate's documentation lists the variables.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Read`], [`SettingsError::SecretFile`] and [`SettingsError::SecretFileEmpty`] for files,
    /// [`SettingsError::Invalid`] with every
    /// value that cannot be used.
    pub fn load(path: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        load(Path::new(""), path, env)
    }

    /// Loads the settings as [`Settings::load`] would with `working_directory` as the working directory.
    ///
    /// # Errors
    ///
    /// As [`Settings::load`].
    pub fn load_in(
        working_directory: &Path,
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        load(working_directory, path, env)
    }

    pub(crate) fn new(
        sections: Sections,
        actors: BTreeMap<String, ActorSettings>,
        origin: Origin,
        working_directory: PathBuf,
    ) -> Self {
        let Sections {
            server,
            api,
            llm,
            narratives,
            discord,
            queue,
            scheduler,
            telemetry,
            providers,
            prices,
            budgets,
            actors: _,
        } = sections;
        Self {
            server,
            api,
            llm,
            narratives,
            discord,
            queue,
            scheduler,
            telemetry,
            providers,
            prices,
            budgets,
            actors,
            origin,
            working_directory,
        }
    }

    /// Every key that a settings file may have, such as `queue.lease`; the keys of actors as `actors.NAME.schedule`.
    pub fn keys() -> Vec<String> {
        let of_sections = keys::sections()
            .into_iter()
            .flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")));
        let of_actors = keys::actor_keys().iter().map(|key| format!("actors.NAME.{key}"));
        let of_named = keys::named()
            .into_iter()
            .flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.NAME.{key}")));
        of_sections.chain(of_named).chain(of_actors).collect()
    }

    /// Where the settings came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The effective settings as TOML, secrets masked, with a first line that says where they came from.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Render`] when a value cannot be written as TOML.
    pub fn masked_toml(&self) -> Result<String, SettingsError> {
        let settings = toml::to_string(self).map_err(SettingsError::Render)?;
        Ok(format!("# effective settings from {}\n\n{settings}", self.origin))
    }

    /// Where a relative path in the settings leads: the first of [`Settings::candidates`] that exists, else the first.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let candidates = self.candidates(path);
        let existing = candidates.iter().find(|candidate| candidate.exists());
        existing
            .or(candidates.first())
            .cloned()
            .unwrap_or_else(|| path.to_owned())
    }

    /// The places where a relative path of the settings may lead, in the order they are tried: the folder of the settings
    /// file, the working directory, and `config` in it. An absolute path leads to itself.
    pub fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        let folders = [
            self.origin.folder().map(Path::to_owned),
            Some(self.working_directory.clone()),
            Some(self.working_directory.join("config")),
        ];
        let mut places = Vec::new();
        for folder in folders.into_iter().flatten() {
            let place = folder.join(path);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// The token of the Discord bot: `DISCORD_TOKEN`, or the content of `DISCORD_TOKEN_FILE` or `discord.token_file`.
    ///
    /// Asked for late, so that processes that publish nothing start without it.
    ///
    /// # Errors
    ///
    /// [`SettingsError::SecretMissing`] when none is set, and [`SettingsError::SecretFile`] or
    /// [`SettingsError::SecretFileEmpty`] for a bad file.
    pub fn discord_token(&self) -> Result<SecretString, SettingsError> {
        const KEY: &str = "discord.token_file";
        let discord = &self.discord;
        self.secret(discord.token.as_ref(), discord.token_file.as_deref(), KEY)?
            .ok_or(SettingsError::SecretMissing {
                secret: "the token of the Discord bot",
                variable: "DISCORD_TOKEN",
                key: KEY,
            })
    }

    /// The key of the provider `name`: the variable `<NAME>_API_KEY`, or the content of the file in `<NAME>_API_KEY_FILE` or of
    /// its `api_key_file`; `None` when nothing is set, because many local services want no key.
    ///
    /// # Errors
    ///
    /// [`SettingsError::SecretFile`] or [`SettingsError::SecretFileEmpty`] for a bad file.
    pub fn provider_api_key(&self, name: &str) -> Result<Option<SecretString>, SettingsError> {
        let Some(provider) = self.providers.get(name) else {
            return Ok(None);
        };
        let key = format!("providers.{name}.api_key_file");
        self.secret(provider.api_key.as_ref(), provider.api_key_file.as_deref(), &key)
    }

    /// The key of the model service: `LLM_API_KEY` or `OPENAI_API_KEY`, or the content of `LLM_API_KEY_FILE` or
    /// `llm.api_key_file`; `None` when nothing is set, because many local services want no key.
    ///
    /// # Errors
    ///
    /// [`SettingsError::SecretFile`] or [`SettingsError::SecretFileEmpty`] for a bad file.
    pub fn llm_api_key(&self) -> Result<Option<SecretString>, SettingsError> {
        let llm = &self.llm;
        self.secret(llm.api_key.as_ref(), llm.api_key_file.as_deref(), "llm.api_key_file")
    }

    /// The key that `botticelli llm serve` demands of its clients: `LLM_SERVER_KEY`, or the content of `LLM_SERVER_KEY_FILE` or
    /// `llm.server_key_file`; `None` when nothing is set.
    ///
    /// # Errors
    ///
    /// [`SettingsError::SecretFile`] or [`SettingsError::SecretFileEmpty`] for a bad file.
    pub fn llm_server_key(&self) -> Result<Option<SecretString>, SettingsError> {
        let llm = &self.llm;
        self.secret(
            llm.server_key.as_ref(),
            llm.server_key_file.as_deref(),
            "llm.server_key_file",
        )
    }

    /// Whether the embedded model is one of those that may be asked.
    pub fn uses_embedded_model(&self) -> bool {
        self.llm.backend == LlmBackend::Embedded
            || self
                .providers
                .values()
                .any(|provider| provider.wire == ProviderWire::Embedded)
    }

    /// What is `given`, or the content of the file at `key`.
    fn secret(
        &self,
        given: Option<&SecretString>,
        file: Option<&Path>,
        key: &str,
    ) -> Result<Option<SecretString>, SettingsError> {
        match (given, file) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some(file)) => secret::read_file(key, &self.resolve(file)).map(Some),
            (None, None) => Ok(None),
        }
    }
}
