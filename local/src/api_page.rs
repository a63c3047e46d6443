//! `docs/openapi.yaml` as a page to read: every route with its parameters, fields, answers and examples, and nothing from
//! elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

use crate::html::escape;

const CONTRACT: &str = include_str!("../../docs/openapi.yaml");

const METHODS: [&str; 6] = ["get", "put", "post", "patch", "delete", "options"];

/// What a schema says of a value beside its type, in the order of the page.
const RULES: [&str; 10] =
    ["enum", "const", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "default"];

/// Fields of fields are shown so deep.
const DEEPEST: usize = 3;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;\
color:#1b1b1f;background:#fff}h2{margin-top:3rem;border-bottom:2px solid}h3{margin:2rem 0 .25rem}\
code,pre{font:.875rem/1.45 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;background:#f2f3f7}\
table{border-collapse:collapse;width:100%}td{padding:.25rem .75rem .25rem 0;border-top:1px solid #c6c6d0;\
vertical-align:top}td:first-child{white-space:nowrap}small{color:#5b5b66;overflow-wrap:anywhere}\
nav a{display:inline-block;margin-right:1rem}@media(prefers-color-scheme:dark){body{color:#eee;background:#17171a}\
pre{background:#26262b}small{color:#aaa}a{color:#a8c7fa}}";

/// The page.
pub(crate) fn page() -> Result<String, String> {
    let document = serde_norway::from_str(CONTRACT).map_err(|error| error.to_string())?;
    let page = Page { document };
    let (mut links, mut sections) = (String::new(), String::new());
    for tag in list(&page.document["tags"]) {
        let name = escape(text(&tag["name"]));
        let _ = write!(links, r##"<a href="#{name}">{name}</a>"##);
        let _ = write!(sections, r#"<h2 id="{name}">{name}</h2><p>{}</p>"#, words(&tag["description"]));
        page.operations(&tag["name"], &mut sections);
    }
    let about = words(&page.document["info"]["description"]);
    Ok(format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pushgate's API</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main><h1>Pushgate's API</h1><p>{about}</p><nav>{links}</nav>{sections}</main></body></html>"#
    ))
}

struct Page {
    document: Value,
}

impl Page {
    /// The operations of a tag.
    fn operations(&self, tag: &Value, out: &mut String) {
        for (path, item) in entries(&self.document["paths"]) {
            for method in METHODS {
                let operation = &item[method];
                if list(&operation["tags"]).contains(tag) {
                    let name = format!("{} {}", method.to_uppercase(), escape(path));
                    let id = escape(text(&operation["operationId"]));
                    let _ = write!(out, r#"<h3 id="{id}"><code>{name}</code></h3>"#);
                    self.operation(item, operation, out);
                }
            }
        }
    }

    fn operation(&self, item: &Value, operation: &Value, out: &mut String) {
        let callers = list(&operation["security"]).iter().flat_map(entries);
        let callers: Vec<&str> = callers.map(|(name, _)| name).collect();
        let callers = if callers.is_empty() { "everybody".to_owned() } else { escape(&callers.join(" or ")) };
        let _ = write!(out, "<p><b>{}.</b> {}", words(&operation["summary"]), words(&operation["description"]));
        let _ = write!(out, " <small>Called by: {callers}</small></p>");

        let mut rows = String::new();
        for parameter in list(&item["parameters"]).iter().chain(list(&operation["parameters"])) {
            let parameter = self.resolve(parameter);
            let place = escape(text(&parameter["in"]));
            row(
                &mut rows,
                text(&parameter["name"]),
                &place,
                self.resolve(&parameter["schema"]),
                &parameter["description"],
            );
        }
        table("Parameters", &rows, out);
        let body = &operation["requestBody"]["content"]["application/json"];
        let mut rows = String::new();
        self.fields("", &body["schema"], DEEPEST, &mut rows);
        table("Body", &rows, out);
        self.examples(&body["examples"], out);

        out.push_str("<h4>Answers</h4>");
        for (status, response) in entries(&operation["responses"]) {
            self.answer(status, self.resolve(response), out);
        }
    }

    fn answer(&self, status: &str, response: &Value, out: &mut String) {
        let refusal = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
        let codes = list(&refusal["properties"]["code"]["enum"]).iter();
        let codes: Vec<String> = codes
            .map(|code| format!(r#"<a href="/v1/problems/{0}"><code>{0}</code></a>"#, escape(text(code))))
            .collect();
        let headers: Vec<&str> = entries(&response["headers"]).map(|(name, _)| name).collect();
        let headers = if headers.is_empty() { "none of its own".to_owned() } else { escape(&headers.join(", ")) };
        let summary = format!("<code>{status}</code> {} {}", words(&response["description"]), codes.join(" "));
        let _ = write!(out, "<details><summary>{summary}</summary><p><small>Headers: {headers}</small></p>");
        for (_, content) in entries(&response["content"]) {
            let mut rows = String::new();
            self.fields("", &content["schema"], DEEPEST, &mut rows);
            table("Fields", &rows, out);
            self.examples(&content["examples"], out);
        }
        out.push_str("</details>");
    }

    /// The fields of an object, each with those within it.
    fn fields(&self, before: &str, schema: &Value, deep: usize, out: &mut String) {
        let schema = self.resolve(schema);
        let required = list(&schema["required"]);
        for (name, field) in entries(&schema["properties"]) {
            let full = format!("{before}{name}");
            let meant = self.resolve(field);
            let description = field.get("description").unwrap_or(&meant["description"]);
            let needed = if required.iter().any(|it| it == name) { "required" } else { "optional" };
            row(out, &full, needed, meant, description);
            if deep > 1 {
                self.fields(&format!("{full}."), meant, deep - 1, out);
                self.fields(&format!("{full}[]."), &meant["items"], deep - 1, out);
            }
        }
        for part in list(&schema["allOf"]).iter().chain(list(&schema["oneOf"])).filter(|_| deep > 1) {
            self.fields(before, part, deep - 1, out);
        }
    }

    fn examples(&self, examples: &Value, out: &mut String) {
        for (name, example) in entries(examples) {
            let example = self.resolve(example);
            let title = example["summary"].as_str().unwrap_or(name);
            let shown = match &example["value"] {
                Value::String(text) => text.clone(),
                value => serde_json::to_string_pretty(value).unwrap_or_default(),
            };
            let _ = write!(
                out,
                "<details><summary>Example: {}</summary><pre>{}</pre></details>",
                escape(title),
                escape(&shown)
            );
        }
    }

    /// What a reference leads to, or the thing itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target =
            value["$ref"].as_str().and_then(|reference| self.document.pointer(reference.trim_start_matches('#')));
        target.map_or(value, |target| self.resolve(target))
    }
}

fn row(out: &mut String, name: &str, note: &str, schema: &Value, description: &Value) {
    let mut rules = match &schema["type"] {
        Value::Null => String::new(),
        Value::String(kind) => kind.clone(),
        kinds => kinds.to_string(),
    };
    for rule in RULES {
        if let Some(value) = schema.get(rule) {
            let _ = write!(rules, " · {rule} {value}");
        }
    }
    let (name, rules) = (escape(name), escape(&rules));
    let _ = write!(
        out,
        "<tr><td><code>{name}</code><br><small>{note}</small></td><td>{}<br><small>{rules}</small></td></tr>",
        words(description)
    );
}

fn table(title: &str, rows: &str, out: &mut String) {
    if !rows.is_empty() {
        let _ = write!(out, "<h4>{title}</h4><table>{rows}</table>");
    }
}

/// A description, with its code, stress and paragraphs.
fn words(description: &Value) -> String {
    let escaped = escape(text(description).trim());
    marked(&marked(&escaped, "`", "code"), "**", "b").replace("\n\n", "</p><p>")
}

/// What stands between two marks, as an element.
fn marked(text: &str, mark: &str, element: &str) -> String {
    let mut shown = String::new();
    for (index, part) in text.split(mark).enumerate() {
        let _ = if index % 2 == 1 { write!(shown, "<{element}>{part}</{element}>") } else { write!(shown, "{part}") };
    }
    shown
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_has_code_and_paragraphs_and_nothing_else() {
        let shown = words(&json!("**Bold** is `<b>`.\n\nAnd `more`."));
        assert_eq!(shown, "<b>Bold</b> is <code>&lt;b&gt;</code>.</p><p>And <code>more</code>.");
    }
}
