//! The session token of the credentials of this start. Every process and every web page on this machine can reach the ports
//! of the services; without this token the services read nothing of a request but its head.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// 256 random bits. As on AWS, it is one of three parts of temporary credentials (`AWS_SESSION_TOKEN`), which the SDKs and
/// the AWS CLI send as `X-Amz-Security-Token`. The services check it instead of the signature.
#[derive(Clone)]
pub(crate) struct SessionToken(String);

impl SessionToken {
    pub(crate) fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// The token in plaintext, for the environments of its users.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a request has this token, once.
    pub(super) fn is_sent(&self, headers: &HeaderMap) -> bool {
        let mut sent = headers.get_all("x-amz-security-token").iter();
        match (sent.next(), sent.next()) {
            (Some(sent), None) => verify_slices_are_equal(sent.as_bytes(), self.0.as_bytes()).is_ok(),
            _ => false,
        }
    }
}
