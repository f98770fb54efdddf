//! The reference page of the API, for reading and for trying the API. Scalar renders it from `openapi.yaml`. Scalar's
//! files are in the crate `scalar_api_reference`.
//!
//! The local stack serves the page at `/`, where the real gateway answers 404. The page then has a token of a demo
//! tenant. [`write`] writes it as a static site without a token.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
// Needed only for its feature `debug-embed`. Without it, a debug build reads the files from the disk.
use rust_embed as _;
use serde_json::{Value, json};

use crate::{
    Error,
    demo::{DemoTenants, TenantName, TokenRequest},
    pages::own_url,
};

/// The path of the OpenAPI document in the workspace.
pub const SPECIFICATION: &str = "openapi.yaml";

/// The URL of the local stack in [`SPECIFICATION`].
const DEFAULT_URL: &str = "http://127.0.0.1:3000";

const PAGE: &str = include_str!("reference/page.html");
const START: &str = include_str!("reference/start.js");

/// The page of a running stack.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    specification: PathBuf,
    tenants: DemoTenants,
}

impl Reference {
    /// The page for the document at `specification`, with a token of one of `tenants`. The document is read for each
    /// request.
    pub(crate) fn new(specification: PathBuf, tenants: DemoTenants) -> Self {
        Self { specification, tenants }
    }

    /// The routes of the page and of the files that it loads.
    pub(crate) fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let script = |text: fn() -> Vec<u8>| get(async move || ([(header::CONTENT_TYPE, "text/javascript")], text()));
        Router::new()
            .route("/", get(page))
            .route("/openapi.yaml", get(specification))
            .route("/reference/scalar.js", script(renderer))
            .route("/reference/start.js", script(|| START.into()))
            .with_state(Arc::new(self))
    }
}

/// Writes the page and the files that it loads to `folder`, for any web server.
///
/// # Errors
/// `specification` cannot be read, or the folder or a file in it cannot be written.
pub fn write(folder: &Path, specification: &Path) -> Result<(), Error> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| Error::File { path, source }
    };
    let document = fs::read(specification).map_err(at(specification))?;
    let files = [
        ("index.html", published().into_bytes()),
        ("openapi.yaml", document),
        ("reference/scalar.js", renderer()),
        ("reference/start.js", START.into()),
    ];
    let scripts = folder.join("reference");
    fs::create_dir_all(&scripts).map_err(at(&scripts))?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(at(&path))?;
    }
    Ok(())
}

async fn page(State(reference): State<Arc<Reference>>, headers: HeaderMap) -> Response {
    let Some(url) = own_url(&headers) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match reference.tenants.token(&TokenRequest::new(TenantName::School)) {
        // Not stored, because the token in the page expires.
        Ok(token) => ([(header::CACHE_CONTROL, "no-store")], Html(on_stack(&url, &token))).into_response(),
        Err(error) => failed(&error),
    }
}

async fn specification(State(reference): State<Arc<Reference>>, headers: HeaderMap) -> Response {
    let url = own_url(&headers).unwrap_or_else(|| DEFAULT_URL.to_owned());
    match fs::read_to_string(&reference.specification) {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, "application/yaml"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, text.replace(DEFAULT_URL, &url)).into_response()
        }
        Err(source) => failed(&Error::File {
            path: reference.specification.clone(),
            source,
        }),
    }
}

fn failed(error: &Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

/// The page for the stack at `url`. It can call only this stack.
fn on_stack(url: &str, token: &str) -> String {
    let configuration = json!({
        "servers": [{"url": url, "description": "This stack"}],
        "authentication": {"preferredSecurityScheme": "token", "securitySchemes": {"token": {"token": token}}},
    });
    render(configuration, "'self'")
}

/// The page for a static site. Its reader supplies a token and chooses the stack.
fn published() -> String {
    render(
        json!({"authentication": {"preferredSecurityScheme": "token"}}),
        "'self' https: http://127.0.0.1:*",
    )
}

/// The page with additional settings in `configuration`. It may call `destinations`, which are sources of a content
/// security policy.
fn render(mut configuration: Value, destinations: &str) -> String {
    let settings = [
        ("url", json!("openapi.yaml")),
        // These settings switch off requests and links to other sites.
        ("telemetry", json!(false)),
        ("withDefaultFonts", json!(false)),
        ("agent", json!({"disabled": true})),
        ("mcp", json!({"disabled": true})),
        ("hideClientButton", json!(true)),
        ("showDeveloperTools", json!("never")),
        // The side bar shows all operations from the start.
        ("defaultOpenAllTags", json!(true)),
    ];
    for (name, value) in settings {
        configuration[name] = value;
    }
    let policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "font-src data:",
        &format!("connect-src {destinations}"),
        "base-uri 'none'",
        "form-action 'none'",
    ];
    // In a script element, `<` could begin the closing tag.
    let configuration = configuration.to_string().replace('<', r"\u003c");
    PAGE.replace("CONTENT_SECURITY_POLICY", &policy.join("; "))
        .replace("CONFIGURATION", &configuration)
}

/// The renderer. It is one script that includes the styles.
fn renderer() -> Vec<u8> {
    scalar_api_reference::get_asset("scalar.js").unwrap_or_default()
}
