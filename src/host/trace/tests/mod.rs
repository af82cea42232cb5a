//! Spans as a subscriber gets them, and as a collector does.

#[cfg(feature = "otlp")]
mod collector;
#[cfg(feature = "otlp")]
mod export;
mod recorder;
mod spans;
