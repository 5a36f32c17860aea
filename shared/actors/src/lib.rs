//! Who runs: the actors as configured, whether they may run, and every run they made.
//!
//! `actor_server_state` holds one row per actor: its pause, its breaker, its last and next run.
//! `actor_server_executions` holds one row per attempt of a job, with a truthful outcome. `act_checkpoints` holds the
//! replies of a job's finished acts until the job ends, so that another worker can go on where one stopped.

mod checkpoint;
mod execution;
mod failure;
mod pause;
mod registry;

pub use checkpoint::{
    Checkpoint, checkpointed_jobs, clear_checkpoints, load_checkpoint, remove_checkpoint, save_checkpoint,
    save_checkpoints,
};
pub use execution::{
    Ending, ExecutionRow, NewExecution, Outcome, finish_executions, forget_interruptions, get_execution,
    interrupted_jobs, list_actor_executions, list_executions, mark_lost, open_executions, start_executions,
};
pub use failure::ActorsError;
pub use pause::{
    Breaker, BreakerChange, half_open_due_breakers, pause, pause_all, record_failure, record_success, resume,
    resume_all,
};
pub use registry::{
    ActorRow, Registration, get_actor, list_actors, lock_actors, lock_registration, register, retire_missing,
    set_next_runs,
};
