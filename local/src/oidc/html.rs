//! A page to read, and text on its way into it.

use std::fmt::Write as _;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;\
color:#1b1b1f;background:#fff}h2{margin-top:3rem;border-bottom:2px solid}h3{margin:2.5rem 0 .25rem}\
code,pre{font:.875rem/1.45 ui-monospace,monospace}h3 code{font-size:1.125rem;font-weight:600}h4{margin:1rem 0 .25rem}pre{overflow:auto;padding:.75rem;background:#f2f3f7}\
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .75rem .25rem 0;border-top:1px solid #c6c6d0;\
vertical-align:top;text-align:left}td:first-child{width:min(19rem,35vw);overflow-wrap:anywhere}td p{margin:0}\
small{color:#5b5b66;overflow-wrap:anywhere}details{margin:.25rem 0}details>details,details>p,details>h4,\
details>table{margin-left:1rem}details>table{width:calc(100% - 1rem)}nav a{display:inline-block;margin-right:1rem}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#17171a}\
pre{background:#26262b}small{color:#aaa}a{color:#a8c7fa}}";

/// A page of this title with this in it, which loads nothing.
pub(crate) fn document(title: &str, main: &str) -> String {
    let title = escape(title);
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main><h1>{title}</h1>{main}</main></body></html>"#
    )
}

/// Text that is safe in HTML, in an attribute too.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A description, with its code, stress and paragraphs.
pub(crate) fn words(description: &str) -> String {
    let escaped = escape(description.trim());
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

/// A row of a table: what is called this, a note under its name, what it means, and its rules.
pub(crate) fn row(out: &mut String, name: &str, note: &str, description: &str, rules: &str) {
    let (name, note, rules) = (escape(name), escape(note), escape(rules));
    let description = words(description);
    let _ = write!(
        out,
        "<tr><td><code>{name}</code><br><small>{note}</small></td><td><p>{description}</p><small>{rules}</small></td></tr>"
    );
}

/// A table of such rows under its title, if there are any.
pub(crate) fn table(title: &str, rows: &str, out: &mut String) {
    if !rows.is_empty() {
        let _ = write!(out, "<h4>{}</h4><table>{rows}</table>", words(title));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_code_and_paragraphs_and_nothing_else() {
        let shown = words("**Bold** is `<b>`.\n\nAnd `more`.");
        assert_eq!(shown, "<b>Bold</b> is <code>&lt;b&gt;</code>.</p><p>And <code>more</code>.");
    }
}
