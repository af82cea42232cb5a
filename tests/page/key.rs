//! The API key: asked for, kept for the tab alone, forgotten.

use serde_json::json;

use crate::{
    browser::Browser,
    flows::{APPROVAL, REPORT},
    host::Host,
    open_workflow,
};

#[test]
fn the_key_is_asked_for_and_kept_for_this_tab_alone() {
    let host = Host::with_settings(&[REPORT], &["http.require_key=true"]);
    let key = host.key("read,execute");
    let mut browser = Browser::start();
    browser.open(&host.url(""));
    browser.until("document.querySelector('dialog').open");
    assert!(browser.text("#key-why").contains("only to those who have a key"));
    browser.keep("key");
    browser.enter("#key-input", "kls_0000000000000000_wrong");
    browser.press("Enter", 13);
    browser.until("document.querySelector('#key-why').innerText.includes('does not know')");
    browser.until("document.querySelector('dialog').open && document.activeElement.id === 'key-input'");
    browser.enter("#key-input", &key);
    browser.press("Enter", 13);
    browser.until("document.querySelector('.card')");
    browser.until("document.querySelector('#stream').innerText === 'live'");
    assert_eq!(browser.js("document.querySelector('dialog').open"), false);
    assert_eq!(browser.js("document.querySelector('#key-input').value"), "");
    // Where it is, and where it is not.
    assert_eq!(browser.js("Object.values(sessionStorage)"), json!([key]));
    assert_eq!(browser.js("localStorage.length"), 0);
    assert_eq!(browser.call("Network.getCookies", &json!({}))["cookies"], json!([]));
    assert_eq!(browser.js(&format!("document.documentElement.outerHTML.includes('{key}')")), false);
    open_workflow(&mut browser, &host, "daily-report");
    browser.reload();
    browser.until("document.querySelector('#picture').naturalWidth > 0");
    assert_eq!(browser.js("document.querySelector('dialog').open"), false);
    browser.click("#forget");
    browser.until("document.querySelector('dialog').open");
    assert_eq!(browser.js("sessionStorage.length"), 0);
    browser.click("#key-not");
    browser.until_text("an API key is needed here");
    browser.until("document.querySelector('#stream').innerText === 'refused'");
    let log = browser.complaints();
    assert!(log.iter().all(|line| line.contains("status of 401")), "{log:?}");
}

#[test]
fn what_a_key_does_not_allow_is_told() {
    let host = Host::with_settings(&[APPROVAL], &["http.require_key=true"]);
    let key = host.key("read");
    let mut browser = Browser::start();
    browser.open(&host.url("#/workflows/approval"));
    browser.enter("#key-input", &key);
    browser.press("Enter", 13);
    browser.click("#execute button[type=submit]");
    browser.until_text("the API key lacks the scope `execute`");
}
