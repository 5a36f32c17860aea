//! What a probe, a scraper and a client of the API may rely on.

mod api_access;
mod api_actors;
mod api_executions;
mod api_schedules;
mod client;
mod health;
mod metrics;
mod pooler;
mod ports;
mod problems;
mod shutdown;
