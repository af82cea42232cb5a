//! A browser without a window, driven by the DevTools protocol over a pipe: messages of JSON, each with a zero behind it.
//!
//! ```text
//! test ──stdin──> file 3 of Chromium       Chromium's file 4 ──stdout──> thread ──> answers by id, and what happened
//! ```

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Domains that tell what happens in the page.
const DOMAINS: [&str; 4] = ["Page", "Runtime", "Log", "Audits"];

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    stdin: ChildStdin,
    inbox: Arc<Inbox>,
    session: String,
    last: u64,
    _folder: TempDir,
}

#[derive(Default)]
struct Inbox {
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Default)]
struct Heard {
    answers: HashMap<u64, Value>,
    events: Vec<Value>,
    over: bool,
}

/// Where the system's package puts the browser.
fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name)))
        .find(|file| file.is_file());
    found.expect("tests of the page need Chromium: install the package chromium, as `tests/run tools` does")
}

impl Browser {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
        ];
        // The shell gives the browser its pipes as files 3 and 4, and becomes it.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"]).arg(chromium());
        command.args(arguments).arg(format!("--user-data-dir={}", folder.path().display()));
        let piped = command.arg("about:blank").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let inbox = Arc::new(Inbox::default());
        let hearing = Arc::clone(&inbox);
        std::thread::spawn(move || hear(stdout, &hearing));
        let mut browser = Self { child, stdin, inbox, session: String::new(), last: 0, _folder: folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in DOMAINS {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser.size(1200, 900);
        browser
    }

    /// Calls a method of the protocol.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.stdin.write_all(message.to_string().as_bytes()).unwrap();
        self.stdin.write_all(&[0]).unwrap();
        let id = self.last;
        let answer = self.inbox.wait(method, |heard| heard.answers.remove(&id));
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Opens `url` and waits until it is loaded; another place of the same page needs no loading.
    pub(crate) fn open(&mut self, url: &str) {
        let before = self.loads();
        let opened = self.call("Page.navigate", &json!({"url": url}));
        assert!(opened["errorText"].is_null(), "{opened}");
        if opened["loaderId"].is_string() {
            self.inbox.wait(url, |heard| (count_loads(heard) > before).then_some(()));
        }
    }

    /// Loads the page anew.
    pub(crate) fn reload(&mut self) {
        let before = self.loads();
        self.call("Page.reload", &json!({}));
        self.inbox.wait("a reload", |heard| (count_loads(heard) > before).then_some(()));
    }

    /// Waits until the browser has told of such an event.
    pub(crate) fn until_event(&mut self, method: &str) {
        let told =
            |heard: &mut Heard| heard.events.iter().any(|event| event["method"] == method).then_some(());
        self.inbox.wait(method, told);
    }

    fn loads(&self) -> usize {
        count_loads(&self.inbox.heard.lock().unwrap())
    }

    /// The value of a JavaScript expression, awaited if it is a promise.
    pub(crate) fn js(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let told = self.call("Runtime.evaluate", &asked);
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// Waits until `expression` is true of the page; looks again whenever something in it changed.
    pub(crate) fn until(&mut self, expression: &str) {
        let limit = PATIENCE.as_millis() / 2;
        let told = self.js(&format!(
            "new Promise((resolve) => {{
                const done = (value) => (watch.disconnect(), resolve(value));
                const look = () => {{ try {{ if ({expression}) done(true); }} catch {{ /* not yet */ }} }};
                const watch = new MutationObserver(look);
                watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                for (const type of ['load', 'hashchange']) addEventListener(type, look, true);
                setTimeout(() => done(document.body.innerText), {limit});
                look();
            }})"
        ));
        assert_eq!(told, json!(true), "it never came true: {expression}");
    }

    /// Waits until the page shows `text`.
    pub(crate) fn until_text(&mut self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// The text of the first element that `selector` finds.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let told = self.js(&format!("document.querySelector({})?.innerText", json!(selector)));
        told.as_str().unwrap_or_else(|| panic!("there is no {selector}")).to_owned()
    }

    /// Clicks where the element stands, as a hand would; again if it moved away under the hand.
    pub(crate) fn click(&mut self, selector: &str) {
        let quoted = json!(selector);
        while !self.click_once(&quoted) {}
    }

    fn click_once(&mut self, quoted: &Value) -> bool {
        self.until(&format!("document.querySelector({quoted}).checkVisibility()"));
        let at = self.js(&format!(
            "(() => {{
                const place = () => document.querySelector({quoted})?.getBoundingClientRect();
                window.landed = false;
                const note = ({{ clientX: x, clientY: y }}) => {{
                    const at = place();
                    window.landed = !!at && at.left <= x && x <= at.right && at.top <= y && y <= at.bottom;
                }};
                document.addEventListener('click', note, {{ once: true, capture: true }});
                document.querySelector({quoted}).scrollIntoView({{ block: 'center' }});
                const {{ x, y, width, height }} = place();
                return [x + width / 2, y + height / 2];
            }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
        // A click that led to another page has landed.
        self.js("window.landed ?? true") == json!(true)
    }

    /// Types `text` into the field that `selector` finds.
    pub(crate) fn enter(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Makes the window so large.
    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Whether people want it dark.
    pub(crate) fn dark(&mut self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// Keeps a picture of the whole page as `page/NAME.png` in the folder of what is built.
    pub(crate) fn keep(&mut self, name: &str) {
        self.js("scrollTo(0, 0)");
        let metrics = self.call("Page.getLayoutMetrics", &json!({}));
        let size = &metrics["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let shot = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.call("Page.captureScreenshot", &shot);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("page");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = base64(shot["data"].as_str().unwrap());
        assert!(picture.starts_with(b"\x89PNG"), "a picture");
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// What the browser has complained of since the last call: errors and warnings in the console, exceptions that
    /// nobody caught, breaches of the policy, and other issues.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // What was said before an answer was said before it.
        self.js("1");
        let events = std::mem::take(&mut self.inbox.heard.lock().unwrap().events);
        events.iter().filter_map(complaint).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to end, it leaves its folder alone before that is removed.
        let close = json!({"id": 0, "method": "Browser.close"});
        let asked = self.stdin.write_all(format!("{close}\0").as_bytes());
        let heard = self.inbox.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if asked.is_ok() {
            drop(self.inbox.changed.wait_timeout_while(heard, Duration::from_secs(10), |heard| !heard.over));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Inbox {
    fn wait<T>(&self, what: &str, mut take: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let mut taken = None;
        let heard = self.heard.lock().unwrap();
        let waited = self.changed.wait_timeout_while(heard, PATIENCE, |heard| {
            taken = take(heard);
            taken.is_none() && !heard.over
        });
        let (heard, _) = waited.unwrap();
        taken.unwrap_or_else(|| panic!("no answer to {what}; the browser ended: {}", heard.over))
    }
}

fn hear(stdout: ChildStdout, inbox: &Inbox) {
    for message in BufReader::new(stdout).split(0) {
        let Ok(message) = message else { break };
        let message: Value = serde_json::from_slice(&message).expect("the browser speaks JSON");
        let mut heard = inbox.heard.lock().unwrap();
        match message["id"].as_u64() {
            Some(id) => drop(heard.answers.insert(id, message)),
            None => heard.events.push(message),
        }
        inbox.changed.notify_all();
    }
    inbox.heard.lock().unwrap().over = true;
    inbox.changed.notify_all();
}

fn count_loads(heard: &Heard) -> usize {
    heard.events.iter().filter(|event| event["method"] == "Page.loadEventFired").count()
}

fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    let wrong = |level: &Value| matches!(level.as_str(), Some("error" | "warning" | "assert"));
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" if wrong(&params["type"]) => Some(format!("console: {}", params["args"])),
        "Runtime.exceptionThrown" => Some(format!("exception: {}", params["exceptionDetails"])),
        "Log.entryAdded" if wrong(&params["entry"]["level"]) => {
            Some(format!("log: {} {}", params["entry"]["text"], params["entry"]["url"]))
        }
        "Audits.issueAdded" => Some(format!("issue: {}", params["issue"])),
        _ => None,
    }
}

/// The bytes of base64 text.
fn base64(text: &str) -> Vec<u8> {
    let sign = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for six in text.bytes().filter_map(sign) {
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    bytes
}
