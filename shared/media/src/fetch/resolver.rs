//! From names to addresses that may be connected to.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::why_not_public;

type Answer = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = Arc<dyn Fn(String) -> Answer + Send + Sync>;

/// A host that may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` is at {address}, which is {purpose}")]
pub(super) struct Forbidden {
    pub(super) host: String,
    pub(super) address: IpAddr,
    pub(super) purpose: &'static str,
}

/// A name without an address.
#[derive(Debug, thiserror::Error)]
#[error("the name `{host}` has no address")]
pub(super) struct NoAddress {
    pub(super) host: String,
}

/// Asks the system for the addresses of a name and refuses the name if one of them is not public.
///
/// The client connects to what this returns and asks nobody else, so that a name which answers differently the second
/// time gains nothing.
#[derive(Clone)]
pub(super) struct PublicOnly {
    lookup: Lookup,
}

impl PublicOnly {
    pub(super) fn new() -> Self {
        Self {
            lookup: Arc::new(|host| Box::pin(ask_system(host))),
        }
    }

    async fn addresses(lookup: Lookup, host: String) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
        let addresses = lookup(host.clone()).await?;
        if addresses.is_empty() {
            return Err(NoAddress { host }.into());
        }
        for address in &addresses {
            check(&host, address.ip())?;
        }
        Ok(addresses)
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, host) = (Arc::clone(&self.lookup), name.as_str().to_owned());
        Box::pin(async move {
            let addresses = Self::addresses(lookup, host).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Refuses an address that is not public, of a name or one that stands in the URL itself.
pub(super) fn check(host: &str, address: IpAddr) -> Result<(), Forbidden> {
    match why_not_public(address) {
        None => Ok(()),
        Some(purpose) => Err(Forbidden {
            host: host.to_owned(),
            address,
            purpose,
        }),
    }
}

async fn ask_system(host: String) -> std::io::Result<Vec<SocketAddr>> {
    // The port is the URL's; the client puts it in the place of 0.
    Ok(tokio::net::lookup_host((host, 0)).await?.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A resolver whose answers are given, one for each question.
    fn resolver(answers: &'static [&'static [&'static str]]) -> PublicOnly {
        let asked = AtomicUsize::new(0);
        let lookup = move |_: String| -> Answer {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            let addresses = answers.get(number).copied().unwrap_or_default().iter();
            let addresses = addresses
                .filter_map(|address| address.parse().ok())
                .map(|ip: IpAddr| (ip, 0).into());
            let addresses: Vec<SocketAddr> = addresses.collect();
            Box::pin(std::future::ready(Ok(addresses)))
        };
        PublicOnly {
            lookup: Arc::new(lookup),
        }
    }

    async fn ask(resolver: &PublicOnly) -> Result<usize, String> {
        let name: Name = "example.org".parse().map_err(|_| "no name")?;
        resolver
            .resolve(name)
            .await
            .map(Iterator::count)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_with_one_private_address_among_public_ones_is_refused() {
        let mixed = resolver(&[&["1.1.1.1", "10.0.0.1"]]);
        assert_eq!(
            ask(&mixed).await,
            Err("`example.org` is at 10.0.0.1, which is private".to_owned())
        );
        assert_eq!(ask(&resolver(&[&["1.1.1.1", "2606:4700:4700::1111"]])).await, Ok(2));
    }

    #[tokio::test]
    async fn a_name_that_answers_differently_the_second_time_is_checked_each_time() {
        let rebinding = resolver(&[&["1.1.1.1"], &["127.0.0.1"]]);
        assert_eq!(ask(&rebinding).await, Ok(1));
        assert_eq!(
            ask(&rebinding).await,
            Err("`example.org` is at 127.0.0.1, which is of this machine".to_owned())
        );
    }

    #[tokio::test]
    async fn a_name_without_an_address_says_so() {
        assert_eq!(
            ask(&resolver(&[&[]])).await,
            Err("the name `example.org` has no address".to_owned())
        );
    }
}
