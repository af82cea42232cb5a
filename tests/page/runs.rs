//! Runs: begun from the page, shown with what they gave and what failed, signalled, cancelled, listed.

use serde_json::json;

use crate::{
    browser::Browser,
    execute,
    flows::{APPROVAL, ORDERS, REPORT, SEARCH},
    host::Host,
    open_workflow, press_execute,
};

#[test]
fn a_run_begun_from_the_page_shows_its_outputs_and_what_ran_when() {
    let host = Host::with(&[REPORT, SEARCH]);
    let mut browser = Browser::start();
    browser.open(&host.url(""));
    browser.until("document.querySelectorAll('.card').length === 2");
    browser.until_text("There are no such runs.");
    assert!(browser.text(".card").contains("6 nodes"));
    browser.keep("home");
    browser.click(".card");
    browser.until("document.querySelector('#picture').naturalWidth > 0");
    assert!(browser.text("h1").contains("daily-report"));
    browser.click("form summary");
    // Inputs that connections give are not asked for; values are given by name.
    assert_eq!(
        browser.js("[...document.querySelectorAll('label')].some((l) => l.innerText === 'input_data')"),
        false
    );
    browser.click("fieldset:has(legend:first-child) .plain");
    browser.keep("workflow");
    press_execute(&mut browser, "completed");
    browser.until_text("Outputs");
    let outputs = browser.text(".tree");
    assert!(outputs.contains("alert: true") && outputs.contains("total: 72"), "{outputs}");
    let times = browser.text(".timeline");
    for node in ["readings", "scale", "pause", "check", "large", "small"] {
        assert!(times.contains(node), "{times}");
    }
    assert!(times.contains("skipped") && times.contains("ms"), "{times}");
    assert!(browser.text("main").contains("daily-report version 1"));
    browser.keep("run");
    // Without its events there is the journal, which knows the order.
    browser.reload();
    browser.until_text("the journal keeps no times");
    assert!(browser.text(".timeline").contains("done"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn inputs_are_sent_as_they_were_typed_and_refusals_stand_next_to_their_field() {
    let host = Host::with(&[REPORT]);
    let mut browser = Browser::start();
    open_workflow(&mut browser, &host, "daily-report");
    browser.click("form summary");
    let field = |name: &str| {
        format!(
            "#' + [...document.querySelectorAll('label')].find((l) => l.innerText === '{name}').htmlFor + '"
        )
    };
    let id = browser.js(&format!("'{}'", field("seconds")));
    let seconds = id.as_str().unwrap().to_owned();
    browser.enter(&seconds, "soon");
    browser.click("#execute button[type=submit]");
    browser.until_text("this is not JSON; a text stands in quotes");
    assert_eq!(browser.js("document.activeElement.getAttribute('aria-invalid')"), "true");
    browser.js("document.activeElement.value = ''");
    // What the host refuses.
    browser.enter(&seconds, "\"soon\"");
    browser.click("#execute button[type=submit]");
    browser.until_text("`seconds` wants number");
    let beside =
        format!("document.querySelector('{seconds}').closest('.field').innerText.includes('wants number')");
    assert_eq!(browser.js(&beside), true);
    assert_eq!(browser.js("document.activeElement.getAttribute('aria-invalid')"), "true");
    browser.keep("refused");
    browser.js("document.activeElement.value = '0.01'");
    // A whole number that the browser could not hold, under a name of its own.
    let legends = "[...document.querySelectorAll('fieldset')].find((f) => f.querySelector('legend').innerText === 'scale')";
    browser.js(&format!("{legends}.querySelector('.plain').click()"));
    browser.call("Input.insertText", &json!({"text": "note"}));
    browser.js(&format!("{legends}.querySelector('.pair textarea').focus()"));
    browser.call("Input.insertText", &json!({"text": "9007199254740993"}));
    press_execute(&mut browser, "completed");
    browser.until_text("9007199254740993");
    let log = browser.complaints();
    assert!(log.iter().all(|line| line.contains("422") || line.contains("400")), "{log:?}");
}

#[test]
fn a_run_that_failed_says_what_to_do_about_it() {
    let host = Host::with(&[ORDERS]);
    let mut browser = Browser::start();
    open_workflow(&mut browser, &host, "import-orders");
    press_execute(&mut browser, "failed");
    browser.until_text("What failed");
    let told = browser.text(".problem");
    assert!(told.contains("is a directory") && told.contains("io.is_directory"), "{told}");
    assert!(told.contains("list the directory with DirectoryReader"), "{told}");
    assert!(browser.text(".timeline").contains("failed"));
    browser.keep("failed");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_run_that_waits_takes_a_signal_and_another_is_cancelled() {
    let host = Host::with(&[APPROVAL]);
    let mut browser = Browser::start();
    open_workflow(&mut browser, &host, "approval");
    press_execute(&mut browser, "suspended");
    browser.until_text("It waits for approved.");
    browser.keep("waits");
    browser.enter("#value", "\"Ada\"");
    browser.click("form.pair button");
    browser.until("document.querySelector('#status').innerText === 'completed'");
    browser.until_text("approved by Ada");
    open_workflow(&mut browser, &host, "approval");
    press_execute(&mut browser, "suspended");
    // The question whether it is meant holds the page until it is answered.
    browser.js("void setTimeout(() => document.querySelector('#cancel').click())");
    browser.until_event("Page.javascriptDialogOpening");
    browser.call("Page.handleJavaScriptDialog", &json!({"accept": true}));
    browser.until("document.querySelector('#status').innerText === 'cancelled'");
    browser.until("!document.querySelector('#cancel')");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn runs_are_filtered_paged_and_new_ones_appear() {
    let host = Host::with(&[ORDERS, SEARCH]);
    let mut browser = Browser::start();
    browser.open(&host.url("#/runs"));
    browser.until_text("There are no such runs.");
    for _ in 0..3 {
        execute(&mut browser, "import-orders", "{}");
    }
    // Nobody asked for them: the events did.
    browser.until("document.querySelectorAll('.runs tbody tr').length === 3");
    browser.js(
        "Promise.all(Array.from({ length: 52 }, () => fetch('/workflows/threshold-search/execute', { method: 'POST',
            headers: { 'content-type': 'application/json' }, body: '{}' }).then((response) => response.text())))",
    );
    browser.until(
        "document.querySelectorAll('.runs tbody tr').length === 50 && document.querySelector('#older')",
    );
    browser.keep("runs");
    browser.click("#older");
    browser.until("document.querySelectorAll('.runs tbody tr').length === 5");
    browser.open(&host.url("#/runs?status=failed"));
    browser.until("document.querySelectorAll('.runs tbody tr').length === 3");
    browser.until(
        "[...document.querySelectorAll('.runs tbody tr')].every((row) => row.innerText.includes('failed'))",
    );
    browser.enter("#by-workflow", "threshold-search");
    browser.press("Enter", 13);
    browser.until_text("There are no such runs.");
    assert_eq!(browser.js("location.hash"), "#/runs?status=failed&workflow=threshold-search");
    browser.click("nav a:nth-child(2)");
    browser.until("document.querySelectorAll('.runs tbody tr').length === 50");
    // The whole row leads to its run.
    browser.click(".runs tbody tr td:last-child");
    browser.until("document.querySelector('#status').innerText === 'completed'");
    let log = browser.complaints();
    assert!(log.iter().all(|line| line.contains("422")), "{log:?}");
}
