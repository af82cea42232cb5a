//! The requests to a host that a watcher makes.

use kailash_core::{RunId, RunStatus, Text, exec::Timestamp, validate::Issue};
use reqwest::Response;
use serde::Deserialize;

use crate::cli::remote::{Client, Trouble};

/// The most runs of a page.
pub(super) const PAGE: usize = 1000;

/// A run at a glance.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
    pub(super) run_id: RunId,
    pub(super) workflow_id: Text,
    pub(super) status: RunStatus,
    pub(super) began: Timestamp,
    #[serde(default)]
    pub(super) ended: Option<Timestamp>,
}

/// What the journal knows of a unit.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Past {
    #[serde(rename = "type")]
    pub(super) what: String,
    #[serde(default)]
    pub(super) unit: Option<Text>,
    #[serde(default)]
    pub(super) code: Option<Text>,
    #[serde(default)]
    pub(super) signal: Option<Text>,
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Runs {
    runs: Vec<Head>,
}

#[derive(Deserialize)]
struct History {
    history: Vec<Past>,
    next: Option<u64>,
}

impl Client {
    /// The events from now on, of `run` or of all.
    pub(super) async fn events(&self, run: Option<RunId>) -> Result<Response, Trouble> {
        let query = run.map(|run| ("run", run.to_string()));
        self.stream("events", query.as_slice()).await
    }

    /// Up to `limit` runs, the newest first.
    pub(super) async fn runs(&self, limit: usize, status: Option<RunStatus>) -> Result<Vec<Head>, Trouble> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(status.map(|status| ("status", status.as_str().to_owned())));
        Ok(self.read::<Runs>("runs", &query).await?.runs)
    }

    /// One run. The list is asked, because a run by itself comes with everything that it gave.
    pub(super) async fn head(&self, run: RunId) -> Result<Head, Trouble> {
        let behind = RunId::from_u128(u128::from_be_bytes(*run.as_bytes()).saturating_add(1));
        let query = [("before", behind.to_string()), ("limit", "1".to_owned())];
        let found = self.read::<Runs>("runs", &query).await?.runs.pop().filter(|head| head.run_id == run);
        found.ok_or_else(|| unknown(&run.to_string()))
    }

    /// The run that is called `name`: by its id, by how that begins or ends, or `last`.
    pub(super) async fn find(&self, name: &str) -> Result<Head, Trouble> {
        if let Ok(run) = name.parse::<RunId>() {
            return self.head(run).await;
        }
        let limit = if name == "last" { 1 } else { PAGE };
        let mut runs = self.runs(limit, None).await?;
        if name != "last" {
            runs.retain(|head| {
                let id = head.run_id.to_string();
                !name.is_empty() && (id.starts_with(name) || id.ends_with(name))
            });
        }
        if runs.len() > 1 {
            let message = format!("{} runs are called `{name}`", runs.len());
            return Err(Trouble::of(
                Issue::error("run.ambiguous", message).hint("give more of the id"),
                false,
            ));
        }
        runs.pop().ok_or_else(|| unknown(name))
    }

    /// What the journal knows of a run; nothing without one.
    pub(super) async fn history(&self, run: RunId) -> Result<Vec<Past>, Trouble> {
        let (path, mut past, mut from) = (format!("runs/{run}/history"), Vec::new(), Some(0));
        while let Some(position) = from {
            let page = self.read::<History>(&path, &[("from", position.to_string())]).await?;
            past.extend(page.history);
            from = page.next;
        }
        Ok(past)
    }
}

fn unknown(name: &str) -> Trouble {
    let issue = Issue::error("run.unknown", format!("the host has no run `{name}`"));
    Trouble::of(issue.hint("`kailash runs watch` shows those under way"), false)
}
