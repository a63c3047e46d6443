//! Which function answers a method and a path, matched as API Gateway does: fixed words win over `{parameters}`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// One method of one path of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals; `ANY` takes all.
    pub method: String,
    /// The path as the template writes it, such as `/keys/{id}`.
    pub resource: String,
    /// The logical id of the function that answers.
    pub function: String,
    /// The name of the authorizer, if there is one.
    pub authorizer: Option<String>,
}

/// The route that a request takes, with what stands in its path's parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) route: Route,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The routes of the API.
#[derive(Debug, Default)]
pub(crate) struct Routes(Vec<Route>);

impl Routes {
    /// Adds a route; a method and path may be given once.
    pub(crate) fn add(
        &mut self,
        method: &str,
        resource: &str,
        function: &str,
        authorizer: Option<&str>,
    ) -> Result<(), String> {
        if !resource.starts_with('/') || resource.contains("+}") {
            return Err(format!("the path {resource} is not one that this gateway can match"));
        }
        let method = method.to_ascii_uppercase();
        if self.0.iter().any(|route| route.method == method && route.resource == resource) {
            return Err(format!("{method} {resource} is given twice"));
        }
        self.0.push(Route {
            method,
            resource: resource.to_owned(),
            function: function.to_owned(),
            authorizer: authorizer.map(str::to_owned),
        });
        Ok(())
    }

    /// The route for a path below the stage, as it stands in the request line.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<Match> {
        // The resource is chosen by the path alone; a method that it lacks is then unknown, not passed on to a
        // resource with parameters.
        let best = self
            .0
            .iter()
            .filter(|route| parameters(&route.resource, path).is_some())
            .max_by(|a, b| fixed_words(&a.resource).cmp(&fixed_words(&b.resource)))?;
        let route = self
            .0
            .iter()
            .filter(|route| route.resource == best.resource && (route.method == method || route.method == "ANY"))
            .max_by_key(|route| route.method == method)?;
        Some(Match { route: route.clone(), parameters: parameters(&route.resource, path)? })
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Route] {
        &self.0
    }
}

/// For each segment whether it is a fixed word: of two lists the greater one is the more exact match.
fn fixed_words(resource: &str) -> Vec<bool> {
    resource.split('/').map(|segment| parameter(segment).is_none()).collect()
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn parameters(resource: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut given = path.split('/');
    for segment in resource.split('/') {
        let value = given.next()?;
        match parameter(segment) {
            Some(_) if value.is_empty() => return None,
            Some(name) => {
                found.insert(name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned());
            }
            None if segment == value => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let mut routes = Routes::default();
        for (method, path) in [
            ("get", "/keys"),
            ("POST", "/keys"),
            ("GET", "/keys/{id}"),
            ("DELETE", "/subscriptions/{id}"),
            ("GET", "/subscriptions/config"),
            ("POST", "/channels/{channel}/push"),
        ] {
            routes.add(method, path, "F", None).expect("a new route");
        }
        routes
    }

    #[test]
    fn a_path_finds_its_most_exact_resource() {
        for (method, path, resource) in [
            ("GET", "/keys", Some("/keys")),
            ("GET", "/keys/1", Some("/keys/{id}")),
            ("GET", "/subscriptions/config", Some("/subscriptions/config")),
            ("DELETE", "/subscriptions/1", Some("/subscriptions/{id}")),
            ("DELETE", "/subscriptions/config", None),
            ("POST", "/channels/ops/push", Some("/channels/{channel}/push")),
            ("POST", "/channels//push", None),
            ("GET", "/keys/", None),
            ("GET", "/keys/1/2", None),
            ("GET", "/Keys", None),
            ("HEAD", "/keys", None),
            ("GET", "//keys", None),
            ("GET", "/", None),
            ("GET", "", None),
        ] {
            let found = routes().find(method, path).map(|found| found.route.resource);
            assert_eq!(found.as_deref(), resource, "{method} {path}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let found = routes().find("GET", "/keys/a%20b%2Fc%FF").expect("a route");
        assert_eq!(found.parameters["id"], "a b/c\u{fffd}");
    }

    #[test]
    fn a_route_cannot_be_given_twice() {
        assert!(routes().add("get", "/keys", "Other", None).is_err());
    }
}
