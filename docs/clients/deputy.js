// Deputy's client for Node (16 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
//   await new Client().submit('resize', { photo: 'cat.png' }, { key: 'cat' })   Rejects with code and err if it failed.
//   work({ resize: async (arg, job) => ... }, { maxJobs: 8 })   Never ends. What the function throws is the job's err.
'use strict';
const { once } = require('events');
const net = require('net');
const { networkInterfaces } = require('os');
const { setTimeout: sleep } = require('timers/promises');
const URL_FORMS = new RegExp('^(?:unix:(?://(?=/))?(/?[^/].*)|(?:tcp://)?(?:((?:[A-Za-z_]|[0-9]+[A-Za-z._-])' +
  '[A-Za-z0-9._-]*)|\\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\\])(?::([1-9][0-9]{0,4}))?/?)$', 's');
const fail = (reason) => { throw new RangeError(reason); };
// Node takes the names of interfaces, and servers print their numbers.
const named = (host) => host.replace(/%([0-9]+)$/, (scope, number) => '%' + (Object.entries(networkInterfaces())
  .find(([, all]) => all.some(({ scopeid }) => scopeid === +number))?.[0] ?? number));
// Returns the path of a UNIX socket, or host and port.
function parseUrl(url) {
  const match = URL_FORMS.exec(url.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '') || '127.0.0.1');
  const [path, name, v6 = '::', port = 11746] = match ? match.slice(1) : [];
  if (match && port <= 65535 && net.isIPv6(v6.split('%')[0])) return path ? { path } : { host: name || v6, port };
  fail(`${url} names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH`);
}

class Connection { // It opens when the server has answered. Pauses differ between programs that lost the same server.
  waiting = new Map(); // By id: what waits for an answer. In a worker, by number: what stops a job.
  lineMax = 16 << 20;

  async open(address, attempt) {
    if (attempt > 1) await sleep((0.5 + Math.random() / 2) * Math.min(50 * 2 ** attempt, 10_000));
    const host = address.host && named(address.host); // Interfaces may come and go.
    const socket = net.connect({ ...address, host, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
    this.socket = socket.on('error', () => {}); // `receive` throws it. Without a listener it would end the program.
    socket.setTimeout(10_000, () => socket.destroy(new Error('the server did not answer within 10 s')));
    await once(socket, 'connect');
    if (!address.path && socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
      socket.resetAndDestroy?.(); // Not only closed: the port is free at once.
      socket.destroy();
      throw new Error('no server listens at this port: TCP connected it to itself');
    }
    this.lines = this.receive();
    this.send({ cmd: 'metrics' });
    let metrics;
    while (!metrics) ({ metrics } = (await this.lines.next()).value);
    this.lineMax = metrics.max_line ?? this.lineMax; // The longest line that the server takes.
    socket.setTimeout(0);
    return this;
  }

  send(line) { // Throws if the server could not read it.
    const text = JSON.stringify(line, (key, value) => (typeof value === 'number' && !isFinite(value)
      ? fail(`${value} is not JSON`) : value));
    let brackets = text.replace(/\\./g, '').replace(/"[^"]*"|[^[\]{}"]+/g, '');
    for (let level = 0; brackets && level < 128; level++) brackets = brackets.replace(/\[\]|\{\}/g, '');
    if (brackets) fail('the line nests deeper than 128 levels');
    if (Buffer.byteLength(text) > this.lineMax) fail(`the line is longer than ${this.lineMax} bytes`);
    this.socket.write(text + '\n');
  }

  async* receive() { // Yields the server's lines, and throws when the connection ends. Half a line is dropped.
    let parts = [], length = 0;
    for await (let chunk of this.socket) {
      for (let end; (end = chunk.indexOf('\n')) >= 0; chunk = chunk.subarray(end + 1)) {
        yield JSON.parse(Buffer.concat([...parts, chunk.subarray(0, end)]).toString());
        [parts, length] = [[], 0];
      }
      parts.push(chunk); // As bytes, because a character may be cut.
      if ((length += chunk.length) > this.lineMax + 1024) throw new RangeError('the server sent a line without an end');
    }
    throw new Error('the server closed the connection');
  }
}
// The server's code and the error. With the code 'lost' the job may have been done or not.
const failure = (code, err) => Object.assign(new Error(`${code}: ${JSON.stringify(err)}`), { code, err });

class Client { // Submits any number of jobs at once. It connects when it has to.
  connection = null; attempt = 0; lastId = 0;
  constructor(url) { this.address = parseUrl(url || process.env.DEPUTY_URL || ''); }

