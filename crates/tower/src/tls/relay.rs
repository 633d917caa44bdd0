//! From a listener's TLS to the tower's inside, and back: a pair of tasks with a buffer each.

use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};

/// When the tower has said all, a client has so long to say what it is still saying.
const LINGER: Duration = Duration::from_secs(2);

/// Carries bytes both ways until the tower is done with the client, or the client breaks off.
///
/// `copy` holds 8 KiB each way, and sends what TLS has put aside before it waits for more.
pub async fn run<C, T>(client: C, tower: T)
where
    C: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_client, mut to_client) = split(client);
    let (mut from_tower, mut to_tower) = split(tower);
    let mut up = pin!(async {
        copy(&mut from_client, &mut to_tower).await?;
        to_tower.shutdown().await
    });
    let mut down = pin!(async {
        copy(&mut from_tower, &mut to_client).await?;
        to_client.shutdown().await
    });
    let broke_off: io::Result<()> = tokio::select! {
        ended = &mut down => {
            if ended.is_ok() {
                // Closing on unread bytes would reset the connection, and the answer with it.
                let _ = tokio::time::timeout(LINGER, up).await;
            }
            return;
        }
        ended = &mut up => ended,
    };
    // A client that has nothing more to say may still listen.
    if broke_off.is_ok() {
        let _ = down.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, duplex};

    #[tokio::test(start_paused = true)]
    async fn what_is_said_arrives_and_the_end_of_the_tower_ends_a_silent_client_too() {
        let (mut client, client_end) = duplex(64);
        let (mut tower, tower_end) = duplex(64);
        let relay = tokio::spawn(run(client_end, tower_end));
        client.write_all(b"GET").await.unwrap();
        let mut asked = [0; 3];
        tower.read_exact(&mut asked).await.unwrap();
        tower.write_all(b"MP3").await.unwrap();
        drop(tower);
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!((&asked, all.as_slice()), (b"GET", &b"MP3"[..]));
        relay.await.unwrap();
    }

    #[tokio::test]
    async fn who_asks_and_closes_his_half_still_listens() {
        let (mut client, client_end) = duplex(64);
        let (mut tower, tower_end) = duplex(64);
        tokio::spawn(run(client_end, tower_end));
        client.write_all(b"GET").await.unwrap();
        client.shutdown().await.unwrap();
        let mut asked = Vec::new();
        tower.read_to_end(&mut asked).await.unwrap();
        tower.write_all(b"MP3").await.unwrap();
        let mut heard = [0; 3];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"MP3");
    }
}
