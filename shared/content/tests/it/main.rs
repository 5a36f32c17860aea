//! What is promised about the tables of narratives, each against a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod checking;
mod existing_targets;
mod failures_of_upstream;
mod filtering;
mod fleet_tables;
mod hostile_names;
mod privileges;
mod pulling;
mod racing;
mod reading;
mod shelf;
mod state;
mod targets;
mod updating;
