//! Brokers that want to know who comes, and such with TLS.

use std::path::Path;

use kailash_core::{ErrorKind, Retry};

use super::{
    broker::guarded,
    peer::{CONNACK, peer},
    *,
};

fn secret(broker: &Broker, text: &str) -> String {
    let file = broker.folder.path().join("secret");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    format!("file:{}", file.display())
}

#[tokio::test]
async fn who_knows_the_password_gets_in() {
    let broker = Broker::with(|folder| guarded(folder, "me", "hunter2")).await;
    let config = value!({"username": "me", "password": (secret(&broker, "hunter2"))});
    publish(&broker, config.clone(), value!({"topic": "t", "payload": 1})).await.unwrap();
    let mut subscriber = config.into_map().unwrap();
    subscriber.insert("duration_s", 0.1);
    assert_eq!(collect(&broker, subscriber.into(), "t").await.unwrap().get("count"), Some(&value!(0)));
}

#[tokio::test]
async fn a_wrong_password_is_denied_at_once_and_never_shown() {
    let broker = Broker::with(|folder| guarded(folder, "me", "right")).await;
    let config = value!({"username": "me", "password": (secret(&broker, "hunter2")), "timeout_s": 60});
    let errors = [
        publish(&broker, config.clone(), value!({"topic": "t", "payload": 1})).await.unwrap_err(),
        collect(&broker, config, "t").await.unwrap_err(),
        publish(&broker, value!({}), value!({"topic": "t", "payload": 1})).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "mqtt.denied"), "{error}");
        assert_eq!(error.retry(), Retry::Never);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_password_that_is_corrected_is_used_by_the_next_run() {
    let broker = Broker::with(|folder| guarded(folder, "me", "right")).await;
    let config = value!({"username": "me", "password": (secret(&broker, "wrong"))});
    let given = value!({"topic": "t", "payload": 1});
    assert_eq!(publish(&broker, config.clone(), given.clone()).await.unwrap_err().code(), "mqtt.denied");
    secret(&broker, "right");
    publish(&broker, config, given).await.unwrap();
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let broker = Broker::start().await;
    let config = value!({"username": "me", "password": "env:KAILASH_TEST_NO_SUCH_VARIABLE"});
    let error = publish(&broker, config, value!({"topic": "t", "payload": 1})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "mqtt.secret"));
}

#[tokio::test]
async fn a_subscription_that_is_not_granted_is_denied() {
    // SUBACK: granted, not authorized (3.9.3).
    let broker = peer(vec![vec![CONNACK, &[0x90, 5, 0, 1, 0, 1, 0x87]]]).await;
    let node = NodeTest::new::<MqttSubscribe>(value!({"broker": broker}), &Services::default()).unwrap();
    let error = node.run(value!({"topics": ["a", "secret/#"]})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "mqtt.denied"), "{error}");
    assert!(error.message().contains("secret/#"));
}

#[tokio::test]
async fn who_is_pushed_out_by_another_client_of_the_same_name_is_told() {
    // SUBACK, and then DISCONNECT: session taken over (3.14.2).
    let broker = peer(vec![vec![CONNACK, &[0x90, 4, 0, 1, 0, 1, 0xe0, 2, 0x8e, 0]]]).await;
    let node = NodeTest::new::<MqttSubscribe>(value!({"broker": broker}), &Services::default()).unwrap();
    let error = node.run(value!({"topics": "a"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "mqtt.client_id"), "{error}");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_mqtt_is_said_to_be_so() {
    let broker = peer(vec![vec![b"HTTP/1.1 400 Bad Request\r\n\r\n"]; 20]).await;
    let config = value!({"broker": broker, "timeout_s": 0.3});
    let node = NodeTest::new::<MqttSubscribe>(config, &Services::default()).unwrap();
    let error = node.run(value!({"topics": "a"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "mqtt.protocol"), "{error}");
}

/// Makes an authority of its own and a certificate for `localhost` with it.
fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let run =
            std::process::Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        let run = run.expect("`openssl` is needed: install the package openssl");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=ca"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    std::fs::write(folder.join("ext"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile ext",
    );
}

fn with_tls(folder: &Path) -> String {
    certificates(folder);
    let at = folder.display();
    format!("allow_anonymous true\ncertfile {at}/server.pem\nkeyfile {at}/server.key\n")
}

#[tokio::test]
async fn with_tls_a_broker_is_trusted_only_if_its_authority_is() {
    let broker = Broker::with(with_tls).await;
    let url = format!("mqtts://localhost:{}", broker.port);
    let ca = broker.folder.path().join("ca.pem").display().to_string();
    let config = value!({"broker": (url.clone()), "ca_file": ca, "retain": true});
    publish(&broker, config, value!({"topic": "t", "payload": "safe"})).await.unwrap();
    let config = value!({"broker": url, "timeout_s": 20});
    let error = publish(&broker, config, value!({"topic": "t", "payload": 1})).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("mqtt.tls", Retry::Never), "{error}");
}

#[tokio::test]
async fn a_file_that_holds_no_certificate_is_refused() {
    let broker = Broker::start().await;
    let file = broker.folder.path().join("empty.pem");
    let config =
        |path: &Path| value!({"broker": "mqtts://localhost:1", "ca_file": (path.display().to_string())});
    let given = value!({"topic": "t", "payload": 1});
    let error = publish(&broker, config(&file), given.clone()).await.unwrap_err();
    assert_eq!(error.code(), "io.not_found");
    std::fs::write(&file, "nothing").unwrap();
    let error = publish(&broker, config(&file), given).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "mqtt.tls"));
}

#[test]
fn settings_show_where_a_secret_is_and_not_what() {
    let config = value!({"broker": "mqtt://b", "password": "hunter2"});
    let error = NodeTest::new::<MqttPublish>(config, &Services::default()).err().unwrap();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let config = value!({"broker": "mqtt://b", "password": "env:P"});
    let node: MqttPublish = kailash_core::from_value(&config).unwrap();
    assert!(format!("{node:?}").contains("Env(\"P\")"));
}
