//! The page at `/`, as people see it: a real browser before a real host.
//!
//! Pictures of what was seen are kept in the folder `page` beside what is built.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod browser;
mod events;
mod flows;
mod host;
mod key;
mod looks;
mod runs;
mod safety;

use browser::Browser;
use host::Host;

/// Executes a workflow as a program would, and waits for its end.
fn execute(browser: &mut Browser, name: &str, inputs: &str) {
    browser.js(&format!(
        "fetch('/workflows/{name}/execute', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }},
            body: JSON.stringify({{ inputs: {inputs} }}) }}).then((response) => response.text())"
    ));
}

/// Opens the page of a workflow, and waits for its picture.
fn open_workflow(browser: &mut Browser, host: &Host, name: &str) {
    browser.open(&host.url(&format!("#/workflows/{name}")));
    browser.until("document.querySelector('#picture').naturalWidth > 0");
}

/// Presses the button of the form, and waits until the run stands as `status`.
fn press_execute(browser: &mut Browser, status: &str) {
    browser.click("#execute button[type=submit]");
    browser.until(&format!("document.querySelector('#status').innerText === '{status}'"));
}
