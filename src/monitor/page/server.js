// The server.

const FAULTS = {
  bad_json: "Lines that are not JSON",
  bad_request: "Lines that are not right",
  unknown_cmd: "Unknown commands",
  not_holding: "Answers to jobs not held",
  queue_full: "Jobs refused: memory used up",
  first_line: "Closed: no JSON at first",
  too_long: "Closed: line too long",
  half_line: "Closed: half a line, memory short",
  unsent: "Closed: too much unsent",
  stalled: "Closed: stopped reading",
  silent: "Lost: peer no longer answers",
  broken: "Lost: connection broken",
  left_holding: "Workers that left with jobs",
  gave_up: "Jobs given up",
  overdue: "Jobs past their run limit",
};
const firstFaults = new Map(); // The first faults that this page saw, for each start of a server.

function renderServer(server) {
  const { totals } = server;
  const used = totals.bytes_held / totals.bytes_max || 0;
  $("memory").firstChild.style.width = `${Math.min(used, 1) * 100}%`;
  $("memory").className = `meter ${used >= 1 ? "bad" : used >= FULL ? "warn" : ""}`;
  $("memory").setAttribute("aria-valuenow", Math.floor(Math.min(used, 1) * 100));
  setText($("memory-text"), `${percent(used)}: ${size(totals.bytes_held ?? 0)} of ${size(totals.bytes_max ?? 0)}`);
  pairs($("connections"), [
    ["Open", count(totals.connections_open)],
    ["Workers", count(totals.workers)],
    ["Idle workers", count(totals.workers_idle)],
    ["Accepted since the start", count(totals.connections)],
    ["Refused: no descriptors left", count(totals.connections_refused), totals.connections_refused ? "warn" : ""],
  ]);
  pairs(
    $("totals"),
    [
      ["Accepted", "jobs_added"],
      ["Done", "jobs_done"],
      ["Failed, in all", "jobs_failed"],
      ["· cancelled", "jobs_cancelled"],
      ["· deadline passed", "jobs_expired"],
      ["· run limit passed", "jobs_timed_out"],
      ["· no worker", "jobs_no_worker"],
      ["· no bridge", "jobs_no_bridge"],
      ["Queued again after a loss", "jobs_reassigned"],
      ["Refused", "jobs_refused"],
      ["Joined by key", "jobs_joined"],
      ["Delayed now", "jobs_delayed"],
    ].map(([term, name]) => [term, count(totals[name])]),
  );
  renderFaults(server.name, totals);
  renderShards(server);
}

function renderFaults(name, { faults = {}, up_since }) {
  const key = `${up_since} ${name}`;
  if (!firstFaults.has(key)) firstFaults.set(key, faults);
  const before = firstFaults.get(key);
  const all = Object.entries(faults);
  const seen = all
    .filter(([, n]) => n > 0)
    .map(([fault, n]) => {
      const more = n - (before[fault] ?? 0);
      return [
        FAULTS[fault] ?? visible(fault),
        more > 0 ? `${count(n)} (${count(more)} since you look)` : count(n),
        more > 0 ? "warn" : "",
      ];
    });
  pairs($("faults"), seen.length ? seen : [["None", ""]]);
  const quiet = all.filter(([, n]) => !n);
  $("quiet-title").parentElement.hidden = !quiet.length;
  setText($("quiet-title"), `${counted(quiet.length, "kind")} that did not occur`);
  each($("quiet"), quiet, maker("li"), (item, [fault]) => setText(item, FAULTS[fault] ?? visible(fault)));
}

function renderShards({ name, shards }) {
  const rates = shardsBefore.get(name)?.rates ?? [];
  cells(
    $("shards"),
    shards.map((shard, i) => [
      String(i),
      percent(shard.busy ?? 0),
      Math.min(shard.busy ?? 0, 1),
      ...(rates[i] ?? [null, null]).map(rate),
      count(shard.connections),
      time((shard.longest_turn_us ?? 0) / 1000),
    ]),
  );
}
