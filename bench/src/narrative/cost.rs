//! What a piece of work costs: time on the clock, time of processors, memory.

use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::time::{ClockId, clock_gettime};

/// A piece of work that is measured.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    begun: Instant,
    processor: Duration,
}

/// What it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Of all threads of this process, in the kernel too.
    pub(crate) processor: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            begun: Instant::now(),
            processor: processor_time(),
        }
    }

    pub(crate) fn stop(&self) -> Cost {
        Cost {
            wall: self.begun.elapsed(),
            processor: processor_time().saturating_sub(self.processor),
        }
    }
}

fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// The most memory that a process has had, in MB (proc(5): `VmHWM`); `self` is this one.
pub(crate) fn peak_memory_mb(process: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak
        .and_then(|peak| peak.split_whitespace().next())
        .context("no VmHWM")?;
    Ok(kilobytes.parse::<f64>()? / 1024.0)
}

/// Seconds of processors that a process has used (proc(5): utime and stime, fields 14 and 15 of `stat`).
pub(crate) fn processor_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, after_name) = stat.rsplit_once(") ").context("a process without a name")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    // A tick is 10 ms on every Linux that this runs on.
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}
