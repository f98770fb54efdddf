//! The URL of a tenant's server: its authorization endpoint, or its identity provider's key set. It is parsed once,
//! when the tenant's document is, so that its checks and comparisons see what is called: `HTTP://`, a leading space and
//! `ht\ttp://` all name the scheme http.

use std::net::IpAddr;
use std::sync::Arc;
use url::{Host, Url};

/// A URL that may be called: over https, or within this machine. It is in normal form. Copies share its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TenantUrl(Arc<Url>);

impl TenantUrl {
    /// Parses a URL. `None` if it is not acceptable.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut url = Url::parse(text).ok()?;
        // These two make no difference to what is called.
        url.set_fragment(None);
        if let Some(Host::Domain(name)) = url.host()
            && let Some(name) = name.strip_suffix('.')
        {
            let name = name.to_owned();
            url.set_host(Some(&name)).ok()?;
        }
        let has_secrets = !url.username().is_empty() || url.password().is_some();
        let is_acceptable = match url.scheme() {
            "https" => true,
            "http" => is_on_this_machine(&url),
            _ => false,
        };
        (is_acceptable && !has_secrets).then(|| Self(Arc::new(url)))
    }

    /// Returns the URL.
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns why the URL is used in the local stack only, if that is so. A function in AWS could reach its own
    /// runtime, or the machine's metadata, under such a host.
    pub(super) fn only_local(&self) -> Option<&'static str> {
        if self.0.scheme() != "https" {
            Some("without TLS it can be used in the local stack only")
        } else if !matches!(self.0.host(), Some(Host::Domain(_))) {
            Some("with an IP address as host it can be used in the local stack only")
        } else if is_on_this_machine(&self.0) {
            Some("with a host on this machine it can be used in the local stack only")
        } else {
            None
        }
    }
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
