// The table of types.

const HOLD_MS = 4000; // The rows keep their order for this long after a person touched them.
const ROWS = 50; // A page. Browsers take long to lay out a thousand rows whose numbers all change.

const dash = (format) => (value) => (value ? format(value) : "–");
const COLUMNS = [
  { key: "name", title: "Type", text: visible },
  { key: "state", title: "State", text: (text) => text, sort: (type) => type.rank },
  { key: "waiting", title: "Waiting", text: count },
  { key: "oldest_ms", title: "Oldest", text: dash(time), help: "How long the oldest waiting job has waited" },
  { key: "running", title: "Running", text: count },
  {
    key: "oldest_running_ms",
    title: "Longest",
    text: dash(time),
    minor: true,
    help: "How long a worker has had the job that runs longest",
  },
  { key: "workers", title: "Workers", text: count, help: "Connections that do this type" },
  { key: "done_per_s", title: "Done/s", text: rate, help: "Mean of the last seconds; how many is below the table" },
  { key: "failed_per_s", title: "Failed/s", text: rate, help: "Mean of the last seconds; how many is below the table" },
  {
    key: "wait_p50_ms",
    title: "Wait p50",
    text: time,
    minor: true,
    help: "Half of the jobs waited for at most this long",
  },
  { key: "wait_p99_ms", title: "Wait p99", text: time, help: "99 of 100 jobs waited for at most this long" },
  { key: "run_p50_ms", title: "Run p50", text: time, minor: true, help: "Half of the jobs ran for at most this long" },
  { key: "run_p99_ms", title: "Run p99", text: time, help: "99 of 100 jobs ran for at most this long" },
];

const rows = new Map(); // The rows that are shown, by type.
let places = new Map(); // Where each type was.
let heldUntil = 0;

/** Rows are of one server: their links name it. */
function forgetRows() {
  $("type-rows").replaceChildren();
  rows.clear();
}

function makeHeads() {
  for (const { key, title, help, minor } of COLUMNS) {
    const button = make("button", help ? { title: help } : {}, title, make("span", { "aria-hidden": "true" }));
    button.addEventListener("click", () => {
      heldUntil = 0;
      change({ sort: key, up: view.sort === key ? !view.up : key === "name", page: 0 });
    });
    $("type-heads").append(
      make("th", { scope: "col", role: "columnheader", class: `${key} ${minor ? "minor" : ""}` }, button),
    );
  }
}

