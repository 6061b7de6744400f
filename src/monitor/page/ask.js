// Fetches status.json every two seconds, and keeps the last answer.

const POLL_MS = 2000; // The server samples at this pace.
const TIMEOUT_MS = 5000;
const RETRY_MS = [500, 1000, 2000, 5000];

const link = { busy: false, again: false, timer: 0, failures: 0, answered: Date.now(), fault: null };
let status = null; // The last answer.
let detail = null; // The opened type, from the last answer that contains it.

async function ask(url) {
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new RangeError(`The server answers with status ${response.status}`);
  const answer = await response.json();
  if (!answer.servers?.length) throw new RangeError("The answer is not understood");
  // A server that does not answer has no figures.
  for (const server of answer.servers) {
    for (const name of ["totals", "types", "shards"]) server[name] ??= name === "totals" ? {} : [];
  }
  return answer;
}

/** Asks about the opened type. Its answer is dropped if another one has been opened meanwhile. */
async function askDetail() {
  const { type, server } = view;
  if (type === null) return;
  // The server that is shown: the one in the address may be gone.
  const of = `&server=${encodeURIComponent(serverOf(status).name)}`;
  const answer = await ask(`status.json?type=${encodeURIComponent(type)}${of}`);
  const found = serverOf(answer).types.find(({ name }) => name === type);
  if (view.type === type && view.server === server && found) detail = found;
}

/** Asks once, and then again and again while the page is seen. There is never more than one request. */
async function poll() {
  clearTimeout(link.timer);
  if (link.busy || document.hidden) return void (link.again = link.busy);
  Object.assign(link, { busy: true, again: false });
  const start = Date.now();
  try {
    status = await ask("status.json");
    noteRates(status);
    noteFailures(status);
    await askDetail();
    Object.assign(link, { failures: 0, fault: null, answered: Date.now() });
  } catch (error) {
    link.failures++;
    link.fault = error instanceof RangeError || error instanceof SyntaxError ? error : new Error("No answer");
  }
  link.busy = false;
  const pause = link.failures ? RETRY_MS[Math.min(link.failures, RETRY_MS.length) - 1] : POLL_MS - (Date.now() - start);
  if (!document.hidden) link.timer = setTimeout(poll, link.again ? 0 : Math.max(pause, 0));
  render();
}

const serverOf = ({ servers }) => servers.find(({ name }) => name === view.server) ?? servers[0];

/** Shards report totals. Their rates are differences of answers that are at least a second apart. */
const shardsBefore = new Map();
function noteRates({ time_ms, servers }) {
  for (const server of servers) {
    const [ms, before] = [time_ms - server.age_ms, shardsBefore.get(server.name)];
    const isSame = before?.shards.length === server.shards.length && before?.uptime <= server.totals.uptime_ms;
    if (isSame && ms - before.ms < 1000) continue;
    const rates = server.shards.map((shard, i) =>
      ["turns", "messages"].map((name) =>
        isSame ? ((shard[name] - before.shards[i][name]) * 1000) / (ms - before.ms) : null,
      ),
    );
    shardsBefore.set(server.name, { ms, rates, shards: server.shards, uptime: server.totals.uptime_ms });
  }
}

/** Failures come in bursts. What counts is about the last 20 seconds: the state is not to change with each answer. */
const endedBefore = new Map();
function noteFailures({ servers }) {
  for (const server of servers) {
    for (const type of server.types) {
      const key = `${server.name}\n${type.name}`;
      const [done, failed] = endedBefore.get(key) ?? [0, 0];
      const ended = [done * 0.8 + type.done_per_s, failed * 0.8 + type.failed_per_s];
      endedBefore.set(key, ended);
      type.failing = ended[1] < 0.1 ? 0 : ended[1] / (ended[0] + ended[1]);
    }
  }
}
