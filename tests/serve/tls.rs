//! TLS: the host proves who it is, and takes a renewed certificate without a restart.

use std::{fs, path::Path, process::Command, sync::Arc};

use kailash::{
    Registry, Services,
    host::{Host, config::Layers},
    http::Listener,
};
use reqwest::Certificate;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use crate::support::LAST_ANSWERS;

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an authority `NAME-ca.pem`, and a certificate with its key in `host.pem` and `host.key`.
fn certificate(folder: &Path, name: &str) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -days 2 -subj /CN={name} -keyout ca.key -out {name}-ca.pem"));
    openssl(folder, &format!("req {key} -subj /CN=localhost -keyout host.key -out host.csr"));
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let sign = format!(
        "x509 -req -in host.csr -CA {name}-ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names"
    );
    openssl(folder, &format!("{sign} -out host.pem"));
}

fn settings(folder: &Path) -> [String; 4] {
    let at = |name: &str| folder.join(name).display().to_string();
    [
        format!("host.data={}", at("data")),
        "http.listen=127.0.0.1:0".to_owned(),
        format!("identity.tls.certificates={}", at("host.pem")),
        format!("identity.tls.key={}", at("host.key")),
    ]
}

async fn host(folder: &Path) -> kailash::Result<Arc<Host>> {
    let config =
        Layers::new().settings(settings(folder).iter().map(String::as_str)).unwrap().config().unwrap();
    Host::with(config, Registry::new(), Services::builder().build()).await.map(Arc::new)
}

/// A client that trusts the authority `name` alone.
fn client(folder: &Path, name: &str) -> reqwest::Client {
    let authority = Certificate::from_pem(&fs::read(folder.join(format!("{name}-ca.pem"))).unwrap()).unwrap();
    reqwest::Client::builder().tls_certs_only([authority]).pool_max_idle_per_host(0).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_speaks_tls_and_takes_a_renewed_certificate() {
    let folder = TempDir::new().unwrap();
    certificate(folder.path(), "first");
    let host = host(folder.path()).await.unwrap();
    let listener = Listener::bind(Arc::clone(&host)).await.unwrap();
    let (url, address, stop) =
        (format!("{}/health", listener.url()), listener.address(), CancellationToken::new());
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let serving = tokio::spawn(listener.serve(stop.clone(), LAST_ANSWERS));

    let first = client(folder.path(), "first");
    assert!(first.get(&url).send().await.unwrap().status().is_success());
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection may be reset.
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "plain HTTP is not answered");

    let tls = host.identity.tls.as_ref().unwrap();
    assert!(!tls.read_again().unwrap(), "nothing changed");
    fs::write(folder.path().join("host.pem"), "half a file").unwrap();
    assert_eq!(tls.read_again().unwrap_err().code(), "tls.files");
    assert!(first.get(&url).send().await.unwrap().status().is_success(), "the old one stays");
    certificate(folder.path(), "second");
    assert!(tls.read_again().unwrap());
    assert!(client(folder.path(), "second").get(&url).send().await.unwrap().status().is_success());
    // A client of its own: the other one may go on with the session it has.
    let error = client(folder.path(), "first").get(&url).send().await.unwrap_err();
    assert!(error.is_connect(), "the new certificate is of another authority: {error:?}");

    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn files_that_do_not_fit_are_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let error = host(folder.path()).await.err().unwrap();
    assert!(error.to_string().contains("host.pem"), "{error}");
    certificate(folder.path(), "first");
    let good = fs::read(folder.path().join("host.key")).unwrap();
    fs::write(folder.path().join("host.key"), "no key").unwrap();
    let refused = host(folder.path()).await.err().unwrap();
    assert!(
        refused.code() == "tls.files" && refused.place().is_some_and(|place| place.ends_with("host.key"))
    );
    openssl(folder.path(), "ecparam -name prime256v1 -genkey -noout -out host.key");
    let refused = host(folder.path()).await.err().unwrap();
    assert!(
        refused.hint().is_some_and(|hint| hint.contains("the key of the first certificate")),
        "{refused:?}"
    );
    fs::write(folder.path().join("host.key"), good).unwrap();
    host(folder.path()).await.unwrap();
}
