//! CORS as the HTTP API applies it if the template configures it. Preflight requests are answered without a route. CORS
//! headers of functions are removed, because only the gateway's settings count.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

use crate::{Error, template};

/// The settings as headers.
#[derive(Debug)]
pub(super) struct Cors {
    allow_origins: Vec<String>,
    /// The headers of every answer to an allowed origin, apart from the one that allows it.
    always: HeaderMap,
    /// The additional headers of a preflight answer to an allowed origin.
    preflight: HeaderMap,
}

/// Whether the request is a preflight request of a browser.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Removes the CORS headers of a function.
pub(super) fn remove(headers: &mut HeaderMap) {
    let is_cors = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    let names: Vec<_> = headers.keys().filter(is_cors).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

impl Cors {
    /// # Errors
    /// A setting cannot be sent in a header.
    pub(super) fn new(settings: &template::Cors) -> Result<Self, Error> {
        let mut always = HeaderMap::new();
        let mut preflight = HeaderMap::new();
        insert(
            &mut always,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            &settings.expose_headers,
        )?;
        insert(
            &mut preflight,
            header::ACCESS_CONTROL_ALLOW_METHODS,
            &settings.allow_methods,
        )?;
        insert(
            &mut preflight,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            &settings.allow_headers,
        )?;
        if settings.allow_credentials {
            always.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if let Some(max_age) = settings.max_age {
            preflight.insert(header::ACCESS_CONTROL_MAX_AGE, max_age.into());
        }
        Ok(Self {
            allow_origins: settings.allow_origins.clone(),
            always,
            preflight,
        })
    }

    /// The answer to a preflight request of `origin`. [`Cors::decorate`] adds the other headers.
    pub(super) fn preflight(&self, origin: Option<&HeaderValue>) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if origin.and_then(|origin| self.allowed(origin)).is_some() {
            *response.headers_mut() = self.preflight.clone();
        }
        response
    }

    /// Adds the headers for an allowed origin. Without them, the browser hides the answer from its script.
    pub(super) fn decorate(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        if let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.extend(self.always.clone());
        }
    }

    /// The value of `access-control-allow-origin` if `origin` is allowed.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let text = origin.to_str().ok()?;
        self.allow_origins.iter().find_map(|allowed| match allowed.as_str() {
            "*" => Some(HeaderValue::from_static("*")),
            exact if exact == text => Some(origin.clone()),
            // `https://*` is the only other pattern of the HTTP API.
            pattern => text.starts_with(pattern.strip_suffix('*')?).then(|| origin.clone()),
        })
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, values: &[String]) -> Result<(), Error> {
    if values.is_empty() {
        return Ok(());
    }
    let value = HeaderValue::try_from(values.join(",")).map_err(|_| Error::Template {
        place: "CorsConfiguration".to_owned(),
        violation: format!("cannot be sent in the header {name}"),
    })?;
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let settings = template::Cors {
            allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            allow_methods: vec!["GET".to_owned(), "POST".to_owned()],
            expose_headers: vec!["location".to_owned()],
            max_age: Some(600),
            ..template::Cors::default()
        };
        Cors::new(&settings).unwrap()
    }

    fn allowed_origin(cors: &Cors, origin: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        cors.decorate(&mut headers, Some(&HeaderValue::from_static(origin)));
        headers
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_origin_is_allowed_by_name_by_scheme_or_with_all_others() {
        assert_eq!(allowed_origin(&cors(&["*"]), "https://a.example").as_deref(), Some("*"));
        assert_eq!(
            allowed_origin(&cors(&["https://a.example"]), "https://a.example").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(
            allowed_origin(&cors(&["https://*"]), "https://a.example").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(allowed_origin(&cors(&["https://*"]), "http://a.example"), None);
        assert_eq!(allowed_origin(&cors(&["https://a.example"]), "https://b.example"), None);
    }

    #[test]
    fn a_preflight_answer_for_an_origin_that_is_not_allowed_has_no_headers() {
        let cors = cors(&["https://a.example"]);
        let allowed = cors.preflight(Some(&HeaderValue::from_static("https://a.example")));
        assert_eq!(allowed.headers()["access-control-allow-methods"], "GET,POST");
        assert_eq!(allowed.headers()["access-control-max-age"], "600");
        let denied = cors.preflight(Some(&HeaderValue::from_static("https://b.example")));
        assert_eq!(denied.status(), StatusCode::NO_CONTENT);
        assert!(denied.headers().is_empty());
    }

    #[test]
    fn cors_headers_of_a_function_are_removed() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::LOCATION, HeaderValue::from_static("/"));
        remove(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["location"]);
    }
}
