//! Finds the function for a request. As in the HTTP API, a route matches if its method and path match. If several
//! match, a fixed segment wins over a parameter: `POST /chats/convert` before `POST /chats/{chat_id}`.

use std::collections::{BTreeMap, HashMap};

use http::Method;

use crate::{Error, template::Route};

/// The routes of an API, by method.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<Method, matchit::Router<Route>>);

/// A route that matches a request.
#[derive(Debug)]
pub(super) struct Match<'a> {
    pub(super) route: &'a Route,
    pub(super) parameters: BTreeMap<&'a str, &'a str>,
}

impl Routes {
    /// # Errors
    /// Two routes match the same requests, or a path is malformed.
    pub(super) fn new(routes: &[Route]) -> Result<Self, Error> {
        let mut by_method = Self::default();
        for route in routes {
            let router = by_method.0.entry(route.method.clone()).or_default();
            router
                .insert(&route.path, route.clone())
                .map_err(|error| Error::Template {
                    place: format!("the route {} {}", route.method, route.path),
                    violation: error.to_string(),
                })?;
        }
        Ok(by_method)
    }

    /// The route for a decoded path. A trailing slash makes a different path.
    pub(super) fn find<'a>(&'a self, method: &Method, path: &'a str) -> Option<Match<'a>> {
        let found = self.0.get(method)?.at(path).ok()?;
        let parameters: BTreeMap<_, _> = found.params.iter().collect();
        // `matchit` accepts an empty segment in the middle of a path as a parameter. The HTTP API does not.
        let has_empty_parameter = parameters.values().any(|value| value.is_empty());
        (!has_empty_parameter).then_some(Match {
            route: found.value,
            parameters,
        })
    }
}

impl Match<'_> {
    /// The key of the route in the HTTP API's notation, e.g. `GET /api/v1/chats/{chat_id}`.
    pub(super) fn route_key(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> Result<Routes, Error> {
        let route = |path: &&str| Route {
            method: Method::POST,
            path: (*path).to_owned(),
            function: (*path).to_owned(),
        };
        Routes::new(&paths.iter().map(route).collect::<Vec<_>>())
    }

    #[test]
    fn a_fixed_segment_wins_over_a_parameter_in_any_order_of_declaration() {
        for paths in [
            ["/chats/{chat_id}", "/chats/convert"],
            ["/chats/convert", "/chats/{chat_id}"],
        ] {
            let routes = routes(&paths).unwrap();
            assert_eq!(
                routes.find(&Method::POST, "/chats/convert").unwrap().route.path,
                "/chats/convert"
            );
            let matched = routes.find(&Method::POST, "/chats/7").unwrap();
            assert_eq!(matched.parameters, BTreeMap::from([("chat_id", "7")]));
            assert_eq!(matched.route_key(), "POST /chats/{chat_id}");
        }
    }

    #[test]
    fn the_first_segment_that_differs_decides_between_two_matching_routes() {
        let routes = routes(&["/{a}/b", "/a/{b}"]).unwrap();
        assert_eq!(routes.find(&Method::POST, "/a/b").unwrap().route.path, "/a/{b}");
    }

    #[test]
    fn another_method_a_trailing_slash_and_an_empty_parameter_do_not_match() {
        let routes = routes(&["/chats", "/chats/{chat_id}", "/chats/{chat_id}/events"]).unwrap();
        assert!(routes.find(&Method::GET, "/chats").is_none());
        assert!(routes.find(&Method::POST, "/chats/").is_none());
        assert!(routes.find(&Method::POST, "/chats/7/").is_none());
        assert!(routes.find(&Method::POST, "/chats//events").is_none());
        assert!(routes.find(&Method::POST, "chats").is_none());
    }

    #[test]
    fn two_routes_for_the_same_requests_are_an_error() {
        let error = routes(&["/chats/{a}", "/chats/{b}"]).unwrap_err().to_string();
        assert!(
            error.starts_with("template.yaml, the route POST /chats/{b}: "),
            "{error}"
        );
    }
}
