//! The names of tenants' servers. A tenant chooses its own names, and could let one lead to addresses that only this
//! function reaches: its own runtime, the machine's metadata, or what is private to its network.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

/// Resolves names, but no name that leads to an address of this machine or its link. A client does not resolve IP
/// addresses in URLs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TenantResolver {
    allows_private: bool,
}

/// A name leads to an address that it must not lead to.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed for tenants")]
struct NotAllowed;

impl TenantResolver {
    /// Creates the resolver. `allows_private` is whether names may lead to addresses of private networks.
    pub(crate) fn new(allows_private: bool) -> Self {
        Self { allows_private }
    }

    /// Checks the addresses of a name. One that is not allowed is enough to refuse all: which one is used is not ours
    /// to choose.
    fn check(self, addresses: Vec<SocketAddr>) -> Result<Addrs, NotAllowed> {
        let is_allowed = |address: &SocketAddr| match kind(address.ip()) {
            Kind::Public => true,
            Kind::Private => self.allows_private,
            Kind::ThisMachine => false,
        };
        if addresses.iter().all(is_allowed) {
            Ok(Box::new(addresses.into_iter()))
        } else {
            Err(NotAllowed)
        }
    }
}

impl Resolve for TenantResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            // The system's resolver blocks. The client chooses the port.
            let resolve =
                move || -> io::Result<Vec<SocketAddr>> { Ok((name.as_str(), 0).to_socket_addrs()?.collect()) };
            let addresses = tokio::task::spawn_blocking(resolve).await??;
            Ok(resolver.check(addresses)?)
        })
    }
}

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    /// To this machine or its link, or nowhere.
    ThisMachine,
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    // 0.0.0.0/8 is "this network" (RFC 1122), and Linux takes 0.0.0.0 for the machine itself.
    let is_unspecified = address.octets()[0] == 0;
    // 100.64.0.0/10, which carriers share (RFC 6598).
    let is_shared = address.octets()[0] == 100 && address.octets()[1] & 0xC0 == 0x40;
    if address.is_loopback() || address.is_link_local() || is_unspecified {
        Kind::ThisMachine
    } else if address.is_private() || is_shared {
        Kind::Private
    } else {
        Kind::Public
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    if address.is_loopback() || address.is_unspecified() || address.is_unicast_link_local() {
        return Kind::ThisMachine;
    }
    // An IPv4 address in IPv6's clothes: mapped (RFC 4291) or behind NAT64 (RFC 6052).
    let [a, b, c, d, e, f, g, h] = address.segments();
    if matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0xFFFF] | [0x64, 0xFF9B, 0, 0, 0, 0]) {
        let [[g0, g1], [h0, h1]] = [g.to_be_bytes(), h.to_be_bytes()];
        return kind_of_v4(Ipv4Addr::new(g0, g1, h0, h1));
    }
    if address.is_unique_local() {
        Kind::Private
    } else {
        Kind::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::http::tests::{client, server};
    use crate::outbound::http::{HttpClient, HttpError, Limits, SendRequest as _, tls};
    use bytes::Bytes;
    use http::Request;
    use std::sync::atomic::Ordering;

    fn kind_of(address: &str) -> Kind {
        kind(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_this_machine_its_link_and_private_networks_are_known_in_every_spelling() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "169.254.100.1",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
        ] {
            assert_eq!(kind_of(address), Kind::ThisMachine, "{address}");
        }
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "fd00:ec2::254",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(kind_of(address), Kind::Private, "{address}");
        }
        for address in [
            "93.184.216.34",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "169.253.0.1",
            "2606:2800:220:1::1",
            "::ffff:93.184.216.34",
            "64:ff9b::5db8:d822",
        ] {
            assert_eq!(kind_of(address), Kind::Public, "{address}");
        }
    }

    #[test]
    fn one_address_that_is_not_allowed_is_enough_to_refuse_a_name() {
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| SocketAddr::new(text.parse().unwrap(), 0))
                .collect()
        };
        let (strict, lenient) = (TenantResolver::new(false), TenantResolver::new(true));
        for (texts, is_allowed, is_allowed_with_private) in [
            (&["93.184.216.34", "2606:2800:220:1::1"] as &[&str], true, true),
            (&["93.184.216.34", "10.0.0.1"], false, true),
            (&["93.184.216.34", "10.0.0.1", "::1"], false, false),
            (&["169.254.169.254"], false, false),
        ] {
            assert_eq!(strict.check(addresses(texts)).is_ok(), is_allowed, "{texts:?}");
            assert_eq!(
                lenient.check(addresses(texts)).is_ok(),
                is_allowed_with_private,
                "{texts:?}"
            );
        }
    }

    #[tokio::test]
    async fn only_a_client_of_tenants_servers_refuses_names_of_this_machine() {
        const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let (address, connections) = server(&[OK]).await;
        let url = address.replace("127.0.0.1", "http://localhost");
        let request = || Request::get(&url).body(Bytes::new()).unwrap();
        let limits = Limits {
            time: None,
            body_bytes: 0,
            idle: None,
        };
        let tenants = HttpClient::for_tenants(&tls(Vec::new()).unwrap(), TenantResolver::new(true)).unwrap();
        // Also after its connections were replaced.
        for _ in 0..2 {
            let refused = tenants.send(request(), limits).await;
            assert!(matches!(refused, Err(HttpError::Connect(_))), "{refused:?}");
            tenants.give_up_connections();
        }
        assert_eq!(connections.load(Ordering::SeqCst), 0);
        assert_eq!(client().send(request(), limits).await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_resolved_even_if_private_addresses_are_allowed() {
        let resolved = TenantResolver::new(true).resolve("localhost".parse().unwrap()).await;
        assert!(resolved.is_err_and(|error| error.is::<NotAllowed>()));
    }
}
