//! JSON for snapshots: values that differ from run to run are replaced by the name of their format.

use serde_json::Value;

/// Pretty-printed JSON with `<timestamp>`, `<ulid>`, `<uuid>` and `<hex>` for strings of exactly these formats, so that a
/// snapshot checks the format and not the value.
pub fn redact(value: &Value) -> String {
    let mut value = value.clone();
    replace(&mut value);
    serde_json::to_string_pretty(&value).expect("JSON")
}

fn replace(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(format) = format_of(text) {
                *text = format.to_owned();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(replace),
        Value::Object(fields) => fields.values_mut().for_each(replace),
        _ => {}
    }
}

fn format_of(text: &str) -> Option<&'static str> {
    let pattern: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    if pattern == "9999-99-99T99:99:99.999Z" {
        return Some("<timestamp>");
    }
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    if parts == [8, 4, 4, 4, 12] && text.split('-').all(hex) {
        return Some("<uuid>");
    }
    if text.len() == 32 && hex(text) {
        return Some("<hex>");
    }
    let crockford = |b: u8| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"ILOU".contains(&b));
    (text.len() == 26 && text.bytes().all(crockford)).then_some("<ulid>")
}
