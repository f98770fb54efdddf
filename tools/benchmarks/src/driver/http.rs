//! HTTP/1.1 for a client that sends one request at a time, on however many connections.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// More headers than any of the clients sends.
const HEADERS: usize = 32;

/// A listener and its connections.
pub(super) struct Server {
    listener: TcpListener,
    /// `None` for a closed one: its place is not used again, so that a number always means the same one.
    connections: Vec<Option<Connection>>,
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A whole request.
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

    /// The next request; `None` if `patience` is over before there is one.
    pub(super) fn next(&mut self, patience: Duration) -> io::Result<Option<Request>> {
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        loop {
            let mut waiting = vec![PollFd::new(&self.listener, PollFlags::IN)];
            let mut numbers = Vec::new();
            for (number, connection) in self.connections.iter().enumerate() {
                if let Some(connection) = connection {
                    waiting.push(PollFd::new(&connection.stream, PollFlags::IN));
                    numbers.push(number);
                }
            }
            if poll(&mut waiting, Some(&patience))? == 0 {
                return Ok(None);
            }
            let is_ready = |place: usize| waiting.get(place).is_some_and(|fd| !fd.revents().is_empty());
            let has_caller = is_ready(0);
            let ready: Vec<usize> = (1..)
                .zip(numbers)
                .filter(|(place, _)| is_ready(*place))
                .map(|(_, number)| number)
                .collect();
            drop(waiting);
            if has_caller {
                let (stream, _) = self.listener.accept()?;
                stream.set_nodelay(true)?;
                let received = Vec::new();
                self.connections.push(Some(Connection { stream, received }));
            }
            for number in ready {
                let Some(place) = self.connections.get_mut(number) else {
                    continue;
                };
                let Some(connection) = place else { continue };
                match connection.receive() {
                    Ok(0) => *place = None,
                    Ok(_) => {
                        if let Some((path, body)) = take_request(&mut connection.received)? {
                            return Ok(Some(Request {
                                connection: number,
                                path,
                                body,
                            }));
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => *place = None,
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Sends a whole answer.
    pub(super) fn answer(&mut self, connection: usize, answer: &[u8]) -> io::Result<()> {
        match self.connections.get_mut(connection) {
            Some(Some(connection)) => connection.stream.write_all(answer),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Connection {
    /// Reads once, which does not wait if there is something. 0: it was closed.
    fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let length = self.stream.read(&mut buffer)?;
        self.received
            .extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Takes a request's path and body out of what was received, if it is all there.
fn take_request(received: &mut Vec<u8>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
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
        return Err(io::Error::other("a body of unknown length"));
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
    fn a_request_is_taken_when_all_of_it_is_there() {
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
