//! The overview of a running stack, at `/_local`: its last requests with their log lines, the items of its tables, the
//! rooms and events of the event service's stand-in, and a token of each demo tenant.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use dynoxide::{Database, actions::scan::ScanRequest};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    Error, Logs,
    demo::{DemoTenants, TenantName, TokenRequest},
    event_service::EventService,
    pages::own_url,
    template::Table,
};

/// How many items of a table, and how many rooms, the page shows.
const SHOWN: usize = 200;

/// What the page may load and do: its own files, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("overview/page.html");
const STYLE: &str = include_str!("overview/page.css");
const SCRIPT: &str = include_str!("overview/page.js");

/// The parts of a running stack that the page shows.
#[derive(Clone)]
pub(crate) struct Overview {
    pub(crate) tables: Vec<Table>,
    pub(crate) database: Database,
    /// The stand-in. The rooms of a real event service can't be listed.
    pub(crate) event_service: Option<EventService>,
    pub(crate) tenants: DemoTenants,
    pub(crate) logs: Logs,
}

impl fmt::Debug for Overview {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Overview").finish_non_exhaustive()
    }
}

impl Overview {
    /// The routes of the page and of what it loads. They answer only callers that use a name of this machine.
    pub(crate) fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/_local", get(async || Html(PAGE)))
            .route(
                "/_local/page.css",
                get(async || ([(header::CONTENT_TYPE, "text/css")], STYLE)),
            )
            .route(
                "/_local/page.js",
                get(async || ([(header::CONTENT_TYPE, "text/javascript")], SCRIPT)),
            )
            .route("/_local/state.json", get(state))
            .route("/_local/tokens.json", get(tokens))
            .route_layer(middleware::from_fn(guard))
            .with_state(Arc::new(self))
    }

    fn state(&self) -> Result<Value, Error> {
        let tables = self.tables.iter().map(|table| self.table(table));
        Ok(json!({
            "log": &*self.logs.recent(),
            "tables": tables.collect::<Result<Vec<_>, _>>()?,
            "rooms": self.event_service.as_ref().map(rooms),
        }))
    }

    fn table(&self, table: &Table) -> Result<Value, Error> {
        let request = ScanRequest {
            table_name: table.name.clone(),
            limit: Some(SHOWN),
            ..ScanRequest::default()
        };
        let scanned = self.database.scan(request);
        let scanned = scanned.map_err(|error| Error::Tables(error.to_string()))?;
        let keys: Vec<_> = table.key_schema.iter().map(|(name, _)| name).collect();
        Ok(json!({
            "name": table.name,
            "keys": keys,
            "has_more": scanned.last_evaluated_key.is_some(),
            "items": scanned.items,
        }))
    }
}

/// The last rooms, newest first, with their events.
fn rooms(event_service: &EventService) -> Vec<Value> {
    let rooms = event_service.rooms().into_iter().rev().take(SHOWN);
    let with_events = |room: crate::event_service::Room| {
        let events = event_service.events(room.id).into_iter().map(|event| {
            let data = event.data();
            json!({"event": event, "data": data})
        });
        json!({"room": room, "events": events.collect::<Vec<_>>()})
    };
    rooms.map(with_events).collect()
}

async fn state(State(overview): State<Arc<Overview>>) -> Response {
    answer(overview.state())
}

async fn tokens(State(overview): State<Arc<Overview>>) -> Response {
    let token = |tenant: TenantName| {
        let token = overview.tenants.token(&TokenRequest::new(tenant))?;
        Ok(json!({"tenant": tenant.as_str(), "audience": tenant.audience(), "token": token}))
    };
    let tokens = TenantName::ALL.into_iter().map(token);
    answer(tokens.collect::<Result<Vec<_>, Error>>().map(Value::from))
}

fn answer(result: Result<Value, Error>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Refuses callers that use a name of another machine, and forbids browsers to keep or to embed the page.
async fn guard(request: Request, next: Next) -> Response {
    if own_url(request.headers()).is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut response = next.run(request).await;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
