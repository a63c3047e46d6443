//! A site for the browser: the files of a folder under a strict Content Security Policy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long the browser may take to open a page.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The site, on 127.0.0.1 until it is dropped. A browser takes that for a secure context.
pub(crate) struct Site {
    url: String,
    other_pages: mpsc::UnboundedReceiver<String>,
    server: JoinHandle<()>,
}

struct SiteState {
    folder: PathBuf,
    /// The file that a user of the example changes: its name and its text.
    config: (&'static str, String),
    /// The Content Security Policy of the pages.
    policy: Option<String>,
    other_pages: mpsc::UnboundedSender<String>,
}

impl Site {
    /// Serves a folder, with the text of one file changed, to pages that may call the origin of the API.
    pub(crate) async fn start(folder: &Path, config: (&'static str, String), api: &str) -> Self {
        let policy = format!(
            "default-src 'none'; script-src 'self'; connect-src {api}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Self::serve(folder, config, Some(policy)).await
    }

    /// Serves a folder to pages that may call every origin.
    pub(crate) async fn start_open(folder: &Path) -> Self {
        Self::serve(folder, ("", String::new()), None).await
    }

    async fn serve(folder: &Path, config: (&'static str, String), policy: Option<String>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, other_pages) = mpsc::unbounded_channel();
        let state = SiteState { folder: folder.to_owned(), config, policy, other_pages: sender };
        let router = Router::new().fallback(page).with_state(Arc::new(state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { url, other_pages, server }
    }

    /// The address of its first page.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The path of the next page that the browser opens outside the folder.
    pub(crate) async fn other_page(&mut self) -> String {
        let path = tokio::time::timeout(MAX_WAIT, self.other_pages.recv()).await;
        path.expect("the browser opens a page in time").expect("the site is served")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn page(State(site): State<Arc<SiteState>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let file = if path.is_empty() { "index.html" } else { path };
    let kind = match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some("js") => "text/javascript",
        Some("html") => "text/html",
        // Browsers ask for it by themselves.
        Some("ico" | "png") => return StatusCode::NOT_FOUND.into_response(),
        _ => {
            // A test that has ended reads no paths.
            let _ = site.other_pages.send(format!("/{path}"));
            return ([(header::CONTENT_TYPE, "text/html")], "<!doctype html><title>Another page</title>")
                .into_response();
        }
    };
    let (config, text) = &site.config;
    let text = if file == *config { Ok(text.clone()) } else { std::fs::read_to_string(site.folder.join(file)) };
    match text {
        Ok(text) => {
            let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
            if let Some(policy) = &site.policy {
                let policy = policy.parse().expect("a policy");
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            response
        }
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
