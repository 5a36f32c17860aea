use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use botticelli_database::SchemaName;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::problem::Report;
use crate::secret;

/// `[server]`: the database, and where the process listens.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// The Postgres to work with, `postgres://user:password@host/database`. A secret, because it holds the password.
    /// Default: none, which is right for `up`, where the database is embedded, and wrong for every other command.
    #[serde(serialize_with = "secret::masked")]
    pub database_url: Option<SecretString>,
    /// The schema that holds the fleet; several fleets of one database have different ones. A lowercase letter or `_`, then
    /// up to 39 of `a-z`, `0-9` and `_`. Default: `botticelli`.
    pub schema: String,
    /// The address that all ports below listen on. Default: `127.0.0.1`, this machine only.
    pub bind: IpAddr,
    /// Port of the Prometheus metrics; 0 takes any free port. Default: 9090.
    pub metrics_port: u16,
    /// Port of the health checks; 0 takes any free port. Default: 8080.
    pub health_port: u16,
    /// Port of the control API; 0 takes any free port. Default: 3000.
    pub api_port: u16,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            database_url: None,
            schema: SchemaName::default().to_string(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            metrics_port: 9090,
            health_port: 8080,
            api_port: 3000,
        }
    }
}

impl ServerSettings {
    pub(super) fn check(&self, report: &mut Report<'_>) {
        if let Some(url) = &self.database_url {
            let url = url.expose_secret();
            if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
                let text = "the address does not begin with `postgres://` or `postgresql://`";
                report.add(&["server", "database_url"], text);
            }
        }
        if let Err(error) = SchemaName::from_str(&self.schema) {
            report.add(&["server", "schema"], error.to_string());
        }
        let ports = [
            ("metrics_port", self.metrics_port),
            ("health_port", self.health_port),
            ("api_port", self.api_port),
        ];
        for (index, (key, port)) in ports.into_iter().enumerate() {
            let same = ports[..index].iter().find(|(_, other)| *other == port && port != 0);
            if let Some((other, _)) = same {
                let text = format!("port {port} is taken by `server.{other}`; choose another");
                report.add(&["server", key], text);
            }
        }
    }
}
