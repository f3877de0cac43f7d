//! Files to and from S3: never held in memory.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::fault::{self, Failed, fault};
use crate::ports::Fault;

/// An object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

/// Why a file was not moved.
#[derive(Debug)]
pub(super) enum Missed {
    /// The object, or its bucket, is not there; what S3 said.
    Gone(String),
    /// The credentials have expired: fresh ones help.
    Expired(Fault),
    /// It is larger than what we take.
    TooLarge,
    /// The answer began well and broke off: at once asking again is likely to help.
    BrokeOff(Fault),
    /// The outside broke.
    Fault(Fault),
}

/// What a failed call means for the file.
pub(super) fn missed<E>(doing: &str, error: &Failed<E>) -> Missed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(code @ ("NoSuchKey" | "NoSuchBucket")) = error.code() {
        Missed::Gone(code.to_owned())
    } else if fault::is_expired(error) {
        Missed::Expired(fault(doing, error))
    } else if fault::status(error) == Some(412) {
        let why = "it was replaced while it was being fetched";
        Missed::Fault(fault::unavailable(doing.to_owned(), why.to_owned()))
    } else {
        Missed::Fault(fault(doing, error))
    }
}

/// Gives a client whose credentials are fresh.
#[async_trait::async_trait]
pub(super) trait Renew: Send + Sync {
    /// A client with fresh credentials.
    async fn renewed(&self) -> Result<Client, Missed>;
}

/// A call that is being made.
pub(super) type Call<'a, T> = BoxFuture<'a, Result<T, Missed>>;

/// A client for S3 that several calls share, renewed once when they all find its credentials expired.
pub(super) struct Access<'a> {
    /// The client, and how often it was renewed.
    now: Mutex<(u64, Client)>,
    renew: Option<&'a dyn Renew>,
}

impl<'a> Access<'a> {
    /// A client whose credentials the SDK itself keeps fresh.
    pub(super) fn lasting(client: Client) -> Self {
        Self { now: Mutex::new((0, client)), renew: None }
    }

    /// A client whose credentials expire.
    pub(super) fn expiring(client: Client, renew: &'a dyn Renew) -> Self {
        Self { now: Mutex::new((0, client)), renew: Some(renew) }
    }

    /// Makes the call, and once more with fresh credentials if those have expired.
    pub(super) async fn call<'b, T>(&self, call: impl Fn(Client) -> Call<'b, T> + Send + Sync) -> Result<T, Missed> {
        let (age, client) = self.now.lock().await.clone();
        match call(client).await {
            Err(Missed::Expired(fault)) => call(self.renewed_since(age, fault).await?).await,
            settled => settled,
        }
    }

    async fn renewed_since(&self, age: u64, expired: Fault) -> Result<Client, Missed> {
        let mut now = self.now.lock().await;
        if now.0 == age {
            let renew = self.renew.ok_or(Missed::Expired(expired))?;
            *now = (age + 1, renew.renewed().await?);
        }
        Ok(now.1.clone())
    }
}
