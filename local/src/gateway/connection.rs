//! A connection that remembers the head of the request it is reading, so that a function sees header names as they
//! were sent: the HTTP library under the gateway writes them all in lower case.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    http::HeaderMap,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Well over what the gateway lets a head be, so that one that is too long is seen to be.
const REMEMBERED: usize = 64 * 1024;

/// The bytes read since the last answer; nothing while a request is being answered.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Option<Vec<u8>>>>);

impl Recording {
    fn with<T>(&self, act: impl FnOnce(&mut Option<Vec<u8>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a request's handler may know of its connection.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    recording: Recording,
}

/// Recording goes on when this is dropped: the request is answered.
pub(crate) struct Answering(Recording);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.with(|bytes| *bytes = Some(Vec::new()));
    }
}

/// A request's head: its headers in the order and spelling in which they came, and its size.
pub(crate) struct Head {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bytes: usize,
}

impl Connection {
    /// The head of the request that is now to be answered. Where the bytes do not bear out the parsed headers (a
    /// client that sends its next request early), the parsed ones are given.
    pub(crate) fn head(&self, parsed: &HeaderMap, request_line: usize) -> (Head, Answering) {
        let bytes = self.recording.with(Option::take).unwrap_or_default();
        let head = sent(&bytes).filter(|head| agree(&head.headers, parsed)).unwrap_or_else(|| {
            let headers: Vec<_> = parsed
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect();
            let size = parsed.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
            Head { headers, bytes: request_line + size + 2 }
        });
        (head, Answering(self.recording.clone()))
    }
}

/// The head at the start of these bytes, if all of it is there.
fn sent(bytes: &[u8]) -> Option<Head> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let mut size = 0;
    let mut headers = Vec::new();
    for (number, line) in bytes[start..].split_inclusive(|byte| *byte == b'\n').enumerate() {
        size += line.len();
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Some(Head { headers, bytes: size });
        }
        if number > 0 {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let text = |part: &[u8]| String::from_utf8_lossy(part.trim_ascii()).into_owned();
            headers.push((text(&line[..colon]), text(&line[colon + 1..])));
        }
    }
    None
}

fn agree(sent: &[(String, String)], parsed: &HeaderMap) -> bool {
    sent.len() == parsed.len() && sent.iter().all(|(name, _)| parsed.contains_key(name.as_str()))
}

/// Takes connections on the gateway's port.
pub(crate) struct Connections(pub(crate) TcpListener);

impl Listener for Connections {
    type Io = Recorded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Recorded, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        let recording = Recording::default();
        recording.with(|bytes| *bytes = Some(Vec::new()));
        (Recorded { stream, recording }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Connections>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Self { peer: *stream.remote_addr(), recording: stream.io().recording.clone() }
    }
}

/// A stream whose reading is remembered.
pub(crate) struct Recorded {
    stream: TcpStream,
    recording: Recording,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let new = &buffer.filled()[before..];
        if !new.is_empty() {
            self.recording.with(|bytes| {
                if let Some(bytes) = bytes.as_mut().filter(|bytes| bytes.len() < REMEMBERED) {
                    bytes.extend_from_slice(new);
                }
            });
        }
        polled
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_spelling_and_values_their_rest() {
        let head = sent(b"\r\nGET / HTTP/1.1\r\nX-Api-KEY: a:b \r\nhost:h\xff\r\n\r\nbody").expect("a whole head");
        let expected = [("X-Api-KEY", "a:b"), ("host", "h\u{fffd}")];
        assert_eq!(head.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(head.bytes, 16 + 17 + 9 + 2);
        assert!(sent(b"GET / HTTP/1.1\r\nHost: h\r\n").is_none());
    }
}
