//! Names of topics.

use kailash_core::{Error, Result, Value};

/// The longest name of a topic, in bytes.
const MAX: usize = 249;

/// Checks the name of a topic as a broker does.
///
/// # Errors
/// Kind `Invalid`, code `kafka.topic`.
pub(super) fn check(topic: &str) -> Result<()> {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    if topic.is_empty() || topic.len() > MAX || !topic.chars().all(is_sound) || [".", ".."].contains(&topic) {
        let message = format!("`{topic}` cannot be the name of a topic");
        let hint = "a topic has 1 to 249 letters, digits, `.`, `_` and `-`";
        return Err(Error::invalid("kafka.topic", message).with_hint(hint));
    }
    Ok(())
}

/// The topics that `topics` is: a list of texts, or one text.
///
/// # Errors
/// Kind `Invalid`, code `kafka.topic`.
pub(super) fn several(topics: &Value) -> Result<Vec<String>> {
    let several = topics.as_list().unwrap_or(std::slice::from_ref(topics));
    if several.is_empty() {
        return Err(Error::invalid("kafka.topic", "there is no topic to subscribe to"));
    }
    let one = |topic: &Value| match topic {
        Value::Str(topic) => check(topic).map(|()| topic.as_str().to_owned()),
        other => Err(Error::invalid("kafka.topic", format!("a topic is text, not {}", other.kind()))),
    };
    several.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn a_topic_has_a_name_that_a_broker_takes() {
        assert_eq!(several(&value!(["a", "b.c_d-e"])).unwrap(), ["a", "b.c_d-e"]);
        assert_eq!(several(&value!("one")).unwrap(), ["one"]);
        for wrong in [
            value!(""),
            value!("a b"),
            value!("^a.*"),
            value!(["a", 1]),
            value!([]),
            value!(".."),
            value!("x".repeat(250)),
        ] {
            assert_eq!(several(&wrong).unwrap_err().code(), "kafka.topic", "{wrong:?}");
        }
    }
}
