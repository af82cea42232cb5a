//! Servers that always give the same kind of answer.

use wiremock::{Mock, MockServer, Respond, matchers::any};

/// A server that answers everything with `answer`.
pub(in crate::http) async fn serving(answer: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}
