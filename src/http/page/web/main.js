// Which page is shown: what stands behind the # in the address says it.

import { follow } from "./events.js";
import { watchHost } from "./host.js";
import { eventsPage } from "./live.js";
import { problemBox } from "./problem.js";
import { runPage } from "./run.js";
import { runsPage } from "./runs.js";
import { workflowPage } from "./workflow.js";
import { workflowsPage } from "./workflows.js";

const main = document.getElementById("main");
let shown = null;

function pageOf(first, second) {
  if (first === "workflows" && second) return [workflowPage, second];
  if (first === "runs") return second ? [runPage, `Run ${second}`] : [runsPage, "Runs"];
  return first === "events" ? [eventsPage, "Events"] : [workflowsPage, "Workflows"];
}

async function show(moved) {
  shown?.abort();
  shown = new AbortController();
  const { signal } = shown;
  const [path, query] = location.hash.slice(2).split("?");
  const parts = path.split("/").map((part) => decodeURIComponent(part.replace(/%(?![\da-f]{2})/gi, "%25")));
  const [page, title] = pageOf(...parts);
  document.title = `${title} · Kailash`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash.slice(2) === (/^(runs|events)$/.test(parts[0]) ? parts[0] : "");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const done = page(main, { parts, query: new URLSearchParams(query) }, signal);
  if (moved) {
    scrollTo(0, 0);
    main.querySelector("h1").focus({ preventScroll: true });
  }
  try {
    await done;
  } catch (problem) {
    if (!signal.aborted) main.append(problemBox(problem));
  }
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => show(true));
addEventListener("key", () => show(false));
follow();
watchHost();
show(false);
