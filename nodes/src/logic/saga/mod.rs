//! Sagas: steps that are taken back in reverse order when a later one fails.

mod act;
mod attempt;
mod coordinator;
mod draft;
mod origin;
mod outcome;
mod pick;
mod ran;
mod step;
mod unwind;

pub use coordinator::SagaCoordinator;

#[cfg(test)]
mod tests;
