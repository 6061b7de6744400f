// The problems of a server and its types. Level 2 is bad, level 1 a warning.

const OLD_MS = 60_000; // Jobs that have waited for longer are a problem.
const LONG_MS = 3_600_000; // A job that a worker has held for longer may hang. Its alert has the same limit.
const LATELY_MS = 600_000; // The loss of a worker longer ago is no problem.
const FAILING = 0.05; // Failures of this share of the jobs, or more, are a problem.
const FULL = 0.8; // With this share in use, or more, the memory budget is nearly used up.

const KINDS = [
  {
    level: 2,
    title: (types) => `${types} without workers`,
    text: () => "No workers",
    holds: (type) => type.waiting > 0 && type.workers === 0,
  },
  {
    level: 1,
    title: (types) => `${types} with jobs that have waited for over 1 min`,
    text: () => "Long wait",
    holds: (type) => type.oldest_ms > OLD_MS && type.workers > 0,
  },
  {
    level: 1,
    title: (types) => `${types} with a job that has run for over 1 h`,
    text: () => "Long run",
    holds: (type) => type.oldest_here_ms > LONG_MS,
  },
  {
    level: 1,
    title: (types) => `${types} with failing jobs`,
    holds: (type) => type.failing >= FAILING,
    text: (type) => `Failing ${percent(type.failing)}`,
  },
  {
    level: 1,
    title: (types) => `${types} with workers lost lately`,
    text: (type) => `Lost ${counted(type.lost, "worker")}`,
    holds: (type) => type.suspects > 0 || (type.lost > 0 && type.last_lost_ms <= LATELY_MS),
  },
  {
    level: 1,
    title: (types) => `${types} with workers that do not answer`,
    text: () => "Spent slots",
    holds: (type) => type.spent > 0 && type.waiting > 0,
  },
];

/** Notes in each type what is wrong with it. Returns the types by kind. */
function markTypes(types) {
  for (const type of types) {
    type.kinds = KINDS.filter((kind) => kind.holds(type));
    const [worst] = type.kinds;
    type.state = type.kinds.map((kind) => kind.text(type)).join(", ");
    type.level = worst?.level ?? 0;
    type.rank = worst ? KINDS.length - KINDS.indexOf(worst) : 0;
  }
  return KINDS.map((kind) => types.filter(({ kinds }) => kinds.includes(kind)));
}

/** The worst problem is first; that of a server is before those of its types. */
const byWeight = (a, b) => b.level - a.level || !b.types - !a.types;

/** Returns the problems of a server. */
function problemsOf(server) {
  const affected = markTypes(server.types);
  if (!server.up) return [{ level: 2, text: `No answer from ${server.name}`, more: server.error ?? "" }];
  const problems = [];
  if (!server.healthy) problems.push({ level: 2, text: `Not healthy: ${server.unhealthy}` });
  if (!server.ready) problems.push({ level: 2, text: `Not ready: ${server.not_ready}` });
  const used = server.totals.bytes_held / (server.totals.bytes_max || Infinity);
  if (used >= FULL) problems.push({ level: used >= 1 ? 2 : 1, text: `${percent(used)} of the memory budget is used` });
  KINDS.forEach(({ level, title }, i) => {
    const types = affected[i];
    const least = isCut(server) ? "At least " : "";
    if (types.length) problems.push({ level, types, text: least + title(counted(types.length, "type")) });
  });
  return problems.sort(byWeight);
}

/** The problems of the chosen server, and the worst of each other one. */
function allProblems({ servers }) {
  const chosen = serverOf({ servers });
  const all = servers.flatMap((server) => {
    server.problems = problemsOf(server);
    const of = servers.length > 1 && server.up ? `${server.name}: ` : "";
    return server.problems
      .slice(0, server === chosen ? Infinity : 1)
      .map((problem) => ({ ...problem, server, text: of + problem.text }));
  });
  return all.sort(byWeight);
}
