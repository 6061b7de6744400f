// Curves.

const PLOT = { left: 52, right: 12, top: 20, bottom: 24, height: 190 };
const STEPS_S = [5, 10, 15, 30, 60, 120, 300];
const clock = (ms, hasSeconds) =>
  new Date(ms).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: hasSeconds ? "2-digit" : undefined,
    hourCycle: "h23",
  });

/** A figure with one curve per series, and a cursor that pointer, touch and arrow keys move. */
class Chart {
  constructor(title, unit, isWhole, series) {
    Object.assign(this, { title, unit, isWhole, series, cursor: null, width: 0, history: null });
    this.legend = make("ul", { class: "legend" });
    this.when = make("p", { class: "when" });
    this.svg = draw("svg", {
      tabindex: 0,
      role: "slider",
      "aria-label": title,
      "aria-valuemin": 0,
      height: PLOT.height,
    });
    const caption = make("figcaption", {}, make("h2", {}, title), this.legend, this.when);
    $("charts").append(make("figure", {}, caption, this.svg));
    for (const { label, name } of series) {
      const sample = draw("svg", { class: "sample", width: 18, height: 10, "aria-hidden": "true" });
      sample.append(draw("path", { class: `line ${name}`, d: "M0 5H18" }));
      this.legend.append(make("li", {}, sample, `${label} `, make("b")));
    }
    this.listen();
    new ResizeObserver(([{ contentRect }]) => {
      this.width = Math.floor(contentRect.width);
      this.update(this.history);
    }).observe(this.svg);
  }

  listen() {
    const point = (event) => this.moveTo(this.indexAt(event.clientX - this.svg.getBoundingClientRect().left));
    this.svg.addEventListener("pointermove", point);
    this.svg.addEventListener("pointerdown", point);
    this.svg.addEventListener("pointerleave", () => this.moveTo(null));
    this.svg.addEventListener("blur", () => this.moveTo(null));
    this.svg.addEventListener("keydown", (event) => {
      const last = this.length - 1;
      const now = this.index ?? last;
      const moves = {
        ArrowLeft: now - 1,
        ArrowDown: now - 1,
        ArrowRight: now + 1,
        ArrowUp: now + 1,
        PageUp: now + 30,
        PageDown: now - 30,
        Home: 0,
        End: last,
      };
      if (!this.length || !(event.key in moves)) return;
      event.preventDefault();
      this.moveTo(Math.max(0, Math.min(last, moves[event.key])));
    });
  }

  get length() {
    return this.history?.waiting?.length ?? 0;
  }
  timeOf(i) {
    return this.history.end_ms - (this.length - 1 - i) * this.history.step_ms;
  }
  /** The sample under the cursor, or null. The cursor is a time: it moves on with its sample. */
  get index() {
    if (this.cursor === null || !this.length) return null;
    const i = this.length - 1 - Math.round((this.history.end_ms - this.cursor) / this.history.step_ms);
    return i >= 0 && i < this.length ? i : null;
  }
  get span() {
    return Math.max(60_000, (this.length - 1) * this.history.step_ms);
  }
  x(ms) {
    return this.width - PLOT.right - ((this.history.end_ms - ms) / this.span) * (this.width - PLOT.left - PLOT.right);
  }
  y(value) {
    return PLOT.height - PLOT.bottom - (value / this.top) * (PLOT.height - PLOT.top - PLOT.bottom);
  }

  indexAt(x) {
    if (!this.length) return null;
    const ms =
      this.history.end_ms - ((this.width - PLOT.right - x) / (this.width - PLOT.left - PLOT.right)) * this.span;
    return Math.max(
      0,
      Math.min(this.length - 1, this.length - 1 - Math.round((this.history.end_ms - ms) / this.history.step_ms)),
    );
  }

  moveTo(i) {
    this.cursor = i === null ? null : this.timeOf(i);
    this.renderCursor();
  }

  update(history) {
    this.history = history;
    this.svg.replaceChildren();
    if (this.width < 100 || !this.length) return this.renderLegend(null);
    this.svg.setAttribute("aria-valuemax", this.length - 1);
    this.cross = draw("g");
    this.svg.append(...this.axes(), ...this.series.flatMap((series, i) => this.curve(series, i === 0)), this.cross);
    this.renderCursor();
  }

