//! How AWS is reached: one HTTP client, credentials from the environment, and only the roots that AWS signs with.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::SdkConfig;

use crate::config::{Config, Missing};

/// Amazon Trust Services' roots (amazontrust.com/repository), which sign every AWS endpoint. To load a whole system's
/// roots takes most of a cold start.
const ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The longest that one attempt of a call may take: a connection that died while the environment was frozen must cost
/// little, and three attempts must fit into the authorizer's time.
pub const ATTEMPT: Duration = Duration::from_millis(2_500);

/// What every client is made from. In Lambda the credentials are the role's, in variables that do not change while an
/// environment lives, so no chain of providers is searched.
pub fn sdk_config(config: &Config) -> Result<SdkConfig, Missing> {
    let credentials = Credentials::new(
        config.required("AWS_ACCESS_KEY_ID")?,
        config.required("AWS_SECRET_ACCESS_KEY")?,
        config.optional("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    );
    let context = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(ROOTS)).build();
    let context = context.unwrap_or_else(|_| unreachable!("the roots are a part of this program"));
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(1)).operation_attempt_timeout(ATTEMPT);

    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.required("AWS_REGION")?.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .build())
}

/// The address of a service, if it is not AWS's own: `AWS_ENDPOINT_URL_DYNAMODB` and the like.
pub fn endpoint(config: &Config, service: &str) -> Option<String> {
    let own = config.optional(&format!("AWS_ENDPOINT_URL_{service}"));
    own.or_else(|| config.optional("AWS_ENDPOINT_URL")).map(str::to_owned)
}
