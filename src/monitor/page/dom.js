// Elements. Words that peers may choose (names of types and workers, sentences with them) become text, and never markup.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const maker = (tag) => () => make(tag);

function draw(tag, attributes = {}, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Writes only what differs, so that selections and screen readers are left alone. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Gives `parent` one child per item. Children are reused: nothing flickers, and none loses the focus. */
function each(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, i) => update(parent.children[i] ?? parent.appendChild(create()), item));
}

/** Fills a description list. */
function pairs(list, items) {
  const create = () => make("div", {}, make("dt"), make("dd"));
  each(list, items, create, (pair, [term, text, level = ""]) => {
    setText(pair.firstChild, term);
    setText(pair.lastChild, text);
    pair.className = level;
  });
}

/** Fills the body of a table. A number from 0 to 1 is a bar. */
function cells(body, rows) {
  const create = maker("tr");
  each(body, rows, create, (row, texts) =>
    each(row, texts, maker("td"), (cell, text) => {
      if (typeof text !== "number") return setText(cell, text);
      const bar = cell.firstElementChild ?? cell.appendChild(make("i", { class: "bar" }));
      bar.style.width = text ? `max(1px, ${text * 100}%)` : 0;
    }),
  );
}

/** A name within a sentence: its beginning, if it is long. */
function named(name) {
  const letters = [...visible(name)];
  return make("bdi", { class: "name" }, letters.length > 40 ? `${letters.slice(0, 39).join("")}…` : letters.join(""));
}
