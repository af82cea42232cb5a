// The runs of the host, the newest first, kept up to date.

import { ask } from "./api.js";
import { TYPED, calmly, fill, h, place, title } from "./dom.js";
import { bus } from "./events.js";
import { ago, badge, short, since, span } from "./format.js";
import { attempt } from "./problem.js";

const PAGE = 50;
const STATES = ["pending", "running", "suspended", "completed", "failed", "cancelled"];

/** Shows the runs that `query` names in `into`, below `head`, for as long as `signal` lasts; `after` gets the next page. */
export async function followRuns(into, query, signal, head, after) {
  const body = h("tbody");
  const table = h("table.runs", { "aria-label": "Runs, the newest first" }, h("thead", h("tr", ["Status", "Run", "Workflow", "Began", "Took"].map((name) => h("th", { scope: "col" }, name)))), body);
  const told = h("div");
  fill(into, head, told, table);
  let rows = new Map();
  const show = (runs) => {
    const focused = document.activeElement?.closest("tr")?.dataset.run;
    // Rows that say the same stay as they are.
    rows = new Map(runs.map((run) => {
      const text = JSON.stringify(run);
      const old = rows.get(run.run_id);
      return [run.run_id, old?.text === text ? old : { text, row: row(run) }];
    }));
    fill(body, [...rows.values()].map(({ row }) => row));
    rows.get(focused)?.row.querySelector("a").focus({ preventScroll: true });
  };
  const load = () => attempt(told, signal, async () => {
    const { runs, next } = await ask(`/runs?${new URLSearchParams(query)}`, { signal });
    fill(told, runs.length === 0 && h("p.empty", "There are no such runs."));
    table.hidden = runs.length === 0;
    show(runs);
    after?.(next);
  });
  bus.addEventListener("runs", calmly(load, 1000, signal), { signal });
  await load();
}

function row(run) {
  const took = run.execution_time;
  return h("tr", { "data-run": run.run_id }, h("td", badge(run.status)),
    h("td", h("a", { href: place(["runs", run.run_id]), class: "mono", title: run.run_id }, short(run.run_id))),
    h("td", run.workflow_id, run.version > 0 && h("span.quiet", ` v${run.version}`)),
    h("td.quiet", ago(run.began)), h("td.quiet", took === undefined ? since(run.began) : span(took * 1000)));
}

export async function runsPage(main, { query }, signal) {
  const wanted = Object.fromEntries(["workflow", "status", "before"].map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const go = (change) => (location.hash = place(["runs"], { ...wanted, before: "", ...change }));
  const workflow = h("input#by-workflow", { value: wanted.workflow ?? "", placeholder: "any", ...TYPED,
    onchange: () => go({ workflow: workflow.value.trim() }) });
  const status = h("select#by-status", { onchange: () => go({ status: status.value }) },
    h("option", { value: "" }, "any"), STATES.map((state) => h("option", { selected: state === wanted.status }, state)));
  const list = h("section.sheet");
  const below = h("p.actions");
  fill(main, title("Runs"),
    h("div.filters", h("div", h("label", { for: "by-workflow" }, "Workflow"), workflow), h("div", h("label", { for: "by-status" }, "Status"), status)),
    list, below);
  await followRuns(list, { ...wanted, limit: PAGE }, signal, null, (next) =>
    fill(below, wanted.before && h("a", { href: place(["runs"], { ...wanted, before: "" }) }, "Newest"),
      next && h("a#older", { href: place(["runs"], { ...wanted, before: next }) }, "Older")));
}
