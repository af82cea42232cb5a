//! How the page looks: light and dark, on a desk and on a phone, and for those who use the keyboard.

use serde_json::json;

use crate::{
    browser::Browser,
    execute,
    flows::{APPROVAL, ORDERS, REPORT, SEARCH},
    host::Host,
    open_workflow, press_execute,
};

/// Texts that stand too little apart from their ground (WCAG 2.2, 1.4.3), and what is wider than the window.
const FAULTS: &str = r"(() => {
    const channels = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const flat = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
    const ground = (element) => { for (let at = element; at; at = at.parentElement) { const color = flat(getComputedStyle(at).backgroundColor); if (color[3] === 255) return color; } return [255, 255, 255]; };
    const faults = [];
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest('.away, .skip')) continue;
        const [a, b] = [luminance(flat(getComputedStyle(element).color)), luminance(ground(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faults.push(`${contrast.toFixed(2)} ${element.outerHTML.slice(0, 80)}`);
    }
    for (const track of document.querySelectorAll('.track')) {
        if (track.getBoundingClientRect().width < innerWidth / 3) faults.push('a narrow track');
    }
    const rows = [...document.querySelectorAll('.timeline li, .runs tr, .happening li, .fields, .tiles, .cards, .pair')];
    for (const row of rows.filter((row) => row.checkVisibility())) {
        const boxes = [...row.children].map((cell) => cell.getBoundingClientRect()).filter((box) => box.width > 1);
        const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
        if (boxes.some((a, at) => boxes.slice(at + 1).some((b) => meet(a, b)))) faults.push(`overlap ${row.outerHTML.slice(0, 80)}`);
        if (boxes.some((box) => box.right > innerWidth + 1 && !row.closest('.picture'))) faults.push(`beyond the edge ${row.outerHTML.slice(0, 80)}`);
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push(`${document.documentElement.scrollWidth} wide`);
    return faults;
})()";

#[test]
fn every_page_can_be_read_in_the_light_and_in_the_dark_on_a_desk_and_on_a_phone() {
    let host = Host::with(&[REPORT, APPROVAL, ORDERS, SEARCH]);
    let mut browser = Browser::start();
    open_workflow(&mut browser, &host, "approval");
    press_execute(&mut browser, "suspended");
    let waits = browser.js("location.hash").as_str().unwrap().to_owned();
    open_workflow(&mut browser, &host, "import-orders");
    press_execute(&mut browser, "failed");
    let failed = browser.js("location.hash").as_str().unwrap().to_owned();
    open_workflow(&mut browser, &host, "daily-report");
    press_execute(&mut browser, "completed");
    let run = browser.js("location.hash").as_str().unwrap().to_owned();
    execute(&mut browser, "threshold-search", "{}");
    let pages = [
        ("home", "#/", ".runs tbody tr"),
        ("workflow", "#/workflows/daily-report", "#picture"),
        ("run", &run, ".tree"),
        ("waits", &waits, ".notice form"),
        ("failed", &failed, ".problem"),
        ("runs", "#/runs", ".runs tbody tr"),
        ("events", "#/events", ".happening time"),
    ];
    for (form, width, height) in [("desk", 1200, 900), ("phone", 360, 740)] {
        browser.size(width, height);
        for dark in [false, true] {
            browser.dark(dark);
            for (name, place, sign) in pages {
                browser.js(&format!("location.hash = {}", json!(place)));
                browser.until(&format!("document.querySelector('{sign}')"));
                browser.until("[...document.images].every((image) => image.complete)");
                let scheme = if dark { "dark" } else { "light" };
                browser.keep(&format!("{form}-{scheme}-{name}"));
                assert_eq!(browser.js(FAULTS), json!([]), "{form} {scheme} {name}");
            }
            let ground = browser.js("getComputedStyle(document.body).backgroundColor");
            assert_eq!(ground == "rgb(14, 19, 24)", dark, "{ground}");
        }
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_keyboard_alone_leads_from_the_first_page_to_a_run() {
    let host = Host::with(&[SEARCH]);
    let mut browser = Browser::start();
    browser.open(&host.url(""));
    browser.until("document.querySelector('.card')");
    browser.press("Tab", 9);
    assert_eq!(browser.js("document.activeElement.id"), "skip");
    browser.press("Enter", 13);
    assert_eq!(browser.js("document.activeElement.id"), "main");
    browser.press("Tab", 9);
    assert_eq!(browser.js("document.activeElement.className"), "card");
    let outline = browser.js("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "one sees where one is");
    browser.press("Enter", 13);
    browser.until("document.querySelector('#picture').naturalWidth > 0");
    assert_eq!(browser.js("document.activeElement.tagName"), "H1", "who listens hears the new page");
    browser.until("document.activeElement.innerText === 'threshold-search'");
    for _ in 0..40 {
        browser.press("Tab", 9);
        if browser.js("document.activeElement.innerText") == "Execute" {
            break;
        }
    }
    browser.press("Enter", 13);
    browser.until("document.querySelector('#status').innerText === 'completed'");
    assert_eq!(browser.complaints(), [""; 0]);
}
