//! The API reference: `docs/openapi.yaml` in Swagger UI, whose assets are in this program. It loads nothing from
//! elsewhere.

use axum::{
    Router,
    http::{HeaderName, header},
    middleware::map_response,
    response::Html,
    routing::get,
};
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

use crate::page::with_headers;

const HEADERS: [(HeaderName, &str); 2] =
    [(header::CONTENT_SECURITY_POLICY, POLICY), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];

const DOCUMENT: &str = include_str!("../../docs/openapi.yaml");

/// Everything is a file of this origin, so that the policy need not allow inline scripts or styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Pushgate API</title>
<link rel="stylesheet" href="/_local/api/assets/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/_local/api/assets/swagger-ui-bundle.js"></script>
<script src="/_local/api/start.js"></script>
</html>
"#;

/// `validatorUrl: null` turns off the badge that asks a validator on the Internet.
const START: &str = "SwaggerUIBundle({
  url: '/_local/api/assets/openapi.yaml',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
});
";

/// The page and its assets, under `/_local/api`.
pub(crate) fn router() -> Router {
    let assets = swagger_ui_dist::generate_routes(ApiDefinition {
        uri_prefix: "/_local/api/assets",
        api_definition: OpenApiSource::Inline(DOCUMENT),
        title: None,
    });
    Router::new()
        .route("/_local/api", get(async || Html(PAGE)))
        .route("/_local/api/start.js", get(async || ([(header::CONTENT_TYPE, "text/javascript")], START)))
        .merge(assets)
        .layer(map_response(|response| with_headers(response, HEADERS)))
}
