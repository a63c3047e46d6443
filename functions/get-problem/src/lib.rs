//! `GET /problems/{code}`: the page that the `type` of a problem leads to. It is public.

mod catalog;

use lambda_http::http::header::CACHE_CONTROL;
use shared::http::{Extract as _, Problem, Request, Response, ResponseExt as _, Routes, response};

use crate::catalog::{CATALOG, ProblemPage};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/problems/{code}")];

/// Responds with 200 and a page that explains the code.
#[expect(clippy::unused_async, reason = "every handler has the same signature")]
pub async fn handle(request: &Request) -> Result<Response, Problem> {
    let code = request.raw_path_param("code").unwrap_or_default();
    let page = CATALOG.iter().find(|row| row.code == code).ok_or(Problem::NotFound("problem"))?;

    Ok(response::html(&html(page)).with_header(CACHE_CONTROL, "public, max-age=3600"))
}

/// Every code that has a page.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CATALOG.iter().map(|row| row.code)
}

/// The page contains only our own text, which has no HTML characters.
fn html(page: &ProblemPage) -> String {
    let ProblemPage { code, status, title, meaning, remedy } = page;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} ({code})</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;\
         padding:0 1rem;overflow-wrap:anywhere}}</style>\n<main>\n<h1>{title}</h1>\n\
         <p><code>{status} {code}</code></p>\n<h2>What it means</h2>\n<p>{meaning}</p>\n\
         <h2>What you can do</h2>\n<p>{remedy}</p>\n</main>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_page_of_plain_text() {
        for (index, row) in CATALOG.iter().enumerate() {
            assert!(CATALOG[..index].iter().all(|other| other.code != row.code), "{}", row.code);
            for words in [row.code, row.title, row.meaning, row.remedy] {
                assert!(!words.is_empty() && !words.contains(['<', '>', '&']), "{words}");
            }
        }
    }
}