  axes() {
    const most = Math.max(this.isWhole ? 4 : 1, ...this.series.flatMap(({ name }) => this.history[name] ?? []));
    const raw = most / 4;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step =
      [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw && (!this.isWhole || n % 1 === 0)) ?? 10 * power;
    this.top = Math.ceil(most / step) * step;
    const parts = [draw("text", { x: PLOT.left - 8, y: 10, class: "axis end" }, this.unit)];
    for (let value = 0; value <= this.top * 1.001; value += step) {
      const y = Math.round(this.y(value)) + 0.5;
      const text = value < 10_000 ? groups.format(+value.toFixed(6)) : compact.format(value);
      parts.push(
        draw("path", { class: "grid", d: `M${PLOT.left} ${y}H${this.width - PLOT.right}` }),
        draw("text", { x: PLOT.left - 8, y: y + 4, class: "axis end" }, text),
      );
    }
    return parts.concat(this.times());
  }

  /** Marks at whole minutes of the local clock, as many as there is room for. */
  times() {
    const { end_ms } = this.history;
    const fits = (this.width - PLOT.left) / 90;
    const step = (STEPS_S.find((seconds) => this.span / 1000 / seconds <= fits) ?? 300) * 1000;
    const offset = new Date(end_ms).getTimezoneOffset() * 60_000;
    const parts = [];
    for (let ms = Math.floor((end_ms - offset) / step) * step + offset; ms >= end_ms - this.span; ms -= step) {
      const x = Math.round(this.x(ms)) + 0.5;
      parts.push(
        draw("path", { class: "tick", d: `M${x} ${PLOT.height - PLOT.bottom}v5` }),
        draw(
          "text",
          { x: Math.min(x, this.width - 24), y: PLOT.height - 5, class: "axis middle" },
          clock(ms, step < 60_000),
        ),
      );
    }
    return parts;
  }

  curve({ name }, isFilled) {
    let [line, area, start] = ["", "", null];
    const values = this.history[name] ?? [];
    const base = this.y(0).toFixed(1);
    values.forEach((value, i) => {
      if (value == null) return void (start = null);
      const x = this.x(this.timeOf(i)).toFixed(1);
      const point = `${x} ${this.y(value).toFixed(1)}`;
      line += `${start === null ? "M" : "L"}${point}`;
      area += start === null ? `M${x} ${base}L${point}` : `L${point}`;
      if (i === values.length - 1 || values[i + 1] == null) area += `V${base}Z`;
      start = x;
    });
    const parts = [draw("path", { class: `line ${name}`, d: line })];
    return isFilled ? [draw("path", { class: `area ${name}`, d: area }), ...parts] : parts;
  }

  renderCursor() {
    if (!this.svg.firstChild) return;
    const i = this.index;
    this.cross.replaceChildren();
    this.renderLegend(i);
    const at = i ?? this.length - 1;
    this.svg.setAttribute("aria-valuenow", at);
    this.svg.setAttribute("aria-valuetext", `${this.when.textContent}: ${this.readOut(at).join(", ")}`);
    if (i === null) return;
    const x = Math.round(this.x(this.timeOf(i))) + 0.5;
    this.cross.append(draw("path", { class: "cross", d: `M${x} ${PLOT.top}V${PLOT.height - PLOT.bottom}` }));
    for (const { name } of this.series) {
      const value = this.history[name]?.[i];
      if (value != null) this.cross.append(draw("circle", { class: `dot ${name}`, cx: x, cy: this.y(value), r: 3.5 }));
    }
  }

  /** The values are those under the cursor, or the last ones. */
  renderLegend(i) {
    const at = i ?? this.length - 1;
    setText(this.when, this.whenOf(at));
    this.series.forEach((series, n) => setText(this.legend.children[n].lastChild, this.textOf(series, at)));
  }

  whenOf(i) {
    if (!this.length) return "No sample yet";
    const ago = this.history.end_ms - this.timeOf(i);
    if (link.failures) return `at ${clock(this.timeOf(i), true)}`;
    if (ago) return `${clock(this.timeOf(i), true)}, ${time(ago)} ago`;
    return this.isWhole ? "now" : `the last ${time(this.history.step_ms)}`;
  }

  textOf({ name }, i) {
    const value = this.history?.[name]?.[i];
    return value == null ? "–" : this.isWhole ? count(Math.round(value)) : `${rate(value)}/s`;
  }

  readOut(i) {
    return this.series.map((series) => `${series.label} ${this.textOf(series, i)}`);
  }
}
