// Uses deputy.js as a program would: `driver.js CLIENT MODE ARGS...`. The modes are those of ../drivers.rs.
'use strict';
const { Client, work, parseUrl } = require(process.argv[2]);

const modes = {
  urls(...values) {
    for (const value of values) {
      try {
        const { path, host, port } = parseUrl(value);
        console.log(path ? `unix ${path}` : `tcp ${host} ${port}`);
      } catch ({ message }) {
        console.log(message.includes(value) ? 'error' : message);
      }
    }
  },

  work() {
    const nest = (levels) => (levels ? [nest(levels - 1)] : []);
    const recurse = (arg) => recurse(arg) + 1;
    const loop = {};
    loop.loop = loop;
    work({
      echo: (arg) => arg,
      nan: () => NaN,
      infinity: () => [Infinity],
      deep: () => nest(200),
      loop: () => loop,
      bigint: () => 1n,
      long: () => 'x'.repeat(17 << 20),
      recursion: recurse,
      mute: () => { throw Object.create(null); },
      rejects: async () => { throw undefined; },
      throws: () => { throw new Error('\ud800'.repeat(2000)); },
      thenable: () => ({ get then() { throw new Error('no'); } }),
    }, { maxJobs: 1 });
  },

  async readers() {
    const client = new Client();
    const progress = () => { throw new Error('no'); };
    process.once('uncaughtException', () => {});
    const jobs = [1, 2, 3, 4].map((n) => client.submit('odd', n, n === 2 ? { progress } : {}));
    jobs.forEach((job) => job.catch(() => {}));
    const [odd] = await Promise.allSettled(jobs);
    if (odd.reason.err.toString !== 1) throw odd.reason;
    console.log(await jobs[3]);
    client.close();
  },
};

modes[process.argv[3]](...process.argv.slice(4));
