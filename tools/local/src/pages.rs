//! The pages that the local stack serves next to the API: the reference at `/`, and the overview of the stack at
//! `/_local`. The real gateway answers 404 there.

use axum::{Router, http::Uri};
use http::{HeaderMap, header};

use crate::{overview::Overview, reference::Reference};

/// The pages of a running stack.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) reference: Reference,
    pub(crate) overview: Overview,
}

impl Pages {
    /// The routes of the pages and of the files that they load.
    pub(crate) fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        self.reference.router().merge(self.overview.router())
    }
}

/// The URL by which the caller reached this machine. `None` for a host name that does not belong to this machine.
/// Otherwise, a site whose name resolves to 127.0.0.1 could read the pages and their tokens in its visitors' browsers.
pub(crate) fn own_url(headers: &HeaderMap) -> Option<String> {
    let authority = headers.get(header::HOST)?.to_str().ok()?;
    let url = format!("http://{authority}");
    let host = url.parse::<Uri>().ok()?.host()?.to_owned();
    ["127.0.0.1", "localhost", "[::1]"]
        .contains(&host.as_str())
        .then_some(url)
}
