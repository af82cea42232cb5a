//! Sends messages in order and waits for the brokers' reports.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result, Retry};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureRecord, future_producer::DeliveryFuture},
};
use tokio::time::{Instant, timeout_at};

use super::{error, producers::Producer, record::Record};

/// How many messages are under way at once.
const WINDOW: usize = 1000;

/// How long a full queue is left alone.
const FULL: Duration = Duration::from_millis(10);

/// Publishes `records` and waits until all replicas that count have each.
///
/// # Errors
/// What a broker refuses; kind `Timeout`, code `kafka.timeout`, for reports that don't come until `deadline`; kind `Denied`,
/// code `kafka.denied`.
pub(super) async fn publish(producer: &Producer, records: &[Record], deadline: Instant) -> Result<()> {
    let mut done = 0;
    for window in records.chunks(WINDOW) {
        let outcome = tokio::select! {
            biased;
            outcome = timeout_at(deadline, send(producer, window, &mut done)) => outcome,
            error = producer.ear.refused() => {
                // It goes on with the password that it has; the next one reads it again.
                producer.give_up();
                Ok(Err(error))
            }
        };
        let outcome = outcome.unwrap_or_else(|_| Err(late(producer)));
        outcome.map_err(|error| so_far(error, done, records.len()))?;
    }
    Ok(())
}

/// Sends a window of messages, and counts in `done` those that were delivered.
async fn send(producer: &Producer, window: &[Record], done: &mut usize) -> Result<()> {
    let Some(inner) = producer.inner() else {
        return Err(Error::internal("a producer was used after its end"));
    };
    let mut reports: Vec<(&Record, DeliveryFuture)> = Vec::with_capacity(window.len());
    let mut waited = 0;
    for record in window {
        loop {
            let key = record.key.as_deref();
            let message = FutureRecord {
                topic: &record.topic,
                partition: None,
                payload: record.value.as_deref(),
                key,
                timestamp: None,
                headers: record.owned_headers(),
            };
            match inner.send_result(message) {
                Ok(report) => {
                    reports.push((record, report));
                    break;
                }
                // The queue has room again when what is in it was delivered.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    match reports.get_mut(waited) {
                        Some((sent, report)) => {
                            delivered(producer, sent, report).await?;
                            (waited, *done) = (waited + 1, *done + 1);
                        }
                        // Others filled it, and nobody tells when they are through.
                        None => tokio::time::sleep(FULL).await,
                    }
                }
                Err((error, _)) => return Err(failed(producer, &error).at(record.topic.as_str())),
            }
        }
    }
    for (record, report) in reports.iter_mut().skip(waited) {
        delivered(producer, record, report).await?;
        *done += 1;
    }
    Ok(())
}

/// Waits for the report of one message.
async fn delivered(producer: &Producer, record: &Record, report: &mut DeliveryFuture) -> Result<()> {
    match report.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(failed(producer, &error).at(record.topic.as_str())),
        Err(_) => Err(Error::internal("a producer ended while it was used")),
    }
}

fn failed(producer: &Producer, error: &KafkaError) -> Error {
    use RDKafkaErrorCode::{Authentication, Fatal, SaslAuthenticationFailed};
    if let Some(Fatal | Authentication | SaslAuthenticationFailed) = error.rdkafka_error_code() {
        producer.give_up();
    }
    let told = error::of(error);
    if told.kind() == ErrorKind::Timeout { late(producer) } else { told }
}

/// Nobody reported in time; the reason may have been heard before.
fn late(producer: &Producer) -> Error {
    let reason = producer.ear.last().map(|error| format!(": {}", error.message())).unwrap_or_default();
    let message = format!("the brokers did not confirm in time{reason}");
    Error::new(ErrorKind::Timeout, "kafka.timeout", message)
        .with_hint("messages may have been delivered all the same")
}

/// The same failure, with how many messages were delivered before.
fn so_far(error: Error, done: usize, all: usize) -> Error {
    if all == 1 {
        return error;
    }
    let message = format!("{} (of {all} messages {done} were delivered before)", error.message());
    let retry = if done > 0 { Retry::Never } else { error.retry() };
    let mut told = Error::new(error.kind(), error.code().to_owned(), message).with_retry(retry);
    if let Some(place) = error.place() {
        told = told.at(place);
    }
    match error.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}
