//! The server side of the Lambda Runtime API for one process, served by hyper.
//!
//! The server runs on the driver's single-threaded runtime. It makes progress only while the driver waits, so it takes
//! no processor time of its own between invocations.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// An answer to the process.
pub(super) type Answer = http::Response<Full<Bytes>>;

/// A request of the process. The process waits for the answer.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: Bytes,
    answer: oneshot::Sender<Answer>,
}

impl Request {
    /// Hands over the answer. It is sent when the driver waits the next time.
    pub(super) fn answer(self, answer: Answer) {
        // The process may have closed the connection. The driver notices when it waits for the next request.
        let _ = self.answer.send(answer);
    }
}

/// A listener for one process.
pub(super) struct Server {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Server {
    /// Listens on a free port.
    pub(super) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(accept(listener, sender));
        Ok(Self { address, requests })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next request. `None` if the listener failed.
    pub(super) async fn next(&mut self) -> Option<Request> {
        self.requests.recv().await
    }
}

async fn accept(listener: TcpListener, requests: mpsc::UnboundedSender<Request>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, requests.clone()));
    }
}

async fn converse(stream: TcpStream, requests: mpsc::UnboundedSender<Request>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| pass_on(request, &requests));
    // A connection ends when its process is killed.
    let _ = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Hands a request to the driver and waits for its answer.
async fn pass_on(
    request: http::Request<Incoming>,
    requests: &mpsc::UnboundedSender<Request>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let (sender, answer) = oneshot::channel();
    requests.send(Request {
        path,
        body,
        answer: sender,
    })?;
    Ok(answer.await?)
}