function renderHeads() {
  COLUMNS.forEach(({ key }, i) => {
    const head = $("type-heads").children[i];
    const isSorted = key === view.sort;
    if (isSorted) head.setAttribute("aria-sort", view.up ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
    setText(head.firstChild.lastChild, isSorted ? (view.up ? " ▲" : " ▼") : "");
  });
}

function makeRow(name) {
  const texts = COLUMNS.map(() => document.createTextNode(""));
  const label = make("bdi", { class: "name" }, texts[0]);
  const anchor = name === null ? label : make("a", { href: hashOf({ type: name }) }, label);
  const row = make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader" }, anchor));
  COLUMNS.slice(1).forEach(({ key, title, minor }, i) =>
    row.append(
      make("td", { role: "cell", class: `${key} ${minor ? "minor" : ""}`, "data-title": title }, texts[i + 1]),
    ),
  );
  return { row, anchor, texts, values: [], level: 0 };
}

/** Writes only the cells whose value differs: a thousand rows every two seconds are little work. */
function fillRow(shown, type) {
  COLUMNS.forEach(({ key, text }, i) => {
    if (shown.values[i] === type[key]) return;
    shown.values[i] = type[key];
    shown.texts[i].data = text(type[key]);
  });
  if (shown.level !== type.level) shown.row.className = ["", "warn", "bad"][(shown.level = type.level)];
}

const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Returns the types that match, in order. While a person is at work in the table, rows stay where they are. */
function sorted(types) {
  const needle = view.search.toLowerCase();
  const found = needle ? types.filter(({ name }) => name.toLowerCase().includes(needle)) : [...types];
  const { key, sort = (type) => type[key] } = COLUMNS.find((column) => column.key === view.sort);
  const sign = view.up ? 1 : -1;
  const compare =
    key === "name"
      ? (a, b) => sign * byText(a.name, b.name)
      : (a, b) => {
          const [left, right] = [sort(a), sort(b)];
          if (left == null || right == null) return (left == null) - (right == null); // Unknown values are last.
          return sign * (left - right) || b.waiting - a.waiting || byText(a.name, b.name);
        };
  found.sort(compare);
  const place = ({ name }) => places.get(name) ?? Infinity;
  if (Date.now() < heldUntil) found.sort((a, b) => byText(place(a), place(b)));
  return found;
}

/** Whether more types are in use than the server lists. */
const isCut = ({ types, types_total }) => types_total > types.length;

/** How many types are shown, of how many. */
function matchesOf({ types, types_total }, found) {
  const all = isCut({ types, types_total }) ? `${count(types.length)} listed of ${counted(types_total, "type")}` : null;
  if (!view.search) return all ?? counted(types.length, "type");
  return `${count(found)} of ${all ?? counted(types.length, "type")}`;
}

function renderTypes(server) {
  const { up, types, other_types: others, window_ms, rate_ms } = server;
  const found = sorted(types);
  places = new Map(found.map(({ name }, i) => [name, i]));
  const first = Math.min(view.page, Math.max(0, Math.ceil(found.length / ROWS) - 1)) * ROWS;
  placeRows(found.slice(first, first + ROWS));
  renderHeads();
  renderPages(first, found.length);
  setText($("matches"), matchesOf(server, found.length));
  $("types").hidden = $("window").hidden = !found.length;
  $("no-types").hidden = found.length > 0;
  setText(
    $("no-types"),
    types.length ? "No type matches." : up ? "No type has had a job or a worker yet." : "Its types are not known.",
  );
  renderOthers(others);
  setText(
    $("window"),
    `Done/s and Failed/s are the mean of the last ${time(rate_ms || null)}. p50 and p99: half, and 99 of 100, of the ` +
      `jobs of the last ${time(window_ms || null)} took at most this time, as far as it is known: it is estimated ` +
      `between two of the steps 1, 2.5, 5, 10.` +
      (isCut(server)
        ? " Types that have no figures of their own are listed as far as they are the 1,000 with the most jobs."
        : ""),
  );
}

function renderPages(first, all) {
  $("pages").hidden = all <= ROWS;
  setText($("pages").children[1], `${count(first + 1)} to ${count(Math.min(first + ROWS, all))} of ${count(all)}`);
  // Not `disabled`, which would take the focus away.
  $("previous").setAttribute("aria-disabled", first === 0);
  $("next").setAttribute("aria-disabled", first + ROWS >= all);
}

function turnPage(step) {
  const page = Math.max(0, Math.min(Math.ceil(places.size / ROWS) - 1, view.page + step));
  heldUntil = 0;
  change({ page });
  $("types-title").scrollIntoView();
}

function placeRows(shown) {
  const [body, focused] = [$("type-rows"), document.activeElement];
  const names = new Set(shown.map(({ name }) => name));
  for (const [name, { row }] of rows) {
    if (names.has(name)) continue;
    row.remove();
    rows.delete(name);
  }
  let at = body.firstChild;
  for (const type of shown) {
    if (!rows.has(type.name)) rows.set(type.name, makeRow(type.name));
    const entry = rows.get(type.name);
    fillRow(entry, type);
    if (entry.row === at) at = at.nextSibling;
    else body.insertBefore(entry.row, at);
  }
  if (focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
}

/** Types without figures of their own, as one row at the end. */
let othersRow = null;
function renderOthers(others) {
  const hasAny =
    others && (others.waiting || others.running || others.workers || others.done_total || others.failed_total);
  if (hasAny && !othersRow) $("types").append(make("tfoot", { role: "rowgroup" }, (othersRow = makeRow(null)).row));
  if (!othersRow) return;
  othersRow.row.hidden = !hasAny;
  if (hasAny) fillRow(othersRow, { ...others, name: "All types without figures of their own", state: "", level: 0 });
}
