//! HTTP servers on 127.0.0.1 and the tasks beside them, which shut down together. Every server has the same limits and
//! accepts only requests for its own address.

mod bodies;
mod callers;
mod connection;
mod limits;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::start_error::StartError;
pub(crate) use bodies::{Bodies, BodyError, HeldBody, is_larger};
pub(crate) use callers::Callers;
use callers::{Guard, check};
pub(crate) use limits::Limits;

/// Listens on a port, or on a free one for 0; returns the address as a URL too.
pub(crate) async fn listen(port: u16) -> Result<(TcpListener, String), StartError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::new(format!("Port {port} is in use; choose another one with --port.")),
        _ => StartError::new(format!("Port {port} of 127.0.0.1 cannot be opened: {error}.")),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}

/// A group of servers and tasks. Dropping it aborts them.
pub(crate) struct Servers {
    cancelled: CancellationToken,
    tasks: JoinSet<()>,
    limits: Limits,
}

impl Servers {
    /// An empty group, whose servers have these limits.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { cancelled: CancellationToken::new(), tasks: JoinSet::new(), limits }
    }

    /// The token that tells a task to end.
    pub(crate) fn cancelled(&self) -> CancellationToken {
        self.cancelled.clone()
    }

    /// Runs a task until it ends by itself, which it does when it is cancelled.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Serves a router to its callers; its handlers may extract the client's address.
    pub(crate) fn serve(
        &mut self,
        listener: TcpListener,
        router: Router,
        callers: impl Fn(&axum::http::request::Parts) -> Callers + Send + Sync + 'static,
    ) {
        let port = listener.local_addr().map_or(0, |address: SocketAddr| address.port());
        let guard = Arc::new(Guard { port, callers: Box::new(callers) });
        let router = router.layer(from_fn_with_state(guard, check));
        self.tasks.spawn(connection::serve(listener, router, self.limits, self.cancelled()));
    }

    /// Cancels all tasks, waits for them, and aborts those that are not done in time.
    pub(crate) async fn join_or_abort(mut self, limit: Duration) {
        self.cancelled.cancel();
        let joined = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(limit, joined).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}
