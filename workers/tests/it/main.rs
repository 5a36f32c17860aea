//! What a worker promises, with its actors in this process: a real PostgreSQL, and a stub of the LLM.

#![expect(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod asked_models;
mod bench;
mod breaker;
mod cancelling;
mod commands;
mod conflicts;
mod curation;
mod failing_runs;
mod fallbacks;
mod generation;
mod leases;
mod messages;
mod narratives;
mod outages;
mod pool_of_one;
mod posting;
mod prices;
mod rounds;
mod strays;
mod surroundings;
mod table_updates;
mod tables;
mod unreadable_arguments;
