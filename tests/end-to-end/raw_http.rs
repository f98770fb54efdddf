//! HTTP/1.1 by hand, with one connection per request. The recordings contain requests that no ordinary client can send:
//! chunks as they were written, header values that are not ASCII, bodies that are not UTF-8. Tests also look at headers
//! that a client would hide.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request as it goes over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The path and the query string.
    pub(crate) path: String,
    /// Headers besides `Host`, `Connection` and `Content-Length`.
    pub(crate) headers: Vec<(String, String)>,
    /// The body. With `None`, `Content-Length` is not sent either.
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    /// The headers in order, with their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Response {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Sends a request and reads the answer until the server closes the connection.
pub(crate) async fn send(address: SocketAddr, request: &Request) -> Response {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let is_chunked = request
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    if let Some(body) = request.body.as_ref().filter(|_| !is_chunked) {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");

    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let mut outgoing = head.into_bytes();
    outgoing.extend(request.body.iter().flatten());
    // Write while reading, because a server may answer and close the connection before it has read a large body.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&outgoing).await;
        writer
    });
    let mut incoming = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        incoming.extend_from_slice(&buffer[..count]);
    }
    drop(writing);
    parse(&String::from_utf8(incoming).unwrap())
}

fn parse(text: &str) -> Response {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("not an HTTP answer: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    Response {
        status: status.unwrap_or_else(|| panic!("no status line: {head:?}")),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}
