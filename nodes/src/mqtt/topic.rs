//! Names of topics and filters over them (MQTT 5.0, section 4.7).

use kailash_core::{Error, Result};

/// What MQTT's length field of two bytes can say.
const MAX_BYTES: usize = 65_535;
/// What a filter begins with whose messages are shared (MQTT 5.0, section 4.8.2).
const SHARED: &str = "$share/";

/// Whether messages can be published under `topic`.
///
/// # Errors
/// Kind `Invalid`, code `mqtt.topic`.
pub(super) fn check_name(topic: &str) -> Result<()> {
    check_text(topic)?;
    if topic.contains(['+', '#']) {
        let message = format!("the topic `{topic}` has a wildcard");
        return Err(wrong(message).with_hint("`+` and `#` are for subscriptions; name one topic"));
    }
    Ok(())
}

/// Whether the subscribers to `filter` share its messages.
pub(super) fn is_shared(filter: &str) -> bool {
    filter.starts_with(SHARED)
}

/// Whether `filter` can be subscribed to.
///
/// # Errors
/// Kind `Invalid`, code `mqtt.topic`.
pub(super) fn check_filter(filter: &str) -> Result<()> {
    check_text(filter)?;
    let levels = match filter.strip_prefix(SHARED) {
        Some(shared) => match shared.split_once('/') {
            Some((group, rest)) if !group.is_empty() && !group.contains(['+', '#']) && !rest.is_empty() => {
                rest
            }
            _ => {
                let message = format!("`{filter}` is no shared subscription");
                return Err(wrong(message).with_hint("write it as $share/GROUP/FILTER"));
            }
        },
        None => filter,
    };
    let last = levels.split('/').count() - 1;
    for (index, level) in levels.split('/').enumerate() {
        let hint = match level {
            "+" => continue,
            "#" if index == last => continue,
            "#" => "`#` stands at the end, as in `plant/#`",
            level if level.contains(['+', '#']) => {
                "`+` and `#` stand alone between slashes, as in `plant/+/temp`"
            }
            _ => continue,
        };
        return Err(wrong(format!("`{filter}` is no filter of topics")).with_hint(hint));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<()> {
    match text {
        "" => Err(wrong("the topic is empty")),
        text if text.contains('\0') => Err(wrong("the topic has a NUL character in it")),
        text if text.len() > MAX_BYTES => Err(wrong(format!("the topic takes more than {MAX_BYTES} bytes"))),
        _ => Ok(()),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid("mqtt.topic", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_wildcards() {
        for good in ["a", "/", "plant/1/temp", "$SYS/x", "tür/ä b"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a/#", "+", "a+b", "a\0b", &"x".repeat(65_536)] {
            assert_eq!(check_name(bad).unwrap_err().code(), "mqtt.topic", "{bad}");
        }
    }

    #[test]
    fn wildcards_of_a_filter_stand_alone_and_the_many_levelled_one_at_the_end() {
        for good in ["#", "+", "a/#", "+/b/+", "/", "$share/g/a/#", "plant/+/temp"] {
            assert!(check_filter(good).is_ok(), "{good}");
        }
        for bad in ["", "a#", "#/a", "a/b+", "$share/g", "$share//a", "$share/+/a", "$share/g/", "a\0"] {
            assert_eq!(check_filter(bad).unwrap_err().code(), "mqtt.topic", "{bad}");
        }
    }
}
