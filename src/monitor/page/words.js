// Numbers and texts for people. They have the format of the command `deputy`.

const groups = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact" });
const count = (n) => groups.format(n ?? 0);
const counted = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;
const rate = (n) => (n == null ? "–" : n < 0.05 ? "0" : n < 99.95 ? n.toFixed(1) : count(Math.round(n)));
const percent = (part) => `${part > 0 && part < 0.01 ? "<1" : Math.floor(part * 100)}\u00a0%`;
const short = (n) => String(n < 9.95 ? +n.toFixed(1) : Math.round(n));

/** A time in its unit, or in its two largest: `420 µs`, `3.2 ms`, `12 s`, `3 min 20 s`. */
function time(ms) {
  if (ms == null) return "–";
  if (ms < 0.9995) return `${short(ms * 1000)}\u00a0µs`;
  if (ms < 999.5) return `${short(ms)}\u00a0ms`;
  if (ms < 59_500) return `${short(ms / 1000)}\u00a0s`;
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const seconds = Math.round(ms / 1000);
  const first = units.findIndex(([, length]) => seconds >= length);
  const [[unit, length], next] = [units[first], units[first + 1]];
  const rest = Math.floor((seconds % length) / next[1]);
  return `${count(Math.floor(seconds / length))}\u00a0${unit}${rest ? ` ${rest}\u00a0${next[0]}` : ""}`;
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
  return `${bytes < 99.95 ? +bytes.toFixed(1) : Math.round(bytes)}\u00a0${units[unit]}`;
}

const codeOf = (c) => `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;

/** Makes visible what a text could hide: line ends, other controls, marks of direction, and nothing but spaces. */
function visible(text) {
  // Two characters of this class stay as they are: they join letters and emoji.
  const shown = String(text).replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, codeOf);
  return shown.trim() ? shown : shown.replace(/\s/g, codeOf);
}
