//! Which function answers a request. As in the HTTP API a route fits if method and path do, and of several that fit the
//! one with a fixed segment where another has a parameter wins: `POST /chats/convert` before `POST /chats/{chat_id}`.

use std::{cmp::Reverse, collections::BTreeMap};

use http::Method;

use crate::template::Route;

/// The routes, most specific first.
#[derive(Debug)]
pub(super) struct Routes(Vec<(Vec<Segment>, Route)>);

/// A part of a route's path, between slashes. The order of the variants is the order of precedence.
#[derive(Debug)]
enum Segment {
    Fixed(String),
    Parameter(String),
}

/// A route that fits a request.
#[derive(Debug)]
pub(super) struct Match<'a> {
    pub(super) route: &'a Route,
    pub(super) parameters: BTreeMap<&'a str, &'a str>,
}

impl Routes {
    pub(super) fn new(routes: &[Route]) -> Self {
        let mut routes: Vec<_> = routes
            .iter()
            .map(|route| (segments(&route.path), route.clone()))
            .collect();
        let is_fixed = |segment: &Segment| matches!(segment, Segment::Fixed(_));
        routes.sort_by_cached_key(|(segments, _)| Reverse(segments.iter().map(is_fixed).collect::<Vec<_>>()));
        Self(routes)
    }

    /// The route for a decoded path, if there is one. A trailing slash makes another path.
    pub(super) fn find<'a>(&'a self, method: &Method, path: &'a str) -> Option<Match<'a>> {
        let of_method = self.0.iter().filter(|(_, route)| route.method == method);
        of_method
            .filter_map(|(segments, route)| {
                Some(Match {
                    route,
                    parameters: fit(segments, path)?,
                })
            })
            .next()
    }
}

impl Match<'_> {
    /// The route's key as the HTTP API writes it, e.g. `GET /api/v1/chats/{chat_id}`.
    pub(super) fn route_key(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }
}

fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(name) => Segment::Parameter(name.to_owned()),
        None => Segment::Fixed(text.to_owned()),
    };
    path.split('/').map(segment).collect()
}

/// The parameters' values if the path fits.
fn fit<'a>(segments: &'a [Segment], path: &'a str) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut parts = path.split('/');
    let mut parameters = BTreeMap::new();
    for segment in segments {
        let part = parts.next()?;
        match segment {
            Segment::Fixed(fixed) if fixed == part => {}
            Segment::Parameter(name) if !part.is_empty() => {
                parameters.insert(name.as_str(), part);
            }
            _ => return None,
        }
    }
    parts.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(paths: &[&str]) -> Routes {
        let route = |path: &&str| Route {
            method: Method::POST,
            path: (*path).to_owned(),
            function: (*path).to_owned(),
        };
        Routes::new(&paths.iter().map(route).collect::<Vec<_>>())
    }

    #[test]
    fn a_fixed_segment_wins_over_a_parameter_whatever_the_order_of_declaration() {
        for paths in [
            ["/chats/{chat_id}", "/chats/convert"],
            ["/chats/convert", "/chats/{chat_id}"],
        ] {
            let routes = routes(&paths);
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
    fn the_first_segment_that_differs_decides_between_two_fitting_routes() {
        let routes = routes(&["/{a}/b", "/a/{b}"]);
        assert_eq!(routes.find(&Method::POST, "/a/b").unwrap().route.path, "/a/{b}");
    }

    #[test]
    fn another_method_a_trailing_slash_and_an_empty_parameter_do_not_fit() {
        let routes = routes(&["/chats", "/chats/{chat_id}"]);
        assert!(routes.find(&Method::GET, "/chats").is_none());
        assert!(routes.find(&Method::POST, "/chats/").is_none());
        assert!(routes.find(&Method::POST, "/chats/7/").is_none());
        assert!(routes.find(&Method::POST, "chats").is_none());
    }
}
