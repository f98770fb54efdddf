//! An HTTP/1.1 server for a client that sends one request at a time, on any number of connections.
//!
//! hyper could replace this module, but its work would be part of every measured time. It was tried in November 2026 on
//! a single-threaded tokio runtime. An invocation then took 75 µs of the driver's processor time instead of 43 µs, and
//! the p50 of `empty-floor` rose from 0.044 ms to 0.062 ms. All ratios to the floors would be smaller by that.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The largest number of headers in a request. Clients send fewer.
const MAX_HEADERS: usize = 32;

/// A listener and its connections.
pub(super) struct Server {
    listener: TcpListener,
    /// The connections by number. A closed connection becomes `None`, so that numbers are never reused.
    connections: Vec<Option<Connection>>,
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A complete request.
pub(super) struct Request {
    pub(super) connection: usize,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

impl Server {
    /// Listens on a free port.
    pub(super) fn bind() -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            connections: Vec::new(),
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits for the next request. `None` if none arrives for the time `patience`.
    pub(super) fn next(&mut self, patience: Duration) -> io::Result<Option<Request>> {
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        loop {
            let mut polled = vec![PollFd::new(&self.listener, PollFlags::IN)];
            let mut numbers = Vec::new();
            for (number, connection) in self.connections.iter().enumerate() {
                if let Some(connection) = connection {
                    polled.push(PollFd::new(&connection.stream, PollFlags::IN));
                    numbers.push(number);
                }
            }
            if poll(&mut polled, Some(&patience))? == 0 {
                return Ok(None);
            }
            let is_ready = |index: usize| polled.get(index).is_some_and(|fd| !fd.revents().is_empty());
            let has_new_connection = is_ready(0);
            let ready: Vec<usize> = (1..)
                .zip(numbers)
                .filter(|(index, _)| is_ready(*index))
                .map(|(_, number)| number)
                .collect();
            drop(polled);
            if has_new_connection {
                let (stream, _) = self.listener.accept()?;
                stream.set_nodelay(true)?;
                let received = Vec::new();
                self.connections.push(Some(Connection { stream, received }));
            }
            for number in ready {
                let Some(entry) = self.connections.get_mut(number) else {
                    continue;
                };
                let Some(connection) = entry else { continue };
                match connection.receive() {
                    Ok(0) => *entry = None,
                    Ok(_) => {
                        if let Some((path, body)) = take_request(&mut connection.received)? {
                            return Ok(Some(Request {
                                connection: number,
                                path,
                                body,
                            }));
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => *entry = None,
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Sends a complete answer.
    pub(super) fn answer(&mut self, connection: usize, answer: &[u8]) -> io::Result<()> {
        match self.connections.get_mut(connection) {
            Some(Some(connection)) => connection.stream.write_all(answer),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Connection {
    /// Reads once and returns the number of bytes. 0 means that the connection was closed. This does not block, because
    /// `poll` has reported data.
    fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let length = self.stream.read(&mut buffer)?;
        self.received
            .extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Removes a request from the received bytes and returns its path and body. `None` if the request is incomplete.
fn take_request(received: &mut Vec<u8>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_length) = head.parse(received).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let header = |name: &str| {
        head.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
    };
    if header("transfer-encoding").is_some() {
        return Err(io::Error::other(
            "the request has transfer-encoding, which the driver does not support",
        ));
    }
    let body_length = match header("content-length") {
        None => 0,
        Some(length) => {
            let length = str::from_utf8(length.value).map_err(io::Error::other)?;
            length.parse::<usize>().map_err(io::Error::other)?
        }
    };
    if received.len() < head_length + body_length {
        return Ok(None);
    }
    let path = head.path.unwrap_or_default().to_owned();
    let body = received.drain(..head_length + body_length).skip(head_length).collect();
    Ok(Some((path, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_when_it_is_complete() {
        let whole = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
        let mut received = Vec::new();
        for byte in whole {
            assert!(take_request(&mut received).unwrap().is_none());
            received.push(*byte);
        }
        received.extend_from_slice(b"GET /b HTTP/1.1\r\n\r\n");
        let first = take_request(&mut received).unwrap();
        assert_eq!(first, Some(("/a".to_owned(), b"{}".to_vec())));
        assert_eq!(
            take_request(&mut received).unwrap(),
            Some(("/b".to_owned(), Vec::new()))
        );
        assert!(received.is_empty());
    }
}
