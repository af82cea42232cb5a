//! What every request passes first: how it calls this host, how many there are, who sends it and how often. Whoever looks
//! whether the host lives and is ready is answered however busy it is.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{DefaultKeyedRateLimiter, Quota};
use kailash_core::{Error, ErrorKind, Retry};
use tokio::sync::Semaphore;

use super::{app::App, problem::Problem};
use crate::host::{
    config::HttpSection,
    keys::{Key, Keys, Scope},
};

/// How many tokens are hashed at a time: each takes 19 MiB and tens of milliseconds.
const HASHED_AT_ONCE: usize = 1;

/// The routes that are answered whatever the load and whoever asks: who is told 429 here would think the host dead.
const ALWAYS: [&str; 2] = ["/health", "/ready"];

/// The state of the guard.
pub(super) struct Guard {
    names: Vec<String>,
    key_needed: bool,
    requests: Semaphore,
    hashing: Arc<Semaphore>,
    rate: Option<DefaultKeyedRateLimiter<Sender>>,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Sender {
    Key(String),
    Address(IpAddr),
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Somebody on this machine, where no key is needed.
    Local,
    /// The owner of a key.
    Key(Arc<Key>),
}

impl Caller {
    fn allows(&self, scope: Scope) -> bool {
        match self {
            Self::Local => true,
            Self::Key(key) => key.scopes.allow(scope),
        }
    }

    /// Refuses what the caller may not do.
    pub(super) fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.allows(scope) {
            return Ok(());
        }
        let message = format!("the API key lacks the scope `{}`", scope.as_str());
        Err(Error::new(ErrorKind::Denied, "key.scope", message).into())
    }
}

impl Guard {
    /// The guard of a listener at `address`.
    pub(super) fn new(section: &HttpSection, address: SocketAddr) -> Self {
        let rate = NonZeroU32::new(section.rate_per_s)
            .map(|rate| DefaultKeyedRateLimiter::keyed(Quota::per_second(rate)));
        Self {
            names: section.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            key_needed: section.require_key || !address.ip().is_loopback(),
            requests: Semaphore::new(section.max_requests),
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE)),
            rate,
        }
    }

    /// Whether requests need an API key.
    pub(super) fn key_needed(&self) -> bool {
        self.key_needed
    }

    /// Whether a request names this host as it is called: else a page elsewhere may have got a name for it.
    fn is_called(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn check_names(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let host = text(header::HOST).unwrap_or_default();
        if !self.is_called(host) {
            let error = Error::new(ErrorKind::Denied, "http.host", "this host is not called so");
            return Err(error.with_hint("use its address, or add the name to `http.names`").into());
        }
        match text(header::ORIGIN) {
            Some(origin) if origin.split_once("://").map(|(_, rest)| rest) != Some(host) => {
                Err(Error::new(ErrorKind::Denied, "http.origin", "pages of other origins may not ask").into())
            }
            _ => Ok(()),
        }
    }

    async fn caller(
        &self,
        keys: &Keys,
        headers: &HeaderMap,
        from: IpAddr,
    ) -> Result<Option<Caller>, Problem> {
        let Some(token) = token(headers) else {
            return Ok((!self.key_needed).then_some(Caller::Local));
        };
        if let Some(key) = keys.remembered(token)? {
            return Ok(Some(Caller::Key(Arc::new(key))));
        }
        self.check_rate(None, from)?;
        let one = Arc::clone(&self.hashing).acquire_owned().await;
        let (keys, token) = (keys.clone(), token.to_owned());
        let check = move || {
            let checked = keys.check(&token);
            // Held as long as it is hashed, also if whoever asked goes away.
            drop(one);
            checked
        };
        let checked = tokio::task::spawn_blocking(check).await;
        let checked = checked.unwrap_or_else(|error| Err(Error::internal(error.to_string())));
        Ok(Some(Caller::Key(Arc::new(checked.map_err(|error| unauthorized(&error))?))))
    }

    fn check_rate(&self, caller: Option<&Caller>, from: IpAddr) -> Result<(), Problem> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let sender = match caller {
            Some(Caller::Key(key)) => Sender::Key(key.id.clone()),
            _ => Sender::Address(from),
        };
        if rate.len() > 10_000 {
            rate.retain_recent();
        }
        rate.check_key(&sender).map_err(|_| busy("http.rate", "too many requests in this second"))
    }
}

/// Lets a request pass, or answers it; both is counted.
pub(super) async fn guard(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let (method, route) = (method(request.method()), request.extensions().get::<MatchedPath>().cloned());
    let route = route.as_ref().map_or("", |route| route.as_str());
    let response = match admit(&app, from, route, &mut request).await {
        Ok(_permit) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    app.0.host.metrics.request(method, route, response.status().as_u16(), began.elapsed().as_secs_f64());
    response
}

async fn admit<'a>(
    app: &'a App,
    from: SocketAddr,
    route: &str,
    request: &mut Request,
) -> Result<Option<tokio::sync::SemaphorePermit<'a>>, Problem> {
    let guard = &app.0.guard;
    if ALWAYS.contains(&route) {
        guard.check_names(request.headers())?;
        return Ok(None);
    }
    let permit = guard.requests.try_acquire();
    let permit = permit.map_err(|_| busy("http.requests", "too many requests are under way"))?;
    guard.check_names(request.headers())?;
    let caller = guard.caller(&app.0.host.keys, request.headers(), from.ip()).await?;
    guard.check_rate(caller.as_ref(), from.ip())?;
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(Some(permit))
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| text("x-api-key"))
}

fn busy(code: &'static str, message: &str) -> Problem {
    Error::new(ErrorKind::Limit, code, message)
        .with_retry(Retry::After(std::time::Duration::from_secs(1)))
        .into()
}

fn unauthorized(error: &Error) -> Problem {
    let problem = Problem::from(error);
    if error.kind() == ErrorKind::Denied { problem.with_status(StatusCode::UNAUTHORIZED) } else { problem }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

/// The caller of a request, who may do what `SCOPE` says: see [`Reader`], [`Executor`], [`Manager`].
pub(super) struct Allowed<const SCOPE: u8>(pub(super) Caller);

/// Whoever may look.
pub(super) type Reader = Allowed<0>;
/// Whoever may execute registered workflows.
pub(super) type Executor = Allowed<1>;
/// Whoever may change workflows.
pub(super) type Manager = Allowed<2>;

impl<const SCOPE: u8> FromRequestParts<App> for Allowed<SCOPE> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let Some(caller) = parts.extensions.get::<Caller>() else {
            let error = Error::new(ErrorKind::Denied, "key.none", "an API key is needed here");
            let error = error.with_hint("send `Authorization: Bearer KEY`; `kailash keys add` makes one");
            return Err(Problem::from(error).with_status(StatusCode::UNAUTHORIZED));
        };
        caller.require(match SCOPE {
            0 => Scope::Read,
            1 => Scope::Execute,
            _ => Scope::Manage,
        })?;
        Ok(Self(caller.clone()))
    }
}
