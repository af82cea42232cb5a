// What went wrong, as the host says it: what, where, and what to do.

import { fill, h } from "./dom.js";

/** What the host refused, with `issues` of it. A defect of the page is shown as well. */
export function problemBox(problem, issues = problem.told?.issues ?? []) {
  const told = problem.told ?? { detail: `the page: ${problem.message}` };
  const list = issues.map(({ node, message, hint }) => h("li", node && [h("code", node), ": "], message, hintOf(hint)));
  return h("div.problem", { role: "alert" }, parts(told, told.detail), list.length > 0 && h("ul", list));
}

/** The failure of a node or of a run. */
export function failure(error) {
  return h("div.problem", error.node && h("p.quiet", "Node ", h("code", error.node)), parts(error, error.message));
}

/** Does `act`; what is refused is shown in `into`, unless the page was left meanwhile. */
export async function attempt(into, signal, act) {
  try {
    await act();
  } catch (problem) {
    if (!signal.aborted) fill(into, problemBox(problem));
  }
}

/** What to do about it. */
export const hintOf = (hint) => hint && h("p.hint", hint);

function parts({ code, kind, place, hint, retry }, message) {
  const facts = [code, kind, retry && `retry: ${retry}`].filter(Boolean).join(" · ");
  return [h("strong", message), place && h("p", "At ", h("code", place)), hintOf(hint), facts && h("p.quiet", facts)];
}
