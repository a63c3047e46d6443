//! HTTP servers on 127.0.0.1 and the tasks beside them, which shut down together.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::start_error::StartError;

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
#[derive(Default)]
pub(crate) struct Servers {
    cancelled: CancellationToken,
    tasks: JoinSet<()>,
}

impl Servers {
    /// The token that tells a task to end.
    pub(crate) fn cancelled(&self) -> CancellationToken {
        self.cancelled.clone()
    }

    /// Runs a task until it ends by itself, which it does when it is cancelled.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Serves a router; its handlers may extract the client's address.
    pub(crate) fn serve(&mut self, listener: TcpListener, router: Router) {
        let cancelled = self.cancelled().cancelled_owned();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        self.spawn(async move {
            let _ = axum::serve(listener, service).with_graceful_shutdown(cancelled).await;
        });
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

impl Drop for Servers {
    fn drop(&mut self) {
        // Connections have tasks of their own, which only the token reaches.
        self.cancelled.cancel();
    }
}
