//! The SDK's configuration: one HTTP client, short time limits, and only the root certificates that AWS uses.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::config::{Config, MissingVariable};

/// Amazon Trust Services' root certificates (amazontrust.com/repository), which sign every AWS endpoint. Loading all roots of
/// a system takes most of a cold start.
const ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The time limit of one attempt. A connection that died while the environment was frozen must cost little, and three
/// attempts must fit the authorizer's time limit.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The configuration of every client. In Lambda, region and credentials are variables that do not change while an environment
/// lives, so no chain of providers is searched. Without them, as on a laptop, `aws-config` finds a profile, an assumed role
/// or the metadata of a container.
pub async fn sdk_config(config: &Config) -> Result<SdkConfig, MissingVariable> {
    let context = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(ROOTS)).build();
    let context = context.unwrap_or_else(|_| unreachable!("the roots are part of this program"));
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(context).build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(1)).operation_attempt_timeout(ATTEMPT_TIMEOUT);

    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(3));
    if let Some(region) = config.optional("AWS_REGION") {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(credentials) = credentials(config)? {
        // All is given, so no profile of the machine may change it: an empty one replaces them.
        loader = loader
            .credentials_provider(credentials)
            .profile_files(EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build())
            .use_fips(false)
            .use_dual_stack(false);
    }
    let sdk = loader.load().await;

    if sdk.region().is_some() { Ok(sdk) } else { Err(MissingVariable::new("AWS_REGION")) }
}

/// The credentials of the environment, if it has any: in Lambda those of the function's role. One half alone is an error, so
/// that a typing error does not select another account.
fn credentials(config: &Config) -> Result<Option<Credentials>, MissingVariable> {
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    if names.iter().all(|name| config.optional(name).is_none()) {
        return Ok(None);
    }
    let (id, secret) = (config.required(names[0])?, config.required(names[1])?);
    let token = config.optional("AWS_SESSION_TOKEN").map(str::to_owned);
    Ok(Some(Credentials::new(id, secret, token, None, "environment")))
}

/// The URL of a service, unless it is AWS's own: `AWS_ENDPOINT_URL_DYNAMODB` and the like.
pub fn endpoint(config: &Config, service: &str) -> Option<String> {
    let own = config.optional(&format!("AWS_ENDPOINT_URL_{service}"));
    own.or_else(|| config.optional("AWS_ENDPOINT_URL")).map(str::to_owned)
}
