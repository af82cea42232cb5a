//! A request of a node with what proves who sends it: the header is found, and a token that has ended is replaced.

use kailash_core::{Result, node::Context};
use reqwest::{
    Client, StatusCode,
    header::{HeaderName, HeaderValue},
};

use super::{
    Auth, HttpClient, OAuthTokens,
    message::Message,
    response::Answer,
    send::{Sending, leave_origin},
};

/// A header that nobody else may see.
pub(super) type Secret = (HeaderName, HeaderValue);

/// What a body needs for its requests.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) client: HttpClient,
    pub(super) tokens: OAuthTokens,
    pub(super) auth: Option<Auth>,
    pub(super) sending: Sending,
}

impl Exchange {
    /// Sends `message` and gives the answer, whatever its status.
    ///
    /// # Errors
    /// What the last attempt failed with; a secret or a token that is not to be had.
    pub(super) async fn send(&self, mut message: Message, cx: &Context) -> Result<Answer> {
        let client = self.client.get(cx).await?;
        if self.sending.within.as_ref().is_some_and(|origins| !origins.is_home(&message.url)) {
            leave_origin(&mut message.headers);
            return self.sending.send(&client, message, None, cx).await;
        }
        let secret = self.secret(&client, cx).await?;
        let answer = self.sending.send(&client, message.clone(), secret.clone(), cx).await?;
        let is_home = answer.url.origin() == message.url.origin();
        // A request that was refused was not carried out, so that it may be sent again whatever it does. One that was
        // redirected may have been.
        let may_repeat = is_home && (message.harmless || !answer.redirected);
        if answer.status != StatusCode::UNAUTHORIZED || !may_repeat || !self.renew(secret.as_ref()).await {
            return Ok(answer);
        }
        let secret = self.secret(&client, cx).await?;
        self.sending.send(&client, message, secret, cx).await
    }

    /// Gives up the token `refused`; false if there is no other one to be had.
    pub(super) async fn renew(&self, refused: Option<&Secret>) -> bool {
        let (Some(Auth::OAuth2(grant)), Some((_, token))) = (&self.auth, refused) else { return false };
        self.tokens.forget(grant, token).await;
        true
    }

    /// The header that proves who sends a request.
    pub(super) async fn secret(&self, client: &Client, cx: &Context) -> Result<Option<Secret>> {
        match &self.auth {
            None => Ok(None),
            Some(Auth::OAuth2(grant)) => self.tokens.header(grant, client, &self.sending, cx).await.map(Some),
            Some(auth) => auth.header(cx).await,
        }
    }
}
