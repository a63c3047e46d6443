//! `GET /problems/{code}`: the page to which the `type` of a refusal leads. It is for everybody.

mod catalogue;

use shared::http::problem::Problem;
use shared::http::{Reply, Request};

use crate::catalogue::{CATALOGUE, Explained};

/// Answers 200 with a page that explains the code.
#[expect(clippy::unused_async, reason = "every handler is called the same way")]
pub async fn handle(request: Request) -> Result<Reply, Problem> {
    let code = request.path_text("code").unwrap_or_default();
    let explained = CATALOGUE.iter().find(|row| row.code == code).ok_or(Problem::NotFound("problem"))?;

    Ok(Reply::page(&page(explained)).header("Cache-Control", "public, max-age=3600"))
}

/// Every code that has a page.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|row| row.code)
}

/// Only our own words stand in it, none of which means anything in HTML.
fn page(explained: &Explained) -> String {
    let Explained { code, status, title, meaning, remedy } = explained;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} ({code})</title>\n\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>\n\
         <h1>{title}</h1>\n<p><code>{status} {code}</code></p>\n<h2>What it means</h2>\n<p>{meaning}</p>\n\
         <h2>What you can do</h2>\n<p>{remedy}</p>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_stands_once_and_its_words_are_plain() {
        for (index, row) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..index].iter().all(|other| other.code != row.code), "{}", row.code);
            for words in [row.code, row.title, row.meaning, row.remedy] {
                assert!(!words.is_empty() && !words.contains(['<', '>', '&']), "{words}");
            }
        }
    }
}
