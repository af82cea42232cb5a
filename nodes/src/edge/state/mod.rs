//! State that the whole cluster keeps.

mod lifecycle;
mod locks;
mod machine;
#[cfg(test)]
mod tests;
mod told;
mod work;

pub use machine::EdgeStateMachine;
