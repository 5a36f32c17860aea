//! What runs keep for later ones.

use std::collections::BTreeMap;

use botticelli_content::{Scope, load_state};
use botticelli_narrative::{PortError, PortFuture, StateReader};
use serde_json::Value;
use sqlx::PgPool;

/// The state that all narratives of the fleet share.
pub struct FleetState<'a>(pub &'a PgPool);

impl StateReader for FleetState<'_> {
    fn read<'a>(&'a self, keys: &'a [String]) -> PortFuture<'a, BTreeMap<String, Value>> {
        Box::pin(async move {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let found = load_state(self.0, Scope::Global, &keys).await.map_err(PortError::new)?;
            Ok(found.into_iter().collect())
        })
    }
}
