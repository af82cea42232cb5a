//! The files of the page, as they stand in `web`.

/// A file of the page.
pub(super) struct File {
    /// Its name, as in the path.
    pub(super) name: &'static str,
    /// Its media type.
    pub(super) media: &'static str,
    /// Its content.
    pub(super) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! files {
    ($($media:ident $name:literal)*) => {
        [$(File { name: $name, media: $media, text: include_str!(concat!("web/", $name)) },)*]
    };
}

/// Every file but the first is served under `/page/`.
pub(super) static FILES: [File; 21] = files! {
    HTML "index.html"
    PICTURE "icon.svg"
    STYLE "base.css"
    STYLE "parts.css"
    SCRIPT "main.js"
    SCRIPT "api.js"
    SCRIPT "dom.js"
    SCRIPT "events.js"
    SCRIPT "fields.js"
    SCRIPT "form.js"
    SCRIPT "format.js"
    SCRIPT "host.js"
    SCRIPT "key.js"
    SCRIPT "live.js"
    SCRIPT "problem.js"
    SCRIPT "run.js"
    SCRIPT "runs.js"
    SCRIPT "timeline.js"
    SCRIPT "tree.js"
    SCRIPT "workflow.js"
    SCRIPT "workflows.js"
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = FILES.iter().map(|file| file.text.len()).sum();
        assert!(bytes < 60_000, "{bytes} bytes");
    }

    #[test]
    fn no_file_holds_what_the_policy_forbids_or_could_make_markup_of_text() {
        for file in &FILES {
            for wrong in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\""]
            {
                assert!(!file.text.contains(wrong), "{} holds {wrong}", file.name);
            }
            let elsewhere = file.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "{}", file.name);
        }
    }

    #[test]
    fn every_module_that_is_imported_is_served() {
        let names: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        for file in FILES.iter().filter(|file| file.media == SCRIPT) {
            for import in file.text.lines().filter(|line| line.starts_with("import ")) {
                let name = import.split("\"./").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                assert!(names.contains(&name), "{} imports {name}", file.name);
            }
        }
    }
}
