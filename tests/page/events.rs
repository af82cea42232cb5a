//! Events as they happen, and a host that goes away and comes back.

use crate::{
    browser::Browser,
    execute,
    flows::{REPORT, SEARCH},
    host::Host,
};

#[test]
fn events_arrive_and_the_page_finds_the_host_again() {
    let mut host = Host::with(&[REPORT, SEARCH]);
    let mut browser = Browser::start();
    browser.open(&host.url("#/events"));
    browser.until("document.querySelector('#stream').innerText === 'live'");
    browser.until_text("No such event since this page was opened.");
    execute(&mut browser, "threshold-search", "{}");
    browser.until("document.querySelector('.happening').innerText.includes('run.finished')");
    let told = browser.text(".happening");
    assert!(
        told.contains("run.started") && told.contains("judge#20") && told.contains("threshold-search"),
        "{told}"
    );
    browser.keep("events");
    browser.enter("#wanted", "cycle.turned");
    browser.until("!document.querySelector('.happening').innerText.includes('node.started')");
    assert!(browser.text(".happening").contains("iteration 20"));
    // Paused, nothing moves under the reader's eyes.
    browser.js("document.querySelector('#wanted').value = ''");
    browser.click(".filters button");
    let before = browser.text(".happening");
    execute(&mut browser, "daily-report", "{}");
    browser.until("document.querySelector('#stream').innerText === 'live'");
    assert_eq!(browser.text(".happening"), before);
    browser.click(".filters button");
    browser.until("document.querySelector('.happening').innerText.includes('daily-report')");
    assert_eq!(browser.complaints(), [""; 0]);

    host.kill();
    browser.until("/reconnecting|connecting/.test(document.querySelector('#stream').innerText)");
    browser.until("document.querySelector('#standing').innerText.includes('unreachable')");
    browser.keep("unreachable");
    host.restart();
    browser.until("document.querySelector('#stream').innerText === 'live'");
    browser.until_text("the connection was lost: what happened meanwhile is not shown");
    execute(&mut browser, "threshold-search", "{}");
    browser.until("document.querySelectorAll('.happening li').length > 40");
    browser.until("document.querySelector('#standing').innerText.includes('ready')");
    let log = browser.complaints();
    assert!(log.iter().all(|line| line.contains("net::ERR_")), "{log:?}");
}

#[test]
fn what_was_missed_is_said() {
    let host = Host::with(&[SEARCH]);
    let mut browser = Browser::start();
    browser.open(&host.url("#/events"));
    browser.until("document.querySelector('#stream').innerText === 'live'");
    // The host says so when a reader is thousands of events behind; here its words are put into its mouth.
    browser.js(
        "(async () => {
            const real = window.fetch;
            window.fetch = async (path, options) => {
                if (path !== '/events') return real(path, options);
                window.fetch = real;
                const text = 'event: lagged\\ndata: {\"missed\":4711}\\n\\n';
                return new Response(new Blob([text]).stream(), { headers: { 'content-type': 'text/event-stream' } });
            };
        })()",
    );
    drop(host);
    browser.until_text("4711 events were missed: the host was faster than this page");
}
