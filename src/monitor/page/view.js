// The present view. It is kept in the address, so that a link can be sent.

const view = { server: null, type: null, search: "", sort: "state", up: false, page: 0 };

function readView() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const sort = COLUMNS.find((column) => column.key === hash.get("sort"))?.key ?? "state";
  Object.assign(view, { server: hash.get("server"), type: hash.get("type"), search: hash.get("search") ?? "", sort });
  view.page = Math.max(0, parseInt(hash.get("page"), 10) - 1 || 0);
  view.up = hash.has("order") ? hash.get("order") === "up" : sort === "name";
}

function hashOf(changes) {
  const { server, type, search, sort, up, page } = { ...view, ...changes };
  const hash = new URLSearchParams();
  if (server !== null) hash.set("server", server);
  if (search) hash.set("search", search);
  if (sort !== "state") hash.set("sort", sort);
  if (up !== (sort === "name")) hash.set("order", up ? "up" : "down");
  if (page) hash.set("page", page + 1);
  if (type !== null) hash.set("type", type);
  return `#${hash}`;
}

function change(changes, isNewPage) {
  const hash = hashOf(changes);
  Object.assign(view, changes);
  const address = hash === "#" ? location.pathname + location.search : hash;
  history[isNewPage ? "pushState" : "replaceState"](null, "", address);
  render();
}
