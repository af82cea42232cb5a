//! A real host whose spans go to a stand-in for a collector.

use kailash_core::{RunStatus, format::Syntax, format::read, workflow::Params};
use tracing_subscriber::layer::SubscriberExt;

use super::{
    super::{TraceParent, export},
    collector::{Span, collector},
};
use crate::host::{
    Host,
    config::{Config, Layers},
    runs::Request,
};

const FLOW: &str = r#"{
  "format": "1.0", "name": "ingest",
  "nodes": {
    "read": {"type": "Expression", "config": {"expression": "1 + 1"}},
    "fail": {"type": "Expression", "config": {"expression": "item.nothing.there", "item": "hunter2"}}},
  "connections": [{"from": "read.result", "to": "fail.x"}]
}"#;

fn config(url: &str) -> Config {
    let settings = [format!("telemetry.otlp_endpoint={url}"), "telemetry.service_name=pump-7".to_owned()];
    let settings = settings.iter().map(String::as_str).chain(["journal.enabled=false", "runs.runtime=local"]);
    Layers::new().settings(settings).unwrap().config().unwrap()
}

#[test]
fn a_collector_gets_the_spans_of_a_run_under_the_span_that_asked_for_it() {
    let (url, received) = collector();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&url);
    config.host.data = folder.path().join("data");
    let endpoint = config.telemetry.otlp_endpoint.clone().unwrap();
    let (layer, exporter) = export(&endpoint, &config.telemetry).unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let parent = TraceParent { trace: 0xabc, span: 0xdef, sampled: true };
    // One thread: the subscriber is only that of this one.
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    executor.block_on(async {
        let mut host = Host::start(config).await.unwrap();
        let workflow = host.workflows.build(read(FLOW, Syntax::Json).unwrap()).unwrap();
        let request = Request {
            workflow,
            version: 0,
            params: Params::new(),
            key: None,
            listened: false,
            parent: Some(parent),
        };
        let ended = host.runs.submit(request).unwrap().ended().await.unwrap();
        assert_eq!(ended.status, RunStatus::Failed, "{ended:?}");
        host.rest().await;
        host.stop().await;
    });
    drop(executor);
    exporter.shut_down().unwrap();
    let request = received.recv().unwrap();
    assert_eq!((request.path.as_str(), request.media.as_str()), ("/v1/traces", "application/x-protobuf"));
    assert_eq!(request.service.as_deref(), Some("pump-7"));
    let named = |name: &str| -> &Span {
        let found = request.spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name}: {:?}", request.spans))
    };
    let (run, node, fail) = (named("ingest"), named("read"), named("fail"));
    assert_eq!(request.spans.len(), 3);
    assert_eq!(
        (run.trace.as_slice(), run.parent.as_slice()),
        (&0xabc_u128.to_be_bytes()[..], &0xdef_u64.to_be_bytes()[..])
    );
    assert_eq!(
        (run.attributes["workflow"].as_str(), run.attributes["status"].as_str()),
        ("ingest", "failed")
    );
    assert_eq!((run.attributes["nodes"].as_str(), run.status), ("2", 2));
    for child in [node, fail] {
        assert_eq!((&child.trace, &child.parent), (&run.trace, &run.id));
        assert!(
            run.began <= child.began && child.began <= child.ended && child.ended <= run.ended,
            "{child:?}"
        );
        assert_eq!(child.attributes["attempt"], "1");
    }
    assert_eq!(
        (node.attributes["unit"].as_str(), node.attributes["outcome"].as_str(), node.status),
        ("read", "finished", 0)
    );
    assert_eq!((fail.attributes["outcome"].as_str(), fail.status), ("failed", 2));
    assert!(fail.attributes.contains_key("error.type") && fail.attributes.contains_key("duration_ms"));
    assert!(!format!("{:?}", request.spans).contains("hunter2"));
}

#[test]
fn a_collector_that_is_gone_costs_no_run_and_is_told_at_the_end() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(&format!("http://{}", gone.local_addr().unwrap()));
    drop(gone);
    let (layer, exporter) =
        export(&config.telemetry.otlp_endpoint.clone().unwrap(), &config.telemetry).unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    drop(tracing::debug_span!(target: super::super::RUNS, "run"));
    let error = exporter.shut_down().unwrap_err();
    assert_eq!(error.code(), "otlp.flush", "{error}");
}