  // `members` are those of the job. `progress` is called with each data, and `stored` when a bridge has stored it.
  // `signal`, an AbortSignal, cancels the job: it is rejected with the code 'cancelled', if it is `cancellable`.
  async submit(type, arg = null, { progress, stored, signal, ...members } = {}) {
    const connection = await (this.connection ??= this.connect());
    if (connection.lost) throw failure('lost', 'the connection was lost');
    const id = ++this.lastId, cancel = () => connection.send({ cmd: 'cancel', id });
    connection.send({ cmd: 'do', id, type, arg, ...members, ...(progress && { progress: true }) });
    const answer = new Promise((resolve, reject) => connection.waiting.set(id, { resolve, reject, progress, stored }));
    if (signal?.aborted) cancel(); else signal?.addEventListener('abort', cancel);
    return answer.finally(() => signal?.removeEventListener('abort', cancel));
  }

  async connect() {
    const failed = (error) => { this.connection = null; throw error; };
    const connection = await new Connection().open(this.address, ++this.attempt).catch(failed);
    this.attempt = 1;
    return this.read(connection) && connection;
  }

  async read(connection) {
    try {
      for await (const { cmd, id, res = null, err, code, data } of connection.lines) {
        const job = connection.waiting.get(id);
        // In a microtask, because what the program's function throws must not end this loop.
        if ((cmd === 'progress' || cmd === 'stored') && job?.[cmd]) queueMicrotask(() => job[cmd](data));
        if (cmd === 'did' && job) code === undefined ? job.resolve(res) : job.reject(failure(code, err));
        if (cmd === 'did') connection.waiting.delete(id);
      }
    } catch ({ message }) {
      [this.connection, connection.lost] = [null, true];
      for (const job of connection.waiting.values()) job.reject(failure('lost', message));
    }
  }
  close() { this.connection?.then(({ socket }) => socket.destroy(), () => {}); }
}

async function answer(connection, handler, { job, arg, ref = null, attempt = 1 }) {
  const stop = new AbortController(), progress = (data) => connection.send({ cmd: 'progress', job, data });
  connection.waiting.set(job, stop);
  try { // `progress` tells the submitter, if it asked. The signal says that no client waits for the result.
    connection.send({ cmd: 'did', job, res: await handler(arg, { attempt, ref, progress, signal: stop.signal }) });
  } catch (error) {
    let err = 'no text';
    try { err = String(error).slice(0, Math.min(1000, (connection.lineMax - 64) / 12)); } catch {}
    connection.send({ cmd: 'did', job, err });
  }
  connection.waiting.delete(job);
}

async function work(handlers, { url, maxJobs = 8, ...members } = {}) { // Of `can_do`: spare, ref (for job.ref).
  const address = parseUrl(url || process.env.DEPUTY_URL || '');
  for (let attempt = 1; ; attempt++) {
    const connection = new Connection();
    try {
      await connection.open(address, attempt);
      attempt = 1; // Not before: the pauses grow as well while a server accepts and closes at once.
      connection.send({ cmd: 'can_do', types: Object.keys(handlers), max_jobs: maxJobs, ...members });
      for await (const line of connection.lines) { // The answer goes to the connection that brought the job.
        if (line.cmd === 'do') answer(connection, handlers[line.type], line);
        if (line.cmd === 'cancel') connection.waiting.get(line.job)?.abort(); // It is to be answered nevertheless.
      }
    } catch ({ message }) {
      console.error(`deputy: ${message}`);
      connection.waiting.forEach((stop) => stop.abort());
    }
  }
}

module.exports = { Client, work, parseUrl };
if (require.main === module) {
  const [what, type, ...args] = process.argv.slice(2);
  const nap = (arg, job) => { // To try it out.
    if (arg.report) job.progress({ attempt: job.attempt, ref: job.ref });
    return sleep(arg.seconds * 1000, arg, { signal: job.signal });
  };
  const client = new Client(), { progress, ...members } = JSON.parse(process.env.MEMBERS ?? '{}');
  if (what === 'work') return work({ [type]: nap }, members);
  members.stored = () => console.error('stored');
  if (progress) members.progress = (data) => console.error(`progress: ${JSON.stringify(data)}`);
  if (what === 'cancel') members.signal = AbortSignal.abort();
  Promise.allSettled(args.map((arg) => client.submit(type, JSON.parse(arg), members))).then((jobs) => {
    client.close();
    jobs.forEach(({ status, value }) => status === 'fulfilled' && console.log(JSON.stringify(value)));
    const failed = jobs.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason; // Ends the program with 1.
  });
}
