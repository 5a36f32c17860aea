//! What was said: a text on its way from potential to approved to delivered.
//!
//! Posts change state; nothing is deleted by reading it, and approved text is copied by SQL, never retyped. A stage takes
//! posts in hand under its job's id, so that two jobs never work on the same post and a job that runs again finds its own.

mod approved;
mod delivery;
mod failure;
mod potential;

pub use approved::{Undelivered, Verdict, decide, next_undelivered};
pub use delivery::{
    Delivery, DeliveryState, NewDelivery, PublishedPost, begin_send, fail, in_hand, jobs_in_hand, mark_unconfirmed,
    plan, published, record_published, release, unsend,
};
pub use failure::PostsError;
pub use potential::{Draft, InReview, store_drafts, take_for_review, waiting};
