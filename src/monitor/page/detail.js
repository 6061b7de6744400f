// One type.

let isRecent = true;

function renderDetail(server) {
  const isOpen = view.type !== null;
  document.body.classList.toggle("open", isOpen);
  $("detail").hidden = !isOpen;
  if (!isOpen) return;
  setText($("type-name").firstChild, visible(view.type));
  const type = detail?.name === view.type ? detail : null;
  $("detail").classList.toggle("busy", !type);
  if (!type) return;
  each($("why"), type.why ?? [], maker("li"), (item, text) => setText(item, visible(text)));
  pairs($("type-figures"), figuresOf(type, server.rate_ms));
  $("recent").setAttribute("aria-pressed", isRecent);
  $("ever").setAttribute("aria-pressed", !isRecent);
  setText($("recent"), `Last ${time(server.window_ms ?? 0)}`);
  for (const name of ["wait", "run"]) {
    const counts = type[isRecent ? `${name}_counts` : `${name}_counts_total`] ?? [];
    renderHistogram(
      $(name),
      counts,
      type.bounds_ms ?? [],
      isRecent ? [type[`${name}_p50_ms`], type[`${name}_p99_ms`]] : null,
    );
  }
  renderOutcomes(type.outcomes ?? {});
}

function figuresOf(type, rateMs) {
  const worker = type.oldest_running_worker ? ` at worker ${visible(type.oldest_running_worker)}` : "";
  const some = (number, term, text = count(number)) => (number ? [[term, text]] : []);
  return [
    ["Waiting", `${count(type.waiting)}${type.waiting ? `, the oldest for ${time(type.oldest_ms)}` : ""}`],
    ["Running", count(type.running)],
    ...some(type.running, "Oldest running job", `${time(type.oldest_running_ms)}${worker}`),
    ...some(type.passed_on, "Of these, with a bridge"),
    ["Workers", count(type.workers)],
    [`Per second, of the last ${time(rateMs || null)}`, `${rate(type.done_per_s)} done, ${rate(type.failed_per_s)} failed`],
    ...some(type.delayed, "Delayed"),
    ...some(type.spent, "Slots of jobs that have ended"),
    ...some(type.suspects, "Waiting after a loss"),
    ...some(type.lost, "Workers lost with a job", `${count(type.lost)}, the last ${time(type.last_lost_ms)} ago`),
  ];
}

/** Bars from the first bucket that has jobs to the last. */
function renderHistogram(box, counts, bounds, quantiles) {
  if (!box.firstChild) box.append(make("p"), make("table", { class: "bars" }, make("tbody")));
  const all = counts.reduce((a, b) => a + b, 0);
  const [p50, p99] = (quantiles ?? []).map(time);
  setText(
    box.firstChild,
    !all ? "No job in this time." : counted(all, "job") + (quantiles ? `, p50 about ${p50}, p99 about ${p99}` : ""),
  );
  const first = counts.findIndex((n) => n > 0);
  const last = counts.findLastIndex((n) => n > 0);
  const most = Math.max(...counts);
  const label = (i) => (i < bounds.length ? `≤ ${time(bounds[i])}` : `> ${time(bounds.at(-1))}`);
  const bars = all
    ? counts.slice(first, last + 1).map((n, i) => [label(first + i), n / most, count(n), percent(n / all)])
    : [];
  cells(box.lastChild.firstChild, bars);
}

const OUTCOMES = {
  done: "Done",
  failed: "Failed",
  gave_up: "Given up after lost workers",
  timed_out: "Run limit passed",
  expired: "Deadline passed",
  cancelled: "Cancelled",
  no_worker: "No worker",
  no_bridge: "No bridge",
  shutdown: "Server stopped",
  workers_lost: "Workers lost",
};

function renderOutcomes(outcomes) {
  const list = Object.keys(OUTCOMES).filter((name) => outcomes[name] || name === "done" || name === "failed");
  pairs(
    $("outcomes"),
    list.map((name) => [OUTCOMES[name], count(outcomes[name]), outcomes[name] && name !== "done" ? "warn" : ""]),
  );
}
