//! What every provider promises, whatever it speaks: each test asks each of them.

mod answers;
mod connections;
mod failures;
mod patience;
mod streams;
