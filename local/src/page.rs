//! The frame of the pages under `/_local/`, its style, and the headers of pages.

use axum::http::{HeaderName, HeaderValue, Response};

/// The response with these headers besides.
pub(crate) async fn with_headers<B, const N: usize>(
    mut response: Response<B>,
    headers: [(HeaderName, &'static str); N],
) -> Response<B> {
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The style, in light and dark.
const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;\
margin:3rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}a{color:#0b57d0}button{display:block;width:100%;\
margin:.5rem 0;padding:.75rem 1rem;font:inherit;text-align:left;color:inherit;background:#f2f3f7;\
border:1px solid #767680;border-radius:.4rem;cursor:pointer}button[name=cancel]{width:auto;margin-top:1.5rem;\
background:none}ol{list-style:none;padding:0}li{padding:0 1rem .75rem;\
margin:.75rem 0;background:#f2f3f7;border:1px solid #767680;border-radius:.4rem;overflow-wrap:anywhere}h2{font-size:1.1rem;\
margin:.75rem 0 0}p{margin:.5rem 0}pre{white-space:pre-wrap}a:focus-visible,button:focus-visible,\
summary:focus-visible{outline:3px solid #0b57d0}@media(prefers-color-scheme:dark){\
body{color:#eee;background:#17171a}a{color:#a8c7fa}button,li{background:#26262b}\
a:focus-visible,button:focus-visible,summary:focus-visible{outline-color:#a8c7fa}}";

/// A page with this title and content, which is HTML.
pub(crate) fn page(title: &str, content: &str) -> String {
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"#
    )
}

/// Escapes text for HTML content and attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colors `#rrggbb` (WCAG 2.2, "contrast ratio").
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |color: &str| -> f64 {
            let channel =
                |at: usize| f64::from(u8::from_str_radix(&color[at..at + 2], 16).expect("hexadecimal")) / 255.0;
            let linear = |it: f64| if it <= 0.04045 { it / 12.92 } else { ((it + 0.055) / 1.055).powf(2.4) };
            [(1, 0.2126), (3, 0.7152), (5, 0.0722)].map(|(at, weight)| weight * linear(channel(at))).iter().sum()
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn links_and_focus_are_readable_in_light_and_dark_mode() {
        assert!(STYLE.starts_with(":root{color-scheme:light dark}"), "{STYLE}");
        let (light, dark) = STYLE.split_once("@media(prefers-color-scheme:dark)").expect("a dark mode");
        let color = |style: &'static str, rule: &str| &style.split_once(rule).expect(rule).1[..7];
        // The background of the light mode, #fff, has the short form.
        for (style, background) in [(light, "#ffffff"), (dark, color(dark, "body{color:#eee;background:"))] {
            let link = color(style, "a{color:");
            assert!(contrast(link, background) >= 4.5, "{link} on {background}");
        }
        let focus = color(dark, "outline-color:");
        assert!(contrast(focus, color(dark, "body{color:#eee;background:")) >= 3.0, "{focus}");
    }
}
