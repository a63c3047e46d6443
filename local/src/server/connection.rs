//! Connections: HTTP/1.1 with limits on heads, and an end that a client with an unread body still sees.

use std::{convert::Infallible, future::poll_fn, net::SocketAddr, pin::Pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use crate::server::limits::Limits;

/// The largest head that is parsed. Above API Gateway's quota, so that the gateway can answer with its own error.
const MAX_HEAD_BUFFER: usize = 64 * 1024;
/// How long a closed connection discards what its client still sends.
const MAX_LINGER: Duration = Duration::from_secs(1);

/// Serves a router until it is cancelled, and then until the requests in progress have their responses.
pub(super) async fn serve(mut listener: TcpListener, router: Router, limits: Limits, cancelled: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD_BUFFER);
    // Ends its connections when this task is aborted.
    let mut connections = JoinSet::new();
    while let Some((stream, peer)) = cancelled.run_until_cancelled(Listener::accept(&mut listener)).await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(builder.clone(), stream, peer, router.clone(), cancelled.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    builder: http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    cancelled: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = router.clone().call(request.map(Body::new));
        Box::pin(async { Ok::<_, Infallible>(response.await.unwrap_or_else(|never| match never {})) })
    });
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context));
    let served = if let Some(served) = cancelled.run_until_cancelled(served).await {
        served
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        poll_fn(|context| connection.poll_without_shutdown(context)).await
    };
    if served.is_ok() && !cancelled.is_cancelled() {
        linger(connection.into_parts().io.into_inner()).await;
    }
}

/// Closes a connection for writing and discards what the client still sends. Closing it with unread bytes would reset
/// it, and the client could lose the response.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _ = timeout(MAX_LINGER, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
    }
}
