//! The address of a broker: `mqtt://host:port`, or `mqtts://` with TLS.

use std::fmt;

use kailash_core::{Error, Result};

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// Reads `text`. Without a port it is 1883, with TLS 8883.
    ///
    /// # Errors
    /// Kind `Invalid`, code `mqtt.broker`; what stood in `text` is not shown, it may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |message: &str| {
            Error::invalid("mqtt.broker", message)
                .with_hint("write it as mqtt://host:port, or mqtts:// with TLS")
        };
        let (tls, rest) = match text.trim().split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            Some(_) => return Err(wrong("the address of the broker is neither mqtt:// nor mqtts://")),
            None => return Err(wrong("the address of the broker has no mqtt:// or mqtts://")),
        };
        if rest.contains('@') {
            return Err(wrong("the address of the broker has a name or password in it")
                .with_hint("use `username` and `password`"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The port follows the last colon, unless that is one within the brackets of an IPv6 address.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let port = port.parse::<u16>().ok().filter(|port| *port > 0);
                (host, port.ok_or_else(|| wrong("the port of the broker is no number from 1 to 65535"))?)
            }
            _ => (rest, if tls { 8883 } else { 1883 }),
        };
        let is_v6 = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) || (!is_v6 && host.contains(':')) {
            return Err(wrong("the address of the broker has no host"));
        }
        if is_v6 && tls {
            return Err(wrong("with mqtts:// the broker is named, not given by an IPv6 address"));
        }
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_printed() {
        for (text, printed) in [
            ("mqtt://broker.local", "mqtt://broker.local:1883"),
            ("mqtts://broker.local/", "mqtts://broker.local:8883"),
            ("mqtt://127.0.0.1:1884", "mqtt://127.0.0.1:1884"),
            ("mqtt://[::1]:1884", "mqtt://[::1]:1884"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_shown() {
        for text in [
            "",
            "broker:1883",
            "http://broker",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://broker:0",
            "mqtt://broker:x",
            "mqtt://broker/path",
            "mqtt://me:hunter2@broker:1883",
            "mqtts://[::1]:8883",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.code(), "mqtt.broker", "{text}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }
}
