use serde::{Deserialize, Serialize};

/// `[api]`: who may use the control API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSettings {
    /// What a caller without a token may do. Default: `none`.
    pub anonymous_role: AnonymousRole,
}

/// What a caller of the control API without a token may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AnonymousRole {
    /// Nothing.
    #[default]
    None,
    /// Look, and change nothing. Safe only where the port is reachable by people who may see everything.
    Readonly,
}
