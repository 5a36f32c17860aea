//! The arguments that every long-running binary takes.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use botticelli_lifecycle::{default_data_dir, is_root};
use botticelli_settings::Settings;
use clap::Args;

/// Where the settings come from, and what of them the command line overrides.
#[derive(Debug, Clone, Default, Args)]
pub struct ProcessArguments {
    /// Settings file; without it `botticelli.toml`, `actor_server.toml` and the same in `config`
    /// are tried, then the embedded defaults
    #[arg(long, env = "BOTTICELLI_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Where the embedded model and the private database are kept
    #[arg(long, env = "BOTTICELLI_DATA_DIR", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Address to serve health, metrics and the API on, instead of `[server] bind`
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
    /// Port of the API, instead of `[server] api_port`; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// Port of the health checks, instead of `[server] health_port`; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub health_port: Option<u16>,
    /// Port of the metrics, instead of `[server] metrics_port`; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,
}

impl ProcessArguments {
    /// Loads the settings with `environment`, then applies the overrides.
    ///
    /// # Errors
    ///
    /// Every mistake in the settings, with its place.
    pub fn settings(&self, environment: HashMap<String, String>) -> anyhow::Result<Settings> {
        let mut settings = Settings::load(self.config.as_deref(), environment)?;
        let server = &mut settings.server;
        server.bind = self.bind.unwrap_or(server.bind);
        server.api_port = self.api_port.unwrap_or(server.api_port);
        server.health_port = self.health_port.unwrap_or(server.health_port);
        server.metrics_port = self.metrics_port.unwrap_or(server.metrics_port);
        Ok(settings)
    }

    /// The data directory: the argument, else the platform's usual place.
    ///
    /// # Errors
    ///
    /// When there is neither an argument nor a home.
    pub fn data_dir(&self, environment: &HashMap<String, String>) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.data_dir {
            return std::path::absolute(dir)
                .with_context(|| format!("`--data-dir` = `{}` cannot be used", dir.display()));
        }
        let path_of = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(Path::new);
        default_data_dir(is_root(), path_of("XDG_DATA_HOME"), path_of("HOME"))
            .context("there is no home directory to keep data in; pass `--data-dir DIR`")
    }
}
