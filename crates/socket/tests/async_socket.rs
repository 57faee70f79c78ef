//! Sockets shaped like tokio's.
#![cfg(feature = "tokio")]

mod pair;

use packet::Pool;
use pair::{networks, v4};
use socket::tokio::UdpSocket;
use std::io::ErrorKind;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_go_there_and_back() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    let server = UdpSocket::bind(&right, v4(2, 7)).expect("a port");
    let client = UdpSocket::bind(&left, v4(1, 0)).expect("a port");
    let echo = tokio::spawn(async move {
        let mut buffer = [0; 2000];
        for _ in 0..200 {
            let (count, from) = server.recv_from(&mut buffer).await?;
            server.send_to(&buffer[..count], from).await?;
        }
        std::io::Result::Ok(())
    });
    let exchange = async {
        for number in 0..200_u32 {
            client.send_to(&number.to_be_bytes(), v4(2, 7)).await.expect("sent");
            client.readable().await.expect("an answer");
            let mut buffer = [0; 8];
            assert_eq!(client.recv_from(&mut buffer).await.expect("an answer"), (4, v4(2, 7)));
            assert_eq!(buffer[..4], number.to_be_bytes());
        }
        echo.await.expect("no panic").expect("no error");
    };
    tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("in time");
    assert_eq!(client.try_recv_from(&mut []).expect_err("nothing").kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_future_that_is_dropped_loses_nothing() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    let server = UdpSocket::bind(&right, v4(2, 7)).expect("a port");
    let client = UdpSocket::bind(&left, v4(1, 0)).expect("a port");
    let mut buffer = [0; 8];
    let brief = Duration::from_millis(10);
    assert!(tokio::time::timeout(brief, server.recv_from(&mut buffer)).await.is_err());
    client.send_to(b"late", v4(2, 7)).await.expect("sent");
    let received = tokio::time::timeout(Duration::from_secs(10), server.recv_from(&mut buffer));
    assert_eq!(received.await.expect("in time").expect("a message").0, 4);
}

#[tokio::test]
async fn an_interface_that_goes_away_is_an_error() {
    let pool = Pool::plain(4096);
    let (left, right) = networks(&pool);
    let socket = UdpSocket::bind(&left, v4(1, 7)).expect("a port");
    let waits = tokio::spawn(async move { socket.recv_from(&mut [0; 8]).await.map(|_| ()) });
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(right);
    let error = tokio::time::timeout(Duration::from_secs(10), waits).await;
    let error = error.expect("in time").expect("no panic").expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::NetworkDown);
}
