// The cells of a session by class, least sure first, to look at and to give another class.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { className, number, share, statusName, t } from "../words.js";

const inForce = (cell) => cell.by_person?.class ?? cell.class;

export async function show(root, [id], context) {
  let [detail, { cells }] = await Promise.all([get(`/api/sessions/${id}`), get(`/api/sessions/${id}/cells?kind=WBC`)]);
  const open = detail.status === "preliminary" && context.may("reviewer");
  const keys = new Map(context.classes.map(({ code, key }) => [key, code]));
  const tiles = new Map();
  let chosen = null;

  const status = h("span", { class: "badge" });
  const tally = h("p", { class: "soft" });
  const list = h("div", { class: "groups" });
  const panel = h("aside", { class: "panel", "aria-label": t("gallery.chosen") });
  const said = h("p", { class: "problem", role: "alert", hidden: true });

  fill(
    root,
    h("div", { class: "line" },
      h("h1", {}, detail.sample), status,
      h("a", { class: "button small", href: `#/session/${id}` }, t("gallery.result"))),
    tally,
    !open && h("p", { class: "notice" }, t(detail.status === "preliminary" ? "sign.who" : `gallery.closed.${detail.status}`), " ",
      detail.status === "preliminary" && h("a", { href: `#/login?then=${encodeURIComponent(location.hash)}` }, t("nav.login"))),
    said,
    h("div", { class: "gallery" }, list, panel),
  );

  function arrange() {
    const groups = new Map();
    for (const cell of cells) {
      const code = inForce(cell) ?? "UNK";
      if (!groups.has(code)) groups.set(code, []);
      groups.get(code).push(cell);
    }
    tiles.clear();
    const order = [...groups].sort((a, b) => b[1].length - a[1].length);
    fill(list, order.map(([code, members]) =>
      h("section", { "aria-label": className(code) },
        h("h2", {}, className(code), " ", h("abbr", { class: "code" }, code), " ", h("span", { class: "soft" }, number(members.length))),
        h("div", { class: "tiles" }, members.map(tile)))),
      cells.length === 0 && h("p", {}, t("gallery.none")));
    head();
  }

  function head() {
    fill(status, statusName(detail.status));
    status.dataset.status = detail.status;
    fill(tally, t("gallery.tally", { n: number(cells.length), changed: number(detail.reclassified) }));
  }

  function tile(cell) {
    const button = h("button", {
      class: "tile",
      dataset: { cell: cell.number },
      tabindex: tiles.size === 0 ? 0 : -1,
      on: {
        click: () => choose(cell),
        focus: () => choose(cell),
        mouseenter: () => evidence(button, cell, true),
        mouseleave: () => evidence(button, cell, false),
      },
    });
    tiles.set(cell.number, button);
    label(button, cell);
    return button;
  }

  function label(button, cell) {
    const code = inForce(cell) ?? "UNK";
    const person = cell.by_person;
    button.classList.toggle("changed", Boolean(person) && person.class !== cell.class);
    fill(button,
      picture(cell),
      h("span", { class: "name" }, code, " ", person ? "✓" : share(cell.probability)),
      person && h("span", { class: "was" }, `${cell.class ?? "–"} ${share(cell.probability)}`));
    button.setAttribute("aria-label", person
      ? t("gallery.cellPerson", { n: cell.number, class: className(code), by: person.by, program: cell.class ? className(cell.class) : "–" })
      : t("gallery.cell", { n: cell.number, class: className(code), sure: share(cell.probability) }));
  }

  function picture(cell) {
    if (!cell.has_crop) return h("span", { class: "nopicture" }, t("gallery.noPicture"));
    return h("img", { src: `/api/sessions/${id}/cells/${cell.number}/crop.jpg`, alt: "", loading: "lazy", width: 96, height: 96 });
  }

  // What in the cell mattered, in place of its picture. Made by the station, so only after a moment's rest on it.
  let resting = 0;
  function evidence(place, cell, on) {
    clearTimeout(resting);
    const image = place.querySelector("img");
    if (!image) return;
    if (!on) image.src = `/api/sessions/${id}/cells/${cell.number}/crop.jpg`;
    else resting = setTimeout(() => swap(image, cell), 250);
  }
  function swap(image, cell) {
    const map = new Image();
    map.onload = () => (image.src = map.src);
    map.src = `/api/sessions/${id}/cells/${cell.number}/saliency.png`;
  }

  function choose(cell) {
    if (chosen === cell) return;
    for (const [number, button] of tiles) {
      button.tabIndex = number === cell.number ? 0 : -1;
      button.classList.toggle("chosen", number === cell.number);
    }
    chosen = cell;
    describe();
  }

  function describe() {
    if (!chosen) return fill(panel, h("p", { class: "soft" }, t("gallery.choose")), help());
    const cell = chosen;
    const person = cell.by_person;
    const large = h("div", { class: "large" }, picture(cell));
    const map = h("button", { class: "button small", on: { click: () => evidence(large, cell, true) } }, t("gallery.evidence"));
    fill(panel,
      h("div", { class: "of" }, large,
        h("div", {},
          h("b", {}, className(inForce(cell) ?? "UNK")),
          person && h("p", {}, t("gallery.by", { by: person.by })),
          h("p", {}, t("gallery.program"), ` ${cell.class ?? "–"} ${share(cell.probability)}`),
          h("p", { class: "soft" }, t("gallery.network"), " ",
            cell.ranked.slice(0, 3).filter(([, p], n) => n === 0 || p >= 0.01).map(([code, p]) => `${code} ${share(p)}`).join(", ")),
          cell.has_crop && map)),
      open && h("div", { class: "classes", role: "group", "aria-label": t("gallery.give") },
        context.classes.map(({ code, key }) => h("button", {
          class: "button class", "aria-pressed": String(inForce(cell) === code), title: className(code), on: { click: () => give(code) },
        }, h("kbd", {}, key), code)),
        person && h("button", { class: "button", on: { click: () => give(null) } }, t("gallery.back")),
        h("button", { class: "button", on: { click: undo } }, h("kbd", {}, "z"), t("gallery.undo"))),
      help());
  }

  const help = () => open && h("p", { class: "soft keys" }, t("gallery.keys"));

  async function give(code) {
    if (!open || !chosen) return;
    const cell = chosen;
    try {
      detail = await send("PUT", `/api/sessions/${id}/cells/${cell.number}`, { class: code });
      said.hidden = true;
      await again(cell.number);
      context.announce(t("gallery.given", { n: cell.number, class: className(code ?? cell.class ?? "UNK") }));
      step(1);
    } catch (problem) {
      tellProblem(problem);
    }
  }

  async function undo() {
    if (!open) return;
    try {
      const { cell } = await send("POST", `/api/sessions/${id}/undo`);
      said.hidden = true;
      if (cell === null) return context.announce(t("gallery.nothing"));
      detail = await get(`/api/sessions/${id}`);
      await again(cell);
      tiles.get(cell)?.focus();
      context.announce(t("gallery.undone", { n: cell }));
    } catch (problem) {
      tellProblem(problem);
    }
  }

  // The cell stays where it is, so that nothing jumps under the finger; the groups are put in order on the next visit.
  async function again(number) {
    const fresh = (await get(`/api/sessions/${id}/cells?kind=WBC`)).cells;
    const now = new Map(fresh.map((cell) => [cell.number, cell]));
    for (const cell of cells) Object.assign(cell, now.get(cell.number));
    const cell = cells.find((one) => one.number === number);
    if (cell) label(tiles.get(number), cell);
    head();
    describe();
  }

  function tellProblem(problem) {
    fill(said, problem.message);
    said.hidden = false;
  }

  function step(by) {
    const order = [...tiles.keys()];
    const at = chosen ? order.indexOf(chosen.number) : -1;
    tiles.get(order[Math.min(order.length - 1, Math.max(0, at + by))])?.focus();
  }

  // Tiles in a line, as wide as the page lets them be.
  function across() {
    const tops = [...(tiles.get(chosen?.number)?.parentElement.children ?? [])].map((one) => one.offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  }

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const key = event.key.toLowerCase();
    const moves = { arrowright: 1, arrowleft: -1, arrowdown: across(), arrowup: -across() };
    if (key in moves) step(moves[key]);
    else if (key === "z") undo();
    else if (key === "h" && chosen) evidence(panel.querySelector(".large"), chosen, true);
    else if (key === "backspace" && chosen) give(null);
    else if (keys.has(key) && chosen) give(keys.get(key));
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", pressed);

  arrange();
  describe();
  tiles.values().next().value?.focus();
  return () => {
    clearTimeout(resting);
    document.removeEventListener("keydown", pressed);
  };
}
