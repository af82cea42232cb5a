//! Sagas: what they do, and that they do it once whatever happens.

mod losses;
mod ways;
mod world;
