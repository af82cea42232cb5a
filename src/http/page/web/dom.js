// Elements, made without markup: every text is text, whatever it holds.

/** An element `name.class#id`. What may come first are attributes, where `on...` functions listen; children are elements,
 * texts, lists of them, or nothing. */
export function h(name, ...children) {
  const [tag, ...marks] = name.split(/(?=[.#])/);
  const element = document.createElement(tag);
  const props = children[0]?.constructor === Object ? children.shift() : {};
  for (const mark of marks) {
    if (mark[0] === "#") element.id = mark.slice(1);
    else element.classList.add(mark.slice(1));
  }
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  return add(element, children);
}

/** Puts `children` into `element`, behind what is there. */
export function add(element, ...children) {
  const some = children.flat(9).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...some.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** Puts `children` into `element`, in place of what is there. */
export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** Fields whose content no browser should better or remember. */
export const TYPED = { autocomplete: "off", spellcheck: "false" };

/** A name and a value of a list of facts. */
export const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** What stands above a page; it takes the focus when one comes to it. */
export const title = (...text) => h("h1", { tabindex: "-1" }, text);

/** A place of this page: `#/` and `parts`, with what a query asks. */
export function place(parts, query = {}) {
  const asked = Object.entries(query).filter(([, value]) => value);
  const text = new URLSearchParams(asked).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text && `?${text}`}`;
}

/** Says `text` to those who listen to the page. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Calls `act` soon, once for many calls, at most every `pause` milliseconds; nothing after `signal`. */
export function calmly(act, pause, signal) {
  let timer = 0;
  let last = 0;
  return () => {
    if (timer || signal?.aborted) return;
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      if (!signal?.aborted) act();
    }, Math.max(pause / 4, last + pause - performance.now()));
  };
}
