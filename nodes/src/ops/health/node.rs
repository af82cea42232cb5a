//! `HealthCheck`: whether what a workflow leans on is well.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use kailash_core::{
    Error, ErrorKind, Kind, Map, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{probe::Prober, target::Target};
use crate::{
    data::WorkDir,
    seconds::{check_seconds, seconds},
};

/// Checks a list of targets at once: servers, ports, file systems, processes.
///
/// A target that is not well does not fail the node: look at `status`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// Seconds that one target may take, unless it says otherwise.
    #[serde(alias = "timeout")]
    timeout_s: f64,
    /// How many targets are checked at the same time.
    max_concurrency: usize,
    /// The most targets.
    max_targets: usize,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { timeout_s: 5.0, max_concurrency: 16, max_targets: 1000 }
    }
}

impl NodeType for HealthCheck {
    fn spec() -> Spec {
        Spec::new("HealthCheck", "operations", "Checks whether servers, ports, file systems and processes are well.")
            .inputs([Input::required(
                "targets",
                Kind::List,
                "Maps of name, type (http, tcp, disk, process), timeout_s, critical and, by type: url and expected_status (a \
                 status or a list; else 2xx); address (HOST:PORT); path, min_free_bytes and min_free_percent (else 5); pid or \
                 pid_file.",
            )])
            .outputs([
                Output::new(
                    "status",
                    Kind::Text,
                    "Healthy: all are well; unhealthy: none is, or one that is `critical` is not; else degraded.",
                ),
                Output::new(
                    "results",
                    Kind::List,
                    "For each target, in order: name, type, healthy, critical, response_time_ms, and error and code, or what was \
                     found.",
                ),
                Output::new("healthy_count", Kind::Int, "How many targets are well."),
                Output::new("total_count", Kind::Int, "How many targets there are."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        check_seconds(setup, "timeout_s", self.timeout_s);
        if self.max_concurrency == 0 {
            let issue = Issue::error("health.max_concurrency", "max_concurrency is 0");
            setup.issues.push(issue.at("config.max_concurrency"));
        }
        let targets = setup.config.get("targets").and_then(Value::as_list).unwrap_or_default();
        for (index, target) in targets.iter().enumerate() {
            if let Err(error) = Target::read(target, Duration::from_secs(1), &WorkDir::default()) {
                setup.issues.push(Issue::from_error(&error).at(format!("config.targets[{index}]")));
            }
        }
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let timeout = seconds(self.timeout_s)?;
        let prober = Prober {
            #[cfg(feature = "http")]
            http: cx.services.get::<crate::http::HttpClient>().cloned().unwrap_or_default(),
        };
        let work = Arc::new(Work {
            prober,
            timeout,
            dir: WorkDir::of(cx),
            at_once: self.max_concurrency,
            most: self.max_targets,
        });
        Ok(Body::future(move |inputs, cx| {
            let work = Arc::clone(&work);
            async move { work.run(inputs, cx).await }
        }))
    }
}

struct Work {
    prober: Prober,
    timeout: Duration,
    dir: WorkDir,
    at_once: usize,
    most: usize,
}

impl Work {
    async fn run(&self, mut inputs: Inputs, cx: Context) -> Result<Outcome> {
        let given = inputs.list(0)?;
        if given.is_empty() {
            return Err(Error::invalid("health.target", "there is no target to check").at("targets"));
        }
        if given.len() > self.most {
            let message = format!("there are {} targets, more than {}", given.len(), self.most);
            return Err(Error::new(ErrorKind::Limit, "health.max_targets", message)
                .with_retry(kailash_core::Retry::Never)
                .with_hint("raise `max_targets`"));
        }
        let targets = given.iter().enumerate().map(|(index, item)| {
            Target::read(item, self.timeout, &self.dir).map_err(|error| error.at(format!("targets[{index}]")))
        });
        let targets = targets.collect::<Result<Vec<Target>>>()?;
        let checks = targets.into_iter().map(|target| self.check(target, &cx));
        let results: Vec<(bool, bool, Value)> = stream::iter(checks).buffered(self.at_once).collect().await;
        let healthy = results.iter().filter(|(healthy, ..)| *healthy).count();
        let is_critical = results.iter().any(|(healthy, critical, _)| *critical && !healthy);
        let status = match healthy {
            _ if is_critical => "unhealthy",
            healthy if healthy == results.len() => "healthy",
            0 => "unhealthy",
            _ => "degraded",
        };
        let total = results.len();
        let results: Value = results.into_iter().map(|(_, _, result)| result).collect();
        let outputs = [status.into(), results, healthy.into(), total.into()];
        Ok(outputs.into_iter().map(Some).collect::<Outputs>().into())
    }

    /// Whether a target is well, whether it is critical, and what is told of it.
    async fn check(&self, target: Target, cx: &Context) -> (bool, bool, Value) {
        let Target { name, kind, check, timeout, critical } = target;
        let began = cx.clock().monotonic();
        let found = tokio::time::timeout(timeout, self.prober.look(check, cx)).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "health.timeout", format!("no answer within {timeout:?}")))
        });
        let took = cx.clock().monotonic().saturating_since(began);
        let mut result = Map::with_capacity(8);
        result.insert("name", name);
        result.insert("type", kind);
        result.insert("healthy", found.is_ok());
        result.insert("critical", critical);
        result.insert("response_time_ms", took.as_secs_f64() * 1e3);
        let healthy = found.is_ok();
        match found {
            Ok(found) => {
                for (name, value) in &found {
                    result.insert(name.clone(), value.clone());
                }
            }
            Err(error) => {
                result.insert("error", error.message());
                result.insert("code", error.code());
            }
        }
        (healthy, critical, result.into())
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn run(config: Value, targets: Vec<Value>) -> Result<Map> {
        let node = NodeTest::new::<HealthCheck>(config, &Services::default())?;
        node.run(value!({"targets": targets})).await
    }

