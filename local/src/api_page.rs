//! `docs/openapi.yaml` as a page to read: who calls, every route with its parameters, fields, answers and examples, what
//! refusals and headers mean, and nothing from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

use crate::oidc::html::{document, escape, row, table, words};

const CONTRACT: &str = include_str!("../../docs/openapi.yaml");

const METHODS: [&str; 6] = ["get", "put", "post", "patch", "delete", "options"];

/// What a schema says of a value beside its type, in the order of the page.
const RULES: &str = "enum const format minimum maximum minLength maxLength minItems maxItems pattern default";

/// Fields of fields are shown so deep.
const DEEPEST: usize = 4;

/// The page.
pub(crate) fn page() -> Result<String, String> {
    let page = Page { document: serde_norway::from_str(CONTRACT).map_err(|error| error.to_string())? };
    let (mut links, mut sections) = (String::new(), String::new());
    let mut section = |name: &str, about: &Value, content: &dyn Fn(&mut String)| {
        let name = escape(name);
        let _ = write!(links, r##"<a href="#{name}">{name}</a> "##);
        let _ = write!(sections, r#"<h2 id="{name}">{name}</h2><p>{}</p>"#, words(text(about)));
        content(&mut sections);
    };
    section("Callers", &Value::Null, &|out| page.callers(out));
    for tag in list(&page.document["tags"]) {
        section(text(&tag["name"]), &tag["description"], &|out| page.operations(&tag["name"], out));
    }
    section("Elsewhere", &"At a path that is not here, or to a method that a path does not have.".into(), &|out| {
        page.answers(&page.document["x-elsewhere"], out);
    });
    section("Refusals", &page.schema("Problem")["description"], &|out| page.refusals(out));
    section("Headers", &"What the headers mean that an answer names, and whether it always has them.".into(), &|out| {
        page.headers(out);
    });
    let about = words(text(&page.document["info"]["description"]));
    let server = &page.document["servers"][0];
    let (stage, meant) = (escape(text(&server["url"])), words(text(&server["description"])));
    let about = format!("<p>{about}</p><p><code>{stage}</code>: {meant}</p><nav>{links}</nav>");
    Ok(document("Pushgate's API", &format!("{about}{sections}")))
}

struct Page {
    document: Value,
}

impl Page {
    fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    /// Who may call, and how he shows it.
    fn callers(&self, out: &mut String) {
        let mut rows = String::new();
        for (name, scheme) in entries(&self.document["components"]["securitySchemes"]) {
            let header = scheme["name"].as_str().map_or("Authorization: Bearer".to_owned(), |name| format!("{name}:"));
            row(&mut rows, name, &format!("{header} …"), text(&scheme["description"]), "");
        }
        table("", &rows, out);
    }

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
        let callers: Vec<String> =
            callers.map(|(name, _)| format!(r##"<a href="#Callers">{}</a>"##, escape(name))).collect();
        let callers = if callers.is_empty() { "everybody".to_owned() } else { callers.join(" or ") };
        let (summary, description) = (words(text(&operation["summary"])), words(text(&operation["description"])));
        let _ = write!(out, "<p><b>{summary}.</b> {description} <small>Called by: {callers}</small></p>");

        let mut rows = String::new();
        for parameter in list(&item["parameters"]).iter().chain(list(&operation["parameters"])) {
            let parameter = self.resolve(parameter);
            let need = if parameter["required"] == true { "required" } else { "optional" };
            let note = format!("{}, {need}", text(&parameter["in"]));
            let rules = self.rules(&parameter["schema"]);
            row(&mut rows, text(&parameter["name"]), &note, text(&parameter["description"]), &rules);
        }
        table("Parameters", &rows, out);
        let body = &operation["requestBody"]["content"]["application/json"];
        self.body("Body", &body["schema"], out);
        self.examples(&body["examples"], out);

        out.push_str("<h4>Answers</h4>");
        self.answers(&operation["responses"], out);
    }

    fn answers(&self, responses: &Value, out: &mut String) {
        for (status, response) in entries(responses) {
            let response = self.resolve(response);
            let refusal = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
            let codes: Vec<String> = list(&refusal["properties"]["code"]["enum"]).iter().map(code).collect();
            let summary =
                format!("<code>{status}</code> {} {}", words(text(&response["description"])), codes.join(" "));
            let headers: Vec<&str> = entries(&response["headers"]).map(|(name, _)| name).collect();
            let headers = escape(&headers.join(", "));
            let _ = write!(out, "<details><summary>{summary}</summary>");
            let _ = write!(out, r##"<p><small><a href="#Headers">Headers</a>: {headers}</small></p>"##);
            for (kind, content) in entries(&response["content"]) {
                // Every refusal has the same fields, which are told once.
                if kind == "application/problem+json" {
                    out.push_str(r##"<p><small><a href="#Refusals">Fields of a refusal</a></small></p>"##);
                } else {
                    self.body(&format!("Body, {}", escape(kind)), &content["schema"], out);
                }
                self.examples(&content["examples"], out);
            }
            out.push_str("</details>");
        }
    }

    /// What every refusal has, and all that there are.
    fn refusals(&self, out: &mut String) {
        let (problem, mut rows) = (self.schema("Problem"), String::new());
        self.fields("", &problem["properties"], &problem["required"], DEEPEST, &mut rows);
        table("Fields", &rows, out);
        let mut rows = String::new();
        for kind in list(&problem["oneOf"]) {
            let of = |name: &str| &kind["properties"][name]["const"];
            let (status, title, code) = (of("status"), escape(text(of("title"))), code(of("code")));
            let _ = write!(rows, "<tr><td>{status} {code}</td><td>{title}</td></tr>");
        }
        table("Codes", &rows, out);
    }

    /// Every header of an answer, once for each meaning that it has.
    fn headers(&self, out: &mut String) {
        let mut rows: Vec<String> = Vec::new();
        let operations = entries(&self.document["paths"]).flat_map(|(_, item)| entries(item));
        for (_, response) in operations.flat_map(|(_, operation)| entries(&operation["responses"])) {
            for (name, header) in entries(&self.resolve(response)["headers"]) {
                let (header, mut shown) = (self.resolve(header), String::new());
                let note = if header["required"] == true { "always" } else { "sometimes" };
                row(&mut shown, name, note, text(&header["description"]), &self.rules(&header["schema"]));
                if !rows.contains(&shown) {
                    rows.push(shown);
                }
            }
        }
        rows.sort();
        table("", &rows.concat(), out);
    }

    /// What a body means, and its fields; each kind of it, if it is one of several.
    fn body(&self, title: &str, schema: &Value, out: &mut String) {
        let schema = self.resolve(schema);
        let kinds = if schema["oneOf"].is_array() { list(&schema["oneOf"]) } else { std::slice::from_ref(schema) };
        let mut rows = String::new();
        for kind in kinds {
            if kinds.len() > 1 {
                let _ = write!(rows, r#"<tr><th colspan="2">{}</th></tr>"#, words(text(&kind["description"])));
            }
            self.fields_of("", kind, DEEPEST, &mut rows);
        }
        if !rows.is_empty() {
            let _ = write!(out, "<h4>{title}</h4><p>{}</p>", words(text(&schema["description"])));
            table("", &rows, out);
        }
    }

    /// The fields of what is an object, of what is one or `null`, or of what is several things at once.
    fn fields_of(&self, before: &str, schema: &Value, deep: usize, out: &mut String) {
        let schema = self.resolve(schema);
        // What a later part says of a field stands for what an earlier one says; `false` takes it away.
        let mut properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let mut required = list(&schema["required"]).to_vec();
        for part in list(&schema["allOf"]).iter().map(|part| self.resolve(part)) {
            properties.extend(entries(&part["properties"]).map(|(name, field)| (name.to_owned(), field.clone())));
            required.extend_from_slice(list(&part["required"]));
        }
        properties.retain(|_, field| *field != false);
        self.fields(before, &properties.into(), &required.into(), deep, out);
        for kind in list(&schema["oneOf"]) {
            self.fields_of(before, kind, deep, out);
        }
    }

    /// These fields, each with those within it; first those that are always there.
    fn fields(&self, before: &str, properties: &Value, required: &Value, deep: usize, out: &mut String) {
        let is_required = |name: &str| list(required).iter().any(|it| it == name);
        let (first, then): (Vec<_>, Vec<_>) = entries(properties).partition(|(name, _)| is_required(name));
        for (name, field) in first.into_iter().chain(then) {
            let full = format!("{before}{name}");
            let meant = self.resolve(field);
            let description = field.get("description").unwrap_or(&meant["description"]);
            let needed = if is_required(name) { "required" } else { "optional" };
            row(out, &full, needed, text(description), &self.rules(field));
            if deep > 1 {
                self.fields_of(&format!("{full}."), meant, deep - 1, out);
                self.fields_of(&format!("{full}[]."), &meant["items"], deep - 1, out);
            }
        }
    }

    /// The type of a value and what else its schema says of it, of what is in a list too.
    fn rules(&self, schema: &Value) -> String {
        let schema = self.resolve(schema);
        let kinds: Vec<String> = match &schema["type"] {
            Value::String(kind) => vec![kind.clone()],
            kinds => list(kinds).iter().map(|kind| text(kind).to_owned()).collect(),
        };
        let mut rules: Vec<String> = if kinds.is_empty() { Vec::new() } else { vec![kinds.join(" or ")] };
        let said = RULES.split(' ').filter_map(|rule| Some(format!("{rule} {}", plain(schema.get(rule)?))));
        rules.extend(said);
        if schema.get("items").is_some() {
            rules.push(format!("each: {}", self.rules(&schema["items"])));
        }
        let kinds: Vec<String> = list(&schema["oneOf"]).iter().map(|kind| self.rules(kind)).collect();
        if !kinds.is_empty() {
            rules.push(kinds.join(", or "));
        }
        rules.join(" · ")
    }

    fn examples(&self, examples: &Value, out: &mut String) {
        for (name, example) in entries(examples) {
            let example = self.resolve(example);
            let title = escape(example["summary"].as_str().unwrap_or(name));
            let shown = match &example["value"] {
                Value::String(text) => text.clone(),
                value => serde_json::to_string_pretty(value).unwrap_or_default(),
            };
            let shown = escape(&shown);
            let _ = write!(out, "<details><summary>Example: {title}</summary><pre>{shown}</pre></details>");
        }
    }

    /// What a reference leads to, or the thing itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target =
            value["$ref"].as_str().and_then(|reference| self.document.pointer(reference.trim_start_matches('#')));
        target.map_or(value, |target| self.resolve(target))
    }
}

/// A code of a refusal, which leads to its page.
fn code(code: &Value) -> String {
    format!(r#"<a href="/v1/problems/{0}"><code>{0}</code></a>"#, escape(text(code)))
}

/// A value of a rule, a text without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
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
    use super::*;

    /// The part of the page about an operation.
    fn about(page: &str, operation: &str) -> String {
        let heading = format!("<h3 id=\"{operation}\">");
        let (_, rest) = page.split_once(&heading).unwrap_or_else(|| panic!("no {operation}"));
        rest.split("<h3 id=").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn every_field_is_shown_with_what_it_may_hold_and_no_other() {
        let page = page().expect("a page");
        let create = about(&page, "createKey");
        for shown in ["PushNotifications/Send", "each: string · minLength 1", "integer or null", "format"] {
            assert!(create.contains(shown), "{shown}");
        }
        let target = "<code>target.channels</code>";
        assert!(about(&page, "sendPush").contains(target));
        assert!(!about(&page, "sendPushToChannel").contains("<code>target</code><br>"));
        assert!(about(&page, "sendPushToChannel").contains("<code>actions[].title</code>"));
        assert!(about(&page, "listKeyHistory").contains("<code>events[].changes.name.from</code>"));
        assert!(about(&page, "getKey").contains("<code>rotation.old_hint</code>"));
    }

    #[test]
    fn what_all_routes_share_is_explained_once() {
        let page = page().expect("a page");
        for section in ["Callers", "Elsewhere", "Refusals", "Headers"] {
            assert!(page.contains(&format!("<h2 id=\"{section}\">")), "{section}");
        }
        for shown in ["<code>keyHeader</code>", "<code>RateLimit-Policy</code><br>", "<code>errors[].pointer</code>"] {
            assert_eq!(page.matches(shown).count(), 1, "{shown}");
        }
        let rows = page.matches("<tr>").count();
        assert!((300..4_000).contains(&rows), "{rows} rows");
    }
}
