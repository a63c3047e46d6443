//! The `$context` variables in mapping templates, in response parameters and in the access log's format.

/// Looks up a variable by its name without `$context.`, such as `authorizer.code`.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The template with its `$context` variables replaced. Values are not escaped, and an unknown variable is an empty
/// string, as on AWS.
pub(super) fn substitute(template: &str, lookup: Lookup<'_>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("$context.") {
        out.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(after.len());
        let name = after[..end].trim_end_matches('.');
        out.push_str(&lookup(name).unwrap_or_default());
        rest = &after[name.len()..];
    }
    out.push_str(rest);
    out
}

/// The value of a response parameter: a literal in single quotes, or a context variable.
pub(super) fn response_parameter(value: &str, lookup: Lookup<'_>) -> String {
    let literal = value.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
    match (literal, value.strip_prefix("context.")) {
        (Some(literal), _) => literal.to_owned(),
        (None, Some(name)) => lookup(name).unwrap_or_default(),
        (None, None) => String::new(),
    }
}
