//! What comes from elsewhere stays text, and the policy holds.

use serde_json::json;

use crate::{
    browser::Browser,
    execute,
    flows::{APPROVAL, HOSTILE, HOSTILE_FAILURE},
    host::Host,
    open_workflow, press_execute,
};

#[test]
fn hostile_text_is_shown_as_text() {
    let host = Host::with(&[HOSTILE, HOSTILE_FAILURE, APPROVAL]);
    let mut browser = Browser::start();
    open_workflow(&mut browser, &host, "hostile");
    browser.keep("hostile-workflow");
    execute(
        &mut browser,
        "hostile",
        r#"{ '<img src=x onerror=hacked=1>': { item: { '<b onclick=hacked=1>': '<script>hacked=1</script><svg onload=hacked=1>' } } }"#,
    );
    browser.open(&host.url("#/runs"));
    browser.click(".runs a");
    browser.until_text("<script>hacked=1</script><svg onload=hacked=1>");
    browser.until_text("<b onclick=hacked=1>: ");
    assert!(browser.text(".timeline").contains("<img src=x onerror=hacked=1>"));
    browser.keep("hostile-run");
    open_workflow(&mut browser, &host, "hostile-failure");
    press_execute(&mut browser, "failed");
    browser.until_text("<b onclick=hacked=1>: No such file");
    browser.click("nav a:nth-child(3)");
    browser.until(
        "document.querySelector('.happening').innerText.includes('</title><script>hacked=1</script>')",
    );
    // A signal's value, and an address, are as hostile.
    open_workflow(&mut browser, &host, "approval");
    press_execute(&mut browser, "suspended");
    browser.enter("#value", "\"<img src=x onerror=hacked=1>\"");
    browser.click("form.pair button");
    browser.until_text("approved by <img src=x onerror=hacked=1>");
    browser.open(&host.url("#/workflows/%3Cimg%20src%3Dx%20onerror%3Dhacked%3D1%3E"));
    browser.until_text("there is no workflow");
    assert_eq!(browser.js("typeof hacked"), "undefined");
    assert_eq!(browser.js("document.querySelectorAll('main img, main script, main b').length"), 0);
    let log = browser.complaints();
    assert!(log.iter().all(|line| line.contains("status of 4")), "{log:?}");
}

#[test]
fn the_policy_lets_nothing_in_and_what_breaks_it_is_told() {
    let host = Host::with(&[APPROVAL]);
    let mut browser = Browser::start();
    open_workflow(&mut browser, &host, "approval");
    assert_eq!(browser.complaints(), [""; 0], "neither the page nor its picture breaks the policy");
    let headers = browser.js("fetch('/').then((r) => Object.fromEntries(r.headers))");
    let policy = headers["content-security-policy"].as_str().unwrap();
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert_eq!(
        (&headers["x-content-type-options"], &headers["referrer-policy"]),
        (&json!("nosniff"), &json!("no-referrer"))
    );
    let picture =
        browser.js("fetch('/workflows/approval/graph?version=1').then((r) => Object.fromEntries(r.headers))");
    assert_eq!(picture["content-type"], "image/svg+xml");
    assert!(picture["content-security-policy"].as_str().unwrap().contains("sandbox"));
    assert_eq!(
        browser.js("fetch('/page/../health').then((r) => r.status)"),
        200,
        "paths are made whole by the browser"
    );
    assert_eq!(browser.js("fetch('/page/nothing.js').then((r) => r.status)"), 404);
    browser.complaints();
    // Each of these a page without the policy would do.
    browser.js("(() => {
            const script = document.createElement('script');
            try { script.text = 'hacked = 1'; } catch { script.append('hacked = 1'); }
            try { document.body.append(script); } catch { /* refused before it stands there */ }
        })()");
    assert_eq!(browser.js("try { document.body.innerHTML = '<p>'; 'taken' } catch { 'refused' }"), "refused");
    let other = Host::with(&[]);
    let ask = format!("fetch('{}').then(() => 'answered', () => 'refused')", other.url("health"));
    assert_eq!(browser.js(&ask), "refused");
    assert_eq!(browser.js("typeof hacked"), "undefined");
    let log = browser.complaints();
    assert!(
        log.iter()
            .any(|line| line.contains("Content Security Policy") || line.contains("ContentSecurityPolicy")),
        "{log:?}"
    );
}
