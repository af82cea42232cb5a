// The API key: asked for when the host wants one, kept for this tab only.

const PLACE = "kailash.key";
const dialog = document.getElementById("key");
const input = document.getElementById("key-input");
let kept = null;
let asking = null;

/** The key, if there is one. */
export function key() {
  try {
    return sessionStorage.getItem(PLACE) ?? kept;
  } catch {
    return kept;
  }
}

/** Keeps a key, or forgets it. */
export function keep(value) {
  kept = value;
  try {
    if (value) sessionStorage.setItem(PLACE, value);
    else sessionStorage.removeItem(PLACE);
  } catch {
    // Where nothing can be kept, the key lasts as long as the page.
  }
  dispatchEvent(new Event("key"));
}

/** Asks for a key; whether one was given. Who asks meanwhile gets the same answer. */
export function askForKey() {
  asking ??= new Promise((resolve) => {
    const why = key() ? "The host does not know the key that was given." : "This host answers only to those who have a key.";
    document.getElementById("key-why").textContent = why;
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue && input.value.trim();
      input.value = "";
      asking = null;
      if (given) keep(given);
      resolve(Boolean(given));
    }, { once: true });
    dialog.showModal();
    input.focus();
  });
  return asking;
}

dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.close("given");
});
document.getElementById("key-not").addEventListener("click", () => dialog.close(""));
