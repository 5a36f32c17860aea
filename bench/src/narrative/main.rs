//! Measures narratives: many at once, long ones, and checking them (bench/README.md).
#![expect(
    clippy::print_stdout,
    reason = "figures go to standard output, one JSON object a line"
)]
#![expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]

mod checking;
mod cost;
mod fleet;
mod flight;
mod growth;
mod provider;
mod sockets;

use clap::{Parser, Subcommand};

/// Measures narratives. Prints a JSON object a line.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A model service that answers after a fixed time: prints its address, and serves until standard input ends.
    Provider(provider::Provider),
    /// Many narratives at once in one process.
    Flight(flight::Flight),
    /// As many jobs of a real worker process, with all that it writes down in PostgreSQL.
    Fleet(fleet::Fleet),
    /// One narrative of more and more acts, of which each sees all before it.
    Growth(growth::Growth),
    /// Checks very many narrative files, beside reading them as plain TOML.
    Check(checking::Check),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut runtime = match cli.command {
        // A core for the service and the rest for those who are measured.
        Command::Provider(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        match &cli.command {
            Command::Provider(options) => provider::run(options).await,
            Command::Flight(options) => flight::run(options).await,
            Command::Fleet(options) => fleet::run(options).await,
            Command::Growth(options) => growth::run(options).await,
            Command::Check(options) => checking::run(options),
        }
    })
}

fn print(figures: &serde_json::Value) {
    println!("{figures}");
}

/// A number with three digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
