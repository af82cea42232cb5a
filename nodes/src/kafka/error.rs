//! What librdkafka fails with, as errors.

use kailash_core::{Error, ErrorKind, Retry};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// The error that `error` is. What a config was set to is left out: it may be a secret.
pub(super) fn of(error: &KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, reason, key, _) => {
            let message = format!("the client does not take `{key}`: {reason}");
            return Error::invalid("kafka.config", message);
        }
        KafkaError::ClientCreation(reason) => {
            return Error::invalid("kafka.config", format!("the client cannot be made: {reason}"));
        }
        KafkaError::Nul(_) => return Error::invalid("kafka.config", "a text has a NUL character"),
        _ => {}
    }
    match error.rdkafka_error_code() {
        Some(code) => coded(code),
        None => Error::node("kafka.failed", error.to_string()),
    }
}

/// The error that `code` stands for.
pub(super) fn coded(code: Code) -> Error {
    let (kind, name) = match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => (ErrorKind::Denied, "kafka.denied"),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            (ErrorKind::Missing, "kafka.topic.unknown")
        }
        Code::InvalidTopic => (ErrorKind::Invalid, "kafka.topic"),
        Code::InvalidGroupId => (ErrorKind::Invalid, "kafka.group_id"),
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            (ErrorKind::Limit, "kafka.too_large")
        }
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue => {
            (ErrorKind::Timeout, "kafka.timeout")
        }
        Code::Fatal | Code::InvalidRecord | Code::PolicyViolation | Code::InvalidConfig => {
            (ErrorKind::Node, "kafka.failed")
        }
        Code::PurgeQueue | Code::PurgeInflight => (ErrorKind::Cancelled, "kafka.given_up"),
        _ => (ErrorKind::Unavailable, "kafka.unreachable"),
    };
    let error = Error::new(kind, name, lower(&code.to_string()));
    match kind {
        ErrorKind::Limit | ErrorKind::Node => error.with_retry(Retry::Never),
        _ => error,
    }
}

/// Whether a consumer goes on by itself after `error`.
pub(super) fn passes(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// Whether an offset could not be committed because the partition went to somebody else.
pub(super) fn moved(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::IllegalGeneration
                | Code::UnknownMemberId
                | Code::RebalanceInProgress
                | Code::AssignmentLost
                | Code::NoOffset
        )
    )
}

/// The text with a small first letter.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_whether_trying_again_can_help() {
        for (code, kind, retry) in [
            (Code::Authentication, ErrorKind::Denied, "never"),
            (Code::UnknownTopicOrPartition, ErrorKind::Missing, "never"),
            (Code::MessageSizeTooLarge, ErrorKind::Limit, "never"),
            (Code::MessageTimedOut, ErrorKind::Timeout, "after"),
            (Code::AllBrokersDown, ErrorKind::Unavailable, "after"),
        ] {
            let error = coded(code);
            assert_eq!((error.kind(), error.retry().as_str()), (kind, retry), "{code}");
        }
    }

    #[test]
    fn what_a_config_was_set_to_is_not_told() {
        let mut config = rdkafka::ClientConfig::new();
        config.set("no.such.setting", "hush");
        let refused = config.create_native_config().err().unwrap();
        let told = format!("{:?}", of(&refused));
        assert!(told.contains("kafka.config") && !told.contains("hush"), "{told}");
    }
}
