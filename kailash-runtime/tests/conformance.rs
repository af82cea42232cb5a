//! The conformance suite of runtimes, each check a test of its own for each runtime.

mod local {
    use kailash_runtime::LocalRuntime;

    kailash_runtime::runtime_conformance!(LocalRuntime::with_settings);
}

mod parallel {
    use kailash_runtime::ParallelRuntime;

    kailash_runtime::runtime_conformance!(ParallelRuntime::with_settings);
}
