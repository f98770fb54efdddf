//! Opens the ports. Tables and event service have no access control, so they never listen on a public address.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use tokio::net::{TcpListener, TcpSocket};

use crate::Error;

/// How many connections may wait to be accepted. It is that of `TcpListener::bind`.
const BACKLOG: u32 = 1024;

/// An open port.
#[derive(Debug)]
pub(crate) struct OpenPort {
    /// The URL of the port on 127.0.0.1.
    pub(crate) url: String,
    /// One listener for each address.
    pub(crate) listeners: Vec<TcpListener>,
}

/// Listens on 127.0.0.1, and on the same port of `also` if there is one. Port 0 picks a free port. `option` is the
/// command line option that chooses the port.
///
/// # Errors
/// The port is already in use, in which case the error names `option`, or listening fails for another reason.
pub(crate) fn listen(port: u16, option: &'static str, also: Option<IpAddr>) -> Result<OpenPort, Error> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let first = bind(wanted, option)?;
    let address = first.local_addr().map_err(|source| Error::Listen {
        address: wanted,
        source,
    })?;
    let mut listeners = vec![first];
    if let Some(also) = also.filter(|also| *also != Ipv4Addr::LOCALHOST) {
        listeners.push(bind((also, address.port()).into(), option)?);
    }
    Ok(OpenPort {
        url: format!("http://{address}"),
        listeners,
    })
}

/// Listens on `address`, which is chosen with `option`.
///
/// # Errors
/// As for [`listen`].
pub(crate) fn bind(address: SocketAddr, option: &'static str) -> Result<TcpListener, Error> {
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // As `TcpListener::bind` does it: the address can be used again at once after a restart.
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit it. Without it, the last part of a large answer waits for the acknowledgement of
        // the part before, which the receiver may delay by 40 ms.
        socket.set_nodelay(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortInUse { address, option },
        _ => Error::Listen { address, source },
    })
}

/// Rejects addresses that can be reached from outside this machine and its private network.
///
/// # Errors
/// [`Error::PublicAddress`].
pub(crate) fn private(address: IpAddr) -> Result<IpAddr, Error> {
    let is_private = match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    if is_private {
        Ok(address)
    } else {
        Err(Error::PublicAddress(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    #[test]
    fn only_loopback_and_private_addresses_are_accepted() {
        for accepted in ["127.0.0.1", "172.17.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1"] {
            assert!(private(accepted.parse().unwrap()).is_ok(), "{accepted}");
        }
        for rejected in ["0.0.0.0", "::", "8.8.8.8", "169.254.1.1", "2001:db8::1", "172.32.0.1"] {
            assert!(private(rejected.parse().unwrap()).is_err(), "{rejected}");
        }
    }

    #[tokio::test]
    async fn large_answers_do_not_wait_for_acknowledgements() {
        let opened = listen(0, "--port", None).unwrap();
        let listener = &opened.listeners[0];
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_option_that_chooses_another() {
        let taken = listen(0, "--port", None).unwrap();
        let port = taken.listeners[0].local_addr().unwrap().port();
        let error = listen(port, "--port", None).unwrap_err().to_string();
        let expected = format!(
            "port {port} on 127.0.0.1 is already in use: \
             stop the program that listens there, or choose another port with --port"
        );
        assert_eq!(error, expected);
    }
}
