// The whole page: puts its parts together.

let charts = [];
let shownServer = null;

function render() {
  performance.clearMeasures("update");
  const start = performance.now();
  const problems = status ? allProblems(status) : [];
  if (status || link.failures) renderState(problems);
  if (status) {
    const server = serverOf(status);
    if (server.name !== shownServer) forget(server.name);
    renderSummary(server);
    renderServers(server);
    charts.forEach((chart) => chart.update(server.history));
    renderTypes(server);
    renderDetail(server);
    renderServer(server);
  }
  performance.measure("update", { start });
}

function forget(server) {
  shownServer = server;
  detail = null;
  forgetRows();
}

/** Follows a link to a server or a type. Search and order stay as they are now, whatever they were when it was made. */
function follow(event) {
  const hash = event.target.closest("a")?.hash;
  if (!hash || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const to = new URLSearchParams(hash.slice(1));
  location.hash = hashOf({ server: to.get("server"), type: to.get("type") });
}

/** The address has changed: by a link, or by going back. */
function onAddress() {
  const [before, scrolled, wasAlone] = [view.type, scrollY, isAlone()];
  readView();
  $("search").value = view.search;
  render();
  if (before === view.type) return;
  if (view.type === null) return returnTo(before, wasAlone);
  if (before === null) leftAt = scrolled;
  $("type-name").focus({ preventScroll: true });
  if (isAlone()) $("detail").scrollIntoView();
  poll();
}

/** Whether a type is open in the place of the overview, for lack of room. */
const isAlone = () => $("overview").offsetHeight === 0;
let leftAt = 0; // How far the overview was scrolled then.

function returnTo(type, wasAlone) {
  if (wasAlone) scrollTo(0, leftAt);
  rows.get(type)?.anchor.focus({ preventScroll: true });
}

function close() {
  const [type, wasAlone] = [view.type, isAlone()];
  change({ type: null }, true);
  returnTo(type, wasAlone);
}

function listen() {
  addEventListener("hashchange", onAddress);
  document.addEventListener("click", follow);
  document.addEventListener("visibilitychange", poll);
  $("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && view.type !== null && event.target !== $("search")) close();
  });
  $("server").addEventListener("change", () => {
    change({ server: $("server").value, type: null }, true);
  });
  let typing = 0; // Browsers refuse to change the address with each key.
  $("search").addEventListener("input", () => {
    Object.assign(view, { search: $("search").value, page: 0 });
    heldUntil = 0;
    render();
    clearTimeout(typing);
    typing = setTimeout(() => change({}), 300);
  });
  $("previous").addEventListener("click", () => turnPage(-1));
  $("next").addEventListener("click", () => turnPage(1));
  for (const [id, value] of [
    ["recent", true],
    ["ever", false],
  ]) {
    $(id).addEventListener("click", () => {
      isRecent = value;
      render();
    });
  }
  const body = $("type-rows");
  for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) {
    body.addEventListener(name, () => (heldUntil = Date.now() + HOLD_MS));
  }
  body.addEventListener("click", ({ target }) => {
    if (!target.closest("a") && getSelection().isCollapsed) target.closest("tr")?.querySelector("a").click();
  });
  setInterval(() => {
    if (link.failures && !document.hidden) renderState(status ? allProblems(status) : []);
  }, 1000);
}

makeHeads();
charts = [
  new Chart("Jobs that ended, per second", "jobs/s", false, [
    { name: "done", label: "Done" },
    { name: "failed", label: "Failed" },
  ]),
  new Chart("Jobs waiting and running", "jobs", true, [
    { name: "waiting", label: "Waiting" },
    { name: "running", label: "Running" },
  ]),
];
readView();
$("search").value = view.search;
listen();
poll();
