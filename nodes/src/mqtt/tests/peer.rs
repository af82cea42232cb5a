//! A peer that says what it was told to: for what no real broker does on demand.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// There is no session, success, no properties (MQTT 5.0, 3.2).
pub(super) const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];

/// The address of a peer that takes one connection after the other. Of each it answers the packets, one after the other,
/// with the bytes given, and ends it when there are none left; the last one it holds.
pub(super) async fn peer(connections: Vec<Vec<&'static [u8]>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let last = connections.len() - 1;
        for (index, answers) in connections.into_iter().enumerate() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0_u8; 4096];
            for answer in answers {
                assert!(stream.read(&mut bytes).await.unwrap() > 0);
                stream.write_all(answer).await.unwrap();
            }
            while index == last && stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
        }
    });
    address
}
