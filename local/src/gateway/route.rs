//! Resolves a method and a path to a route, as API Gateway does: a static segment takes precedence over a path
//! parameter.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::start_error::StartError;
use crate::template::Route;

/// The routes of the API.
pub(super) struct Routes(Vec<Route>);

/// The route of a request, with the values of its path parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) route: Route,
    pub(super) path_parameters: BTreeMap<String, String>,
}

impl Routes {
    /// Fails if a path has a parameter that is greedy (`{proxy+}`) or only a part of a segment. Neither is supported.
    pub(super) fn new(routes: Vec<Route>) -> Result<Self, StartError> {
        let is_supported = |segment: &str| !parameter(segment).unwrap_or(segment).contains(['{', '}', '+']);
        for Route { resource, .. } in &routes {
            if !resource.starts_with('/') || !resource.split('/').all(is_supported) {
                let reason = format!("The path {resource} of the template is not supported by this gateway.");
                return Err(StartError::new(reason));
            }
        }
        Ok(Self(routes))
    }

    /// The route for a method and for a path below the stage, as the request line has it.
    ///
    /// The path alone determines the resource. A method that this resource lacks has no route, even if another resource
    /// with a parameter matches the path and has the method.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Match> {
        let matching = self.0.iter().filter(|route| path_parameters(&route.resource, path).is_some());
        let resource = &matching.max_by_key(|route| static_segments(&route.resource))?.resource;
        let with_method =
            |method: &str| self.0.iter().find(|route| route.resource == *resource && route.method == method);
        let route = with_method(method).or_else(|| with_method("ANY"))?;
        Some(Match { route: route.clone(), path_parameters: path_parameters(resource, path)? })
    }
}

/// For each segment whether it is static: the greater of two lists is the more specific resource.
fn static_segments(resource: &str) -> Vec<bool> {
    resource.split('/').map(|segment| parameter(segment).is_none()).collect()
}

/// The name of the path parameter that a segment is.
fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The values of the path parameters, decoded; `None` if the path does not match. No parameter matches an empty
/// segment.
fn path_parameters(resource: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut values = path.split('/');
    for segment in resource.split('/') {
        let value = values.next()?;
        match parameter(segment) {
            Some(_) if value.is_empty() => return None,
            Some(name) => {
                parameters.insert(name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned());
            }
            None if segment == value => {}
            None => return None,
        }
    }
    values.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(routes: &[(&str, &str)]) -> Result<Routes, StartError> {
        let route = |(method, resource): &(&str, &str)| Route {
            method: (*method).to_owned(),
            resource: (*resource).to_owned(),
            function: "F".to_owned(),
            authorizer: None,
        };
        Routes::new(routes.iter().map(route).collect())
    }

    fn api() -> Routes {
        let api = [
            ("GET", "/keys"),
            ("POST", "/keys"),
            ("GET", "/keys/{id}"),
            ("GET", "/keys/{id}/history"),
            ("DELETE", "/subscriptions/{id}"),
            ("GET", "/subscriptions/config"),
            ("POST", "/channels/{channel}/push"),
            ("GET", "/channels/all/{page}"),
            ("ANY", "/files/{name}"),
            ("PUT", "/files/index"),
        ];
        routes(&api).expect("valid routes")
    }

    #[test]
    fn a_path_resolves_to_its_most_specific_resource() {
        for (method, path, resource) in [
            ("GET", "/keys", Some("/keys")),
            ("GET", "/keys/1", Some("/keys/{id}")),
            ("GET", "/keys/1/history", Some("/keys/{id}/history")),
            ("GET", "/subscriptions/config", Some("/subscriptions/config")),
            ("DELETE", "/subscriptions/1", Some("/subscriptions/{id}")),
            ("DELETE", "/subscriptions/confi", Some("/subscriptions/{id}")),
            ("DELETE", "/subscriptions/configs", Some("/subscriptions/{id}")),
            ("DELETE", "/subscriptions/config", None),
            ("POST", "/channels/ops/push", Some("/channels/{channel}/push")),
            ("POST", "/channels/all/push", None),
            ("GET", "/channels/all/push", Some("/channels/all/{page}")),
            ("GET", "/files/a", Some("/files/{name}")),
            ("PUT", "/files/index", Some("/files/index")),
            ("GET", "/files/index", None),
            ("GET", "/files/", None),
            ("GET", "/files", None),
            ("POST", "/channels//push", None),
            ("GET", "/keys/", None),
            ("GET", "/keys//history", None),
            ("GET", "/keys/1/", None),
            ("GET", "/keys/1/2", None),
            ("GET", "/Keys", None),
            ("HEAD", "/keys", None),
            ("GET", "//keys", None),
            ("GET", "/", None),
            ("GET", "", None),
            ("GET", "keys", None),
            ("GET", "/%6beys", None),
            ("GET", "/keys/{id}", Some("/keys/{id}")),
        ] {
            let found = api().find(method, path).map(|found| found.route.resource);
            assert_eq!(found.as_deref(), resource, "{method} {path}");
        }
    }

    #[test]
    fn path_parameters_are_decoded() {
        let found = api().find("GET", "/keys/a%20b%2Fc%FF").expect("a route");
        assert_eq!(found.path_parameters["id"], "a b/c\u{fffd}");
    }

    #[test]
    fn an_unsupported_path_is_an_error() {
        for resource in ["/files/{proxy+}", "/a{b}", "/{a}b", "/{a", "/{a}{b}", "keys", ""] {
            assert!(routes(&[("GET", resource)]).is_err(), "{resource}");
        }
    }
}
