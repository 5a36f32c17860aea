//! Keeps the model to the threads that it was given.

use std::num::NonZero;

use candle_core::utils::barrier_pool;

use super::Embedded;

/// Confines everything that the calling thread computes to `threads` threads, this one included.
///
/// candle computes in two pools. The first is rayon's, and a thread may bring its own. The second is one per process,
/// takes its size from the environment before anybody can ask, and can only be looked at.
pub(super) fn confine(threads: NonZero<usize>) {
    let wanted = threads.get();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(wanted)
        .thread_name(|index| format!("language-model-{index}"))
        .use_current_thread()
        .build();
    if let Err(error) = pool {
        tracing::warn!(%error, wanted, "the language model computes with the threads of the process");
    }
    let found = barrier_pool().n_workers() + 1;
    if found != wanted {
        tracing::warn!(
            wanted,
            found,
            "the language model computes with another number of threads than configured; start the process with {}={wanted}",
            Embedded::THREADS_VARIABLE,
        );
    }
}
