//! The requests of the narratives by plain sockets, with no engine and no client: what the machine itself can do.

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Bytes of the requests' bodies, act by act, as the engine sends them.
const BODIES: [usize; 3] = [195, 525, 1020];

/// Sends and hears what a narrative does, so many times, and gives back how many bytes that sent.
pub(crate) async fn several(url: &str, times: u32) -> anyhow::Result<u64> {
    let (address, _) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .context("not an address of a provider")?;
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let mut sent_bytes = 0;
    let mut answer = Vec::new();
    for _ in 0..times {
        for bytes in BODIES {
            let request = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
                 content-length: {bytes}\r\n\r\n{:bytes$}",
                ' '
            );
            connection.write_all(request.as_bytes()).await?;
            sent_bytes += u64::try_from(bytes)?;
            answer.clear();
            while !answer.ends_with(b"}}") {
                ensure!(connection.read_buf(&mut answer).await? > 0, "the provider hung up");
            }
        }
    }
    Ok(sent_bytes)
}