    fn result(outputs: &Map, index: usize) -> &Value {
        &outputs.get("results").and_then(Value::as_list).unwrap()[index]
    }

    fn codes(outputs: &Map) -> Vec<Option<&str>> {
        let results = outputs.get("results").and_then(Value::as_list).unwrap().iter();
        results.map(|result| result.get("code").and_then(Value::as_str)).collect()
    }

    /// A port that nobody listens at, and one that somebody does.
    fn ports() -> (Value, std::net::TcpListener, Value) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let target =
            |address: std::net::SocketAddr| value!({"type": "tcp", "address": (address.to_string())});
        (target(free), taken, target(address))
    }

    #[tokio::test]
    async fn the_status_goes_by_how_many_are_well_and_by_those_that_are_critical() {
        let (down, _listener, up) = ports();
        let critical = |target: &Value| {
            let mut target = target.clone().into_map().unwrap();
            target.insert("critical", true);
            Value::from(target)
        };
        for (targets, status, healthy) in [
            (vec![up.clone(), up.clone()], "healthy", 2),
            (vec![up.clone(), down.clone()], "degraded", 1),
            (vec![down.clone(), down.clone()], "unhealthy", 0),
            (vec![up.clone(), critical(&down)], "unhealthy", 1),
            (vec![critical(&up), down.clone()], "degraded", 1),
        ] {
            let total = targets.len();
            let got = run(value!({}), targets).await.unwrap();
            assert_eq!(got.get("status"), Some(&value!(status)));
            assert_eq!(got.get("healthy_count"), Some(&value!(healthy)));
            assert_eq!(got.get("total_count"), Some(&value!(total)));
        }
        let got = run(value!({}), vec![down]).await.unwrap();
        assert_eq!(codes(&got), [Some("health.connect")]);
        assert!(result(&got, 0).get("response_time_ms").and_then(Value::as_f64).is_some());
    }

    #[cfg(feature = "http")]
    #[tokio::test]
    async fn a_server_is_well_if_it_answers_as_expected() {
        use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};
        let server = MockServer::start().await;
        Mock::given(path("/ok")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
        let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
        Mock::given(path("/slow")).respond_with(slow).mount(&server).await;
        let url = |path: &str| format!("{}{path}?token=hunter2", server.uri());
        let targets = vec![
            value!({"name": "ok", "url": (url("/ok"))}),
            value!({"name": "gone", "url": (url("/gone"))}),
            value!({"name": "gone as expected", "url": (url("/gone")), "expected_status": [404, 410]}),
            value!({"name": "slow", "url": (url("/slow")), "timeout_s": 0.2}),
            value!({"name": "nowhere", "url": "no address"}),
        ];
        let got = run(value!({}), targets).await.unwrap();
        let expected = [None, Some("health.status"), None, Some("health.timeout"), Some("http.url")];
        assert_eq!(codes(&got), expected, "in the order of the targets");
        assert_eq!(result(&got, 0).get("status_code"), Some(&value!(204)));
        assert!(!format!("{got:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_file_system_has_room_or_not_and_a_process_runs_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().display().to_string();
        let file = |name: &str, content: &str| {
            std::fs::write(dir.path().join(name), content).unwrap();
            dir.path().join(name).display().to_string()
        };
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let targets = vec![
            value!({"path": (path.clone()), "min_free_percent": 0}),
            value!({"path": (path.clone()), "min_free_bytes": (u64::MAX)}),
            value!({"path": (format!("{path}/none"))}),
            value!({"pid": (i64::from(std::process::id()))}),
            value!({"pid": (i64::from(gone.id()))}),
            value!({"pid_file": (file("pid", &format!("{}\n", std::process::id())))}),
            value!({"pid_file": (file("bad", "nothing"))}),
        ];
        let got = run(value!({}), targets).await.unwrap();
        let expected = [
            None,
            Some("health.disk"),
            Some("io.not_found"),
            None,
            Some("health.process"),
            None,
            Some("health.pid"),
        ];
        assert_eq!(codes(&got), expected);
        assert!(result(&got, 0).get("free_bytes").and_then(Value::as_u64).unwrap() > 0);
    }

    #[tokio::test]
    async fn targets_are_checked_at_once() {
        // Peers that take a connection and say nothing: each takes its whole time.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = value!({"url": (format!("http://{}/", silent.local_addr().unwrap())), "timeout_s": 0.5});
        let began = std::time::Instant::now();
        let got = run(value!({}), vec![target; 10]).await.unwrap();
        assert_eq!(got.get("status"), Some(&value!("unhealthy")));
        assert!(began.elapsed() < Duration::from_secs(4), "one after the other takes 5 s");
    }

    #[tokio::test]
    async fn what_cannot_be_checked_is_refused() {
        let (up, _listener, _) = ports();
        assert_eq!(run(value!({}), vec![]).await.unwrap_err().code(), "health.target");
        let error = run(value!({}), vec![up.clone(), value!({"type": "ftp"})]).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("health.target", Some("targets[1]")));
        let error = run(value!({"max_targets": 1}), vec![up.clone(), up]).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "health.max_targets"));
        let config = value!({"timeout_s": 0, "max_concurrency": 0, "targets": [{"type": "ftp"}]});
        let error = NodeTest::new::<HealthCheck>(config, &Services::default()).err().unwrap();
        for code in ["config.seconds", "health.max_concurrency", "health.target"] {
            assert!(error.message().contains(&format!("[{code}]")), "{error}");
        }
    }
}
