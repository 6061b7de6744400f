// Deputy's client for Node (16 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
//   await new Client().submit('resize', { photo: 'cat.png' })   Rejects with the members code and err if it failed.
//   work({ resize: async (arg) => ... }, { maxJobs: 8 })        Never ends. What the function throws is the job's err.
'use strict';
const { once } = require('events');
const net = require('net');
const { setTimeout: sleep } = require('timers/promises');
const LINE_MAX = 16 << 20; // The longest line that the server takes by default. What it passes on is a little longer.

// Pauses before all attempts but the first, and never as long as others that lost the same server.
async function connect(url = process.env.DEPUTY_URL || 'tcp://127.0.0.1:11746', attempt) {
  if (attempt > 1) await sleep((0.5 + Math.random() / 2) * Math.min(50 * 2 ** attempt, 10_000));
  const { hostname, port } = new URL(url);
  const address = url.startsWith('unix:') ? { path: url.slice(5) } : { host: hostname.replace(/[[\]]/g, ''), port };
  const socket = net.connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
  socket.setTimeout(5000, () => socket.destroy(new Error('the server did not answer within 5 s')));
  await once(socket, 'connect');
  return socket.setTimeout(0).on('error', () => {}); // Who reads gets it. Without a listener it would end the program.
}

function encode(line) {
  const text = JSON.stringify(line) + '\n';
  if (Buffer.byteLength(text) > LINE_MAX) throw new RangeError('the line would be longer than the server takes');
  return text;
}

// What the server says, until the connection is lost. Half a line at its end is dropped.
async function* lines(socket) {
  let parts = [], length = 0;
  for await (let chunk of socket) {
    for (let end; (end = chunk.indexOf('\n')) >= 0; chunk = chunk.subarray(end + 1)) {
      yield JSON.parse(Buffer.concat([...parts, chunk.subarray(0, end)]).toString());
      [parts, length] = [[], 0];
    }
    parts.push(chunk); // As bytes: even a character may be cut.
    if ((length += chunk.length) > LINE_MAX + 1024) throw new RangeError('the server sent a line that does not end');
  }
  throw new Error('the server closed the connection');
}

class Client { // It connects when it has to, and submits any number of jobs at once.
  socket = null; attempt = 0; lastId = 0; waiting = new Map();
  constructor(url) { this.url = url; }

  async submit(type, arg = null) {
    const id = ++this.lastId;
    const line = encode({ cmd: 'do', id, type, arg });
    if (!this.socket) this.run();
    this.socket.then((socket) => socket.write(line), () => {}); // If it fails, `run` tells all that wait.
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async run() {
    const fail = (job, code, err) => job.reject(Object.assign(new Error(`${code}: ${err}`), { code, err }));
    try {
      this.socket = connect(this.url, ++this.attempt);
      for await (const { cmd, id, res = null, err, code } of lines(await this.socket)) {
        this.attempt = 1;
        const job = cmd === 'did' && this.waiting.get(id);
        if (!job || !this.waiting.delete(id)) continue;
        if (code === undefined) job.resolve(res);
        else fail(job, code, err);
      }
    } catch ({ message }) {
      const lost = this.waiting;
      [this.socket, this.waiting] = [null, new Map()];
      for (const job of lost.values()) fail(job, 'lost', message); // They may have been done or not.
    }
  }
  close() { this.socket?.then((socket) => socket.destroy(), () => {}); }
}

async function work(handlers, { url, maxJobs = 8 } = {}) {
  const answer = ({ job, type, arg }) => Promise.resolve(arg).then(handlers[type])
    .then((res) => encode({ cmd: 'did', job, res }))
    .catch((error) => encode({ cmd: 'did', job, err: String(error).slice(0, 1000) }));
  for (let attempt = 1; ; attempt++) {
    try {
      const socket = await connect(url, attempt);
      socket.write(encode({ cmd: 'can_do', types: Object.keys(handlers), max_jobs: maxJobs }) + '{"cmd":"ping"}\n');
      for await (const line of lines(socket)) {
        attempt = 1; // Not before: what accepts and closes at once is to be tried more and more seldom, too.
        if (line.cmd === 'do') answer(line).then((text) => socket.write(text)); // On this connection, and no other.
      }
    } catch ({ message }) {
      console.error(`deputy: ${message}`);
    }
  }
}

module.exports = { Client, work };
if (require.main === module) {
  const [what, type, ...args] = process.argv.slice(2);
  if (what === 'work') return work({ [type]: (arg) => sleep(arg.seconds * 1000, arg) }); // To try it out.
  const client = new Client();
  Promise.all(args.map((arg) => client.submit(type, JSON.parse(arg))))
    .then((results) => results.forEach((result) => console.log(JSON.stringify(result))))
    .finally(() => client.close()); // What is rejected ends the program with 1.
}
