//! `GET /console` and `GET /console/{file}`: the web console. It is public, and contains no secret: who opens it signs in.

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use lambda_http::http::{HeaderName, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::config::Config;
use shared::http::{Extract as _, Problem, Request, Response, ResponseExt as _, Routes, auth, response};
use url::Url;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/console"), ("GET", "/console/{file}")];

/// Files with these names have no hash in them, so that a browser asks for them again.
const UNHASHED: [&str; 2] = ["sw.js", "licenses.md"];

/// What the page is told about signing in.
#[derive(Serialize)]
struct PageConfig<'a> {
    client_id: &'a str,
    issuer: &'a str,
    authorize: String,
    token: String,
    logout: String,
    version: &'static str,
    /// The path of the test browser of a laptop.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_browser: Option<&'a str>,
}

/// The page of this deployment.
pub struct Page {
    template: &'static str,
    sign_in: String,
    issuer: String,
    test_browser: Option<String>,
    content_security_policy: String,
}

impl Page {
    /// The page with the addresses of this deployment's user pool.
    pub fn new(config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let sign_in = config.required("SIGN_IN_URL")?;
        let sign_in_origin = Url::parse(sign_in)?.origin().ascii_serialization();

        Ok(Self {
            template: console::file(console::PAGE).ok_or("the console has no page")?.text,
            sign_in: sign_in.to_owned(),
            issuer: config.required("SIGN_IN_ISSUER")?.to_owned(),
            test_browser: config.optional("TEST_BROWSER").map(str::to_owned),
            content_security_policy: format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self' {sign_in_origin}; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types pushgate"
            ),
        })
    }

    /// The page for this app client, which is known with the first request only.
    fn html(&self, client_id: &str) -> Result<String, Problem> {
        let Self { sign_in, issuer, .. } = self;
        let config = PageConfig {
            client_id,
            issuer,
            authorize: format!("{sign_in}/oauth2/authorize"),
            token: format!("{sign_in}/oauth2/token"),
            logout: format!("{sign_in}/logout"),
            version: env!("CARGO_PKG_VERSION"),
            test_browser: self.test_browser.as_deref(),
        };
        // In a script element, only `<` could end it.
        let json = serde_json::to_string(&config).map_err(Problem::internal)?.replace('<', "\\u003c");
        Ok(self.template.replace(console::CONFIG_PLACEHOLDER, &json))
    }

    fn response(&self, request: &Request) -> Result<Response, Problem> {
        let html = self.html(auth::app_client(request)?)?;
        let digest = Sha256::digest(&html).iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        let etag = format!("\"{digest:032x}\"");
        let known = request.headers().get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        // A gateway that compresses the page makes its tag a weak one.
        let mut tags = known.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
        let response = if tags.any(|tag| tag == etag) {
            response::text(StatusCode::NOT_MODIFIED, "text/html; charset=utf-8", "")
        } else {
            response::text(StatusCode::OK, "text/html; charset=utf-8", &html)
        };
        Ok(response
            .with_header(ETAG, &etag)
            .with_header(CACHE_CONTROL, "no-cache")
            .with_header(CONTENT_SECURITY_POLICY, &self.content_security_policy)
            .with_header(REFERRER_POLICY, "no-referrer")
            .with_header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
    }
}

/// Responds with 200 and the page or a file of it, or with 304.
#[expect(clippy::unused_async, reason = "every handler has the same signature")]
pub async fn handle(page: &Page, request: &Request) -> Result<Response, Problem> {
    let Some(name) = request.raw_path_param("file") else { return page.response(request) };
    let file = console::file(name).and_then(|file| Some((file, content_type(file.name)?)));
    let (file, content_type) = file.ok_or(Problem::NotFound("file of the console"))?;
    let cache = if UNHASHED.contains(&file.name) { "no-cache" } else { "public, max-age=31536000, immutable" };

    Ok(response::text(StatusCode::OK, content_type, file.text).with_header(CACHE_CONTROL, cache))
}

/// The content type by a file's extension; `None` for the page itself, and for a kind that the console does not have.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "md" | "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_content_type() {
        for file in console::FILES {
            assert!(file.name == console::PAGE || content_type(file.name).is_some(), "{}", file.name);
        }
    }
}
