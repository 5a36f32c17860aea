use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::problem::Report;

/// `[narratives]`: what narratives may reach outside of their own files.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NarrativesSettings {
    /// Where the files that narratives bring are looked for, beside the narrative's own directory. Default: none.
    pub root: Option<PathBuf>,
    /// The variables of the environment that narratives may use. Default: none.
    pub env: Vec<String>,
    /// Tables, as `SCHEMA.TABLE`, that narratives may read beside the fleet's own. Default: none.
    pub readable_tables: Vec<String>,
    /// Hosts, or hosts with ports, of private networks that media may be fetched from. Default: none.
    pub media_hosts: Vec<String>,
    /// Commands of platforms that narratives may run beside those that only read, such as `discord messages.send`; `*` stands
    /// for any text. Default: none.
    pub commands: Vec<String>,
    /// The values of `env`, where they are set.
    #[serde(skip)]
    pub(crate) environment: BTreeMap<String, Option<String>>,
}

impl NarrativesSettings {
    /// The variables of the environment that narratives may use, with their values where they are set.
    pub fn environment(&self) -> &BTreeMap<String, Option<String>> {
        &self.environment
    }

    pub(super) fn check(&self, report: &mut Report<'_>) {
        for name in &self.env {
            let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                report.add(
                    &["narratives", "env"],
                    format!("`{name}` is not the name of a variable"),
                );
            }
        }
        for table in &self.readable_tables {
            let is_identifier = |part: &str| {
                (1..=63).contains(&part.len())
                    && part.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            };
            if !table
                .split_once('.')
                .is_some_and(|(schema, table)| is_identifier(schema) && is_identifier(table))
            {
                let text =
                    format!("`{table}` is not a table; write its schema and its name, such as \"shop.products\"");
                report.add(&["narratives", "readable_tables"], text);
            }
        }
        for command in &self.commands {
            if command.split_whitespace().count() != 2 {
                let text = format!(
                    "`{command}` is not a command; write platform and command, such as \"discord messages.send\""
                );
                report.add(&["narratives", "commands"], text);
            }
        }
    }
}
