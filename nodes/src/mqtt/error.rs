//! Failures of MQTT in Kailash's terms, and whether trying the connection again can help.

use std::error::Error as StdError;

use kailash_core::{Error, ErrorKind, Retry};
use rumqttc::{
    ConnectReturnCode as Refused, ConnectionError, DisconnectReasonCode as Ended, PubAckReason,
    PubCompReason, PubRecReason, PublishNoticeError, StateError, SubscribeReasonCode,
};

/// What ended a connection to the broker at `place`. Its retry advice says whether connecting again can help.
pub(super) fn connection(error: &ConnectionError, place: &str) -> Error {
    let described = match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => refused(*code),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => ended(*reason_code),
        ConnectionError::MqttState(StateError::Io(error)) | ConnectionError::Io(error) => {
            unavailable("mqtt.connect", format!("no connection: {error}"))
        }
        ConnectionError::MqttState(
            StateError::ConnectionAborted | StateError::AwaitPingResp | StateError::CollisionTimeout,
        )
        | ConnectionError::Timeout(_) => unavailable("mqtt.connect", format!("no connection: {error}")),
        ConnectionError::Tls(error) => {
            unavailable("mqtt.tls", format!("no secure connection: {}", innermost(error)))
                .with_retry(Retry::Never)
                .with_hint("is the broker's certificate valid, and its authority known? see `ca_file`")
        }
        other => unavailable("mqtt.protocol", format!("the broker is not understood: {other}"))
            .with_hint("does it speak MQTT 5?"),
    };
    described.at(place)
}

/// The failure of what certificates or keys were given.
pub(super) fn tls(error: &(dyn StdError + 'static), place: &str) -> Error {
    let message = format!("TLS cannot be set up: {}", innermost(error));
    Error::invalid("mqtt.tls", message).at(place)
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn unavailable(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, code, message)
}

fn denied(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Denied, "mqtt.denied", message)
}

fn refused(code: Refused) -> Error {
    let message = format!("the broker refused the connection: {code:?}");
    match code {
        Refused::BadUserNamePassword
        | Refused::NotAuthorized
        | Refused::Banned
        | Refused::BadAuthenticationMethod => denied(message).with_hint("see `username` and `password`"),
        Refused::BadClientId | Refused::ClientIdentifierNotValid => {
            Error::invalid("mqtt.client_id", message).with_hint("see `client_id`")
        }
        Refused::RefusedProtocolVersion | Refused::UnsupportedProtocolVersion => {
            unavailable("mqtt.protocol", message)
                .with_retry(Retry::Never)
                .with_hint("the broker must speak MQTT 5")
        }
        Refused::UseAnotherServer | Refused::ServerMoved => {
            unavailable("mqtt.connect", message).with_retry(Retry::Never)
        }
        _ => unavailable("mqtt.connect", message),
    }
}

fn ended(code: Ended) -> Error {
    let message = format!("the broker ended the connection: {code:?}");
    match code {
        Ended::NotAuthorized => denied(message),
        Ended::SessionTakenOver => Error::new(ErrorKind::Conflict, "mqtt.client_id", message)
            .with_hint("somebody else connected with the same `client_id`"),
        Ended::PacketTooLarge => {
            Error::new(ErrorKind::Limit, "mqtt.too_large", message).with_retry(Retry::Never)
        }
        Ended::UseAnotherServer | Ended::ServerMoved => {
            unavailable("mqtt.connect", message).with_retry(Retry::Never)
        }
        _ => unavailable("mqtt.connect", message),
    }
}

/// What the broker said to a message that it did not take; `None` if it took it.
pub(super) fn puback(reason: PubAckReason) -> Option<Error> {
    let message = format!("the broker did not take a message: {reason:?}");
    Some(match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return None,
        PubAckReason::NotAuthorized => denied(message),
        PubAckReason::QuotaExceeded => Error::new(ErrorKind::Limit, "mqtt.quota", message),
        PubAckReason::TopicNameInvalid | PubAckReason::PayloadFormatInvalid => {
            Error::invalid("mqtt.refused", message)
        }
        _ => unavailable("mqtt.refused", message),
    })
}

/// As [`puback`], for the first answer to a message of QoS 2.
pub(super) fn pubrec(reason: PubRecReason) -> Option<Error> {
    let message = format!("the broker did not take a message: {reason:?}");
    Some(match reason {
        PubRecReason::Success | PubRecReason::NoMatchingSubscribers => return None,
        PubRecReason::NotAuthorized => denied(message),
        PubRecReason::QuotaExceeded => Error::new(ErrorKind::Limit, "mqtt.quota", message),
        PubRecReason::TopicNameInvalid | PubRecReason::PayloadFormatInvalid => {
            Error::invalid("mqtt.refused", message)
        }
        _ => unavailable("mqtt.refused", message),
    })
}

/// As [`puback`], for the last answer to a message of QoS 2.
pub(super) fn pubcomp(reason: PubCompReason) -> Option<Error> {
    (reason != PubCompReason::Success).then(|| in_doubt(format!("the broker lost a message: {reason:?}")))
}

/// What became of a message that got no answer, other than that its session was lost.
pub(super) fn notice(error: &PublishNoticeError) -> Error {
    match error {
        PublishNoticeError::V5PubAck(reason) => puback(*reason),
        PublishNoticeError::V5PubRec(reason) => pubrec(*reason),
        PublishNoticeError::V5PubComp(reason) => pubcomp(*reason),
        PublishNoticeError::RetainNotSupported => {
            Some(Error::invalid("mqtt.retain", "the broker does not keep retained messages"))
        }
        _ => None,
    }
    .unwrap_or_else(|| in_doubt(format!("a message got no answer: {error}")))
}

/// It is not known whether the broker has a message, and sending it again could deliver it twice.
pub(super) fn in_doubt(message: impl Into<String>) -> Error {
    unavailable("mqtt.in_doubt", message)
        .with_retry(Retry::Never)
        .with_hint("it may have been delivered; with `qos` 1 it is sent again")
}

/// What the broker said to a subscription that it did not grant; `None` if it granted it.
pub(super) fn suback(reason: SubscribeReasonCode, filter: &str) -> Option<Error> {
    let message = format!("the broker did not grant the subscription `{filter}`: {reason:?}");
    Some(match reason {
        SubscribeReasonCode::Success(_) => return None,
        SubscribeReasonCode::NotAuthorized => denied(message),
        SubscribeReasonCode::QuotaExceeded => Error::new(ErrorKind::Limit, "mqtt.quota", message),
        _ => Error::invalid("mqtt.subscribe", message),
    })
}
