// The state: the first part of the page.

const SIGNS = ["M7 12.5l3.5 3.5 6.5-8", "M12 5.5v8M12 17.2v.6", "M8 8l8 8M16 8l-8 8"];
const COLOURS = ["#1a7f37", "#a15c00", "#c0281c"];
let worst = null; // The text and level that were shown last.

function renderState(problems) {
  const isOffline = link.failures > 0;
  const first = isOffline
    ? { level: 2, text: link.fault.message }
    : (problems[0] ?? { level: 0, text: "Healthy and ready" });
  const seconds = Math.max(1, Math.floor((Date.now() - link.answered) / 1000));
  const since = ` since ${time(seconds * 1000)}. Trying again.`;
  setText($("headline"), visible(first.text) + (isOffline ? since : ""));
  document.body.classList.toggle("stale", isOffline || (status !== null && !serverOf(status).up));
  renderProblems(isOffline ? [] : problems);
  if (worst?.text === first.text && worst.level === first.level) return;
  worst = first;
  // Not the headline, which counts seconds.
  setText($("spoken"), visible(first.text));
  document.title = first.level ? `${visible(first.text)} - Deputy` : "Deputy";
  $("state").className = ["ok", "warn", "bad"][first.level];
  $("sign").setAttribute("d", SIGNS[first.level]);
  $("icon").href = `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">` +
      `<circle cx="12" cy="12" r="12" fill="${COLOURS[first.level]}"/>` +
      `<path d="${SIGNS[first.level]}" fill="none" stroke="#fff" stroke-width="3"/></svg>`,
  )}`;
}

/** The first problem is the headline, so only its reason or its types follow. */
function renderProblems(problems) {
  const shown = problems.filter(({ types, more }, i) => i > 0 || types || more);
  each($("problems"), shown, maker("li"), (item, { text, more = "", types = [], server }) => {
    const isFirst = text === problems[0].text;
    const key = [isFirst, text, more, server.name, ...types.slice(0, 3).map(({ name }) => name)].join("\n");
    if (item.dataset.key === key) return;
    item.dataset.key = key;
    item.replaceChildren(isFirst ? "" : visible(text) + (types.length || more ? ": " : ""), visible(more));
    types.slice(0, 3).forEach(({ name }, i) => {
      const of = server.name === serverOf(status).name ? {} : { server: server.name };
      item.append(i ? ", " : "", make("a", { href: hashOf({ ...of, type: name }) }, named(name)));
    });
    if (types.length > 3) item.append(` and ${counted(types.length - 3, "more type")}`);
  });
}

const verb = (n, one, more) => (n ? `${count(n)} ${n === 1 ? one : more}` : `No ${one}`);

/** How many jobs wait, since when, and whether that gets worse. */
function renderSummary({ up, totals, types, history }) {
  $("summary").hidden = !up;
  const waiting = totals.jobs_waiting ?? 0;
  const oldest = types.reduce((a, b) => (b.oldest_ms > (a?.oldest_ms ?? 0) ? b : a), null);
  const before = history?.waiting?.at(-1 - Math.round(60_000 / history.step_ms));
  const more = before == null ? 0 : waiting - before;
  const trend =
    Math.abs(more) < Math.max(5, waiting / 20)
      ? ""
      : ` (${more > 0 ? "up" : "down"} by ${count(Math.abs(more))} within a minute)`;
  const jobs = `${verb(waiting, "job waits", "jobs wait")}${trend}`;
  const workers = totals.workers
    ? `${counted(totals.workers, "worker")}, ${count(totals.workers_idle)} idle`
    : "No worker is connected";
  const rest = `. ${totals.jobs_running ? `${verb(totals.jobs_running, "runs", "run")}. ` : ""}${workers}.`;
  const key = [jobs, oldest?.name, time(oldest?.oldest_ms), rest].join("\n");
  if ($("summary").dataset.key === key) return;
  $("summary").dataset.key = key;
  $("summary").replaceChildren(jobs);
  if (waiting && oldest) $("summary").append(`, the oldest for ${time(oldest.oldest_ms)} (`, named(oldest.name), ")");
  $("summary").append(rest);
}

// Several servers.

function renderServers(server) {
  const { servers } = status;
  $("servers").hidden = $("chooser").hidden = servers.length < 2;
  const { totals } = server;
  setText(
    $("about"),
    [
      visible(server.name),
      totals.version && `version ${visible(totals.version)}`,
      totals.uptime_ms && `up for ${time(totals.uptime_ms)}`,
    ]
      .filter(Boolean)
      .join(" · "),
  );
  if (servers.length < 2) return;
  each($("server"), servers, maker("option"), (option, { name }) => {
    setText(option, visible(name));
    option.value = name;
  });
  $("server").value = server.name;
  const create = () =>
    make("tr", {}, make("th", { scope: "row" }, make("a", {}, make("bdi"))), ...Array.from({ length: 8 }, maker("td")));
  each($("server-rows"), servers, create, (row, { name, totals, history, problems, up }) => {
    const anchor = row.querySelector("a");
    setText(anchor.firstChild, visible(name));
    anchor.setAttribute("href", hashOf({ server: name, type: null }));
    anchor.setAttribute("aria-current", name === server.name);
    row.className = ["", "warn", "bad"][problems[0]?.level ?? 0];
    const texts = [
      problems.length ? visible(up ? problems[0].text : "No answer") : "Healthy",
      count(totals.jobs_waiting),
      count(totals.jobs_running),
      count(totals.workers),
      rate(history?.done?.at(-1)),
      rate(history?.failed?.at(-1)),
      percent(totals.bytes_held / totals.bytes_max || 0),
      time(totals.uptime_ms),
    ];
    texts.forEach((text, i) => setText(row.children[i + 1], up || i === 0 ? text : "–"));
  });
}
