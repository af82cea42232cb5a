//! The command line, as its users see it: the real binary in a folder of its own.

mod catalog;
mod convert;
mod graph;
mod new;
mod params;
mod pipes;
mod refused;
mod run;
mod signals;
mod support;
mod validate;
