// The cells of a session by class, least certain first, to look at, confirm or reclassify.

import { get } from "../api.js";
import { changed, codeOf, inForce, nameOf, quick, seen } from "../classes.js";
import { fill, h } from "../dom.js";
import * as scanner from "../scanner.js";
import { number, statusName, t } from "../words.js";
import { ALL, TO_REVIEW, chips, tally } from "./gallery/chips.js";
import { kindOf } from "./gallery/kind.js";
import { enlarge } from "./gallery/large.js";
import { panel } from "./gallery/panel.js";
import { review, told } from "./gallery/review.js";
import { tiles } from "./gallery/tiles.js";

// A busy device may deliver the first keys of a scan late: what keys gave this shortly before a scan, ms, is part of it.
const SHORTLY = 700;

const digit = ({ code, shiftKey }) => (shiftKey ? "" : /^Digit([1-9])$/.exec(code)?.[1] ?? "");

// The switch between white and red cells.
function kinds({ red }, id) {
  const link = (to, words, here) => h("a", { class: "button small", href: `#/session/${id}/gallery${to}`, "aria-current": here ? "page" : null }, t(words));
  return h("nav", { class: "kinds", "aria-label": t("gallery.kinds") }, link("", "gallery.white", !red), link("?kind=red", "gallery.red", red));
}

export async function show(root, [id, wanted, wish], context) {
  await told(id);
  const kind = kindOf(id, wanted, context);
  let [detail, { cells }] = await Promise.all([get(`/api/sessions/${id}`), get(kind.cells)]);
  cells = cells.map(kind.record).filter(kind.shown);
  // The user has moved on to another view meanwhile.
  if (!root.isConnected) return null;
  const open = detail.status === "preliminary" && context.may("reviewer");
  const { keys, reason, isBlast } = kind;
  const byNumber = new Map(cells.map((cell) => [cell.number, cell]));
  // The cell that keys act on, the start of the range, and all selected cells.
  let chosen = null;
  let anchor = null;
  let selected = new Set();
  // What was chosen before the present burst of keys, the time of the latest key, and what the latest keys gave.
  let before = null;
  let at = 0;
  let recent = [];

  const status = h("span", { class: "badge" });
  const counted = h("p", { class: "soft" });
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  const several = h("button", { class: "button small", type: "button", "aria-pressed": "false", on: { click: () => pickSeveral(several.getAttribute("aria-pressed") !== "true") } }, t("gallery.select"));
  const line = chips(filter);
  const list = tiles(id, kind, { rank, pick, reached: (cell) => cell !== chosen && choose(cell) });
  const aside = panel(id, kind, open, { give: (code) => giveOne(code), confirm: () => confirm(), undo: () => undo(), enlarge: () => chosen && enlarge(root, id, chosen, cells, scale(), kind, goTo) });
  // What keys give is shown at once, and sent only once a pause shows that no scanner typed them: a person who looks at
  // cells must not wait, and the first key of a scan must not have changed one.
  const unwatch = scanner.watch(scanned);
  const work = review(id, context.me.name, cells, kind, { changed: drawCells, session: (now) => ((detail = now), head()), failed, undone });

  fill(root, h("div", { class: "gallery", tabindex: -1, on: { keydown: pressed } },
    h("div", { class: "all" },
      h("div", { class: "line" },
        h("h1", {}, detail.sample), status,
        h("a", { class: "button small", href: `#/session/${id}` }, t("gallery.result")),
        kinds(kind, id)),
      kind.red && h("p", { class: "soft long" }, t("gallery.redKept")),
      h("div", { class: "line" }, counted, open && several),
      !open && h("p", { class: "notice" }, t(detail.status === "preliminary" ? "sign.who" : `gallery.closed.${detail.status}`), " ",
        detail.status === "preliminary" && h("a", { href: `#/login?then=${encodeURIComponent(location.hash)}` }, t("nav.login"))),
      said, line.element, list.element),
    aside.element));

  const scale = () => (detail.reviewed_result ?? detail.counted_result)?.um_per_px;
  const urgent = (code) => kind.urgent(code, detail.flags);
  // Blasts first, then whatever else must be looked at, then the rest; each by the number of cells at the time of
  // arranging.
  const ranks = new Map();
  function rank(code) {
    if (!ranks.has(code)) ranks.set(code, (isBlast(code) ? 0 : urgent(code) ? 1e6 : kind.last(code) ? 3e6 : 2e6) - (tally(cells).get(code) ?? 0));
    return ranks.get(code);
  }

  function head() {
    fill(status, statusName(detail.status));
    status.dataset.status = detail.status;
    fill(counted,
      h("span", { class: "long" }, t(kind.words.tally, { n: number(cells.length), changed: number(cells.filter(changed).length) }), " "),
      h("b", {}, t("gallery.seen", { seen: number(seen(cells)), n: number(cells.length) })),
      quick(cells) > 0 && h("b", { class: "warn" }, " ", t("gallery.quick", { n: number(quick(cells)) })),
      work.underWay() > 0 && h("span", {}, " ", t("gallery.underWay", { n: number(work.underWay()) })));
    list.counts(tally(cells));
    line.draw({ cells, lines: kind.lines(detail.reviewed_result), rank, urgent, left: cells.filter(reason).length });
  }

  // Filters by the cells' present classes; cells that change later stay in view.
  function filter(what) {
    const which = what === TO_REVIEW ? reason : what === ALL ? () => true : (cell) => inForce(cell) === what;
    history.replaceState(null, "", kind.address(what === ALL ? "" : what));
    ranks.clear();
    line.choose(what);
    list.arrange(cells.filter(which), t(cells.length === 0 ? kind.words.none : what === TO_REVIEW ? "gallery.noneLeft" : "gallery.noneSuch"));
    chosen = null;
    head();
    const first = list.order()[0];
    if (first === undefined) {
      selected = new Set();
      aside.show(null, 0);
    } else {
      choose(byNumber.get(first));
    }
  }

  function drawCells(numbers) {
    for (const one of numbers) list.label(one);
    head();
    aside.show(chosen, selected.size);
  }

  // Selection.

  function choose(cell, more = new Set([cell.number])) {
    chosen = cell;
    selected = more;
    if (more.size === 1 && more.has(cell.number)) anchor = cell.number;
    list.mark(selected, cell.number);
    aside.show(cell, selected.size);
    // Keep the focused tile clear of the panel.
    aside.element.parentElement.style.setProperty("--panel", `${aside.element.offsetHeight}px`);
    list.focus(cell.number);
  }

  function pick(cell, { shiftKey, ctrlKey, metaKey }) {
    if (shiftKey && open) return choose(cell, range(cell));
    if (!open || !(ctrlKey || metaKey || several.getAttribute("aria-pressed") === "true")) return choose(cell);
    toggle(cell);
  }

  function toggle(cell) {
    const more = new Set(selected);
    if (!more.delete(cell.number)) more.add(cell.number);
    // One cell is always selected.
    if (more.size === 0) return choose(cell);
    choose(more.has(cell.number) ? cell : byNumber.get([...more].at(-1)), more);
  }

  function range(cell) {
    const order = list.order();
    const [a, b] = [order.indexOf(anchor ?? cell.number), order.indexOf(cell.number)];
    return new Set(order.slice(Math.min(a, b), Math.max(a, b) + 1));
  }

  function pickSeveral(on) {
    several.setAttribute("aria-pressed", String(on));
    if (!on && chosen) choose(chosen);
  }

  function step(by, further) {
    const order = list.order();
    const at = chosen ? order.indexOf(chosen.number) : -1;
    const next = byNumber.get(order[Math.min(order.length - 1, Math.max(0, at + by))]);
    if (next) choose(next, further ? range(next) : undefined);
  }

  // Changes. They apply to the cells selected at the press, and the next cell is selected at once.

  function give(classOf, words, held) {
    if (!open || !chosen) return;
    const order = list.order();
    const those = order.filter((one) => selected.has(one)).map((one) => byNumber.get(one));
    const by = chosen;
    const steps = work.give(those, classOf, held);
    if (held) recent = [...recent.filter((one) => at - one.at < SHORTLY), { at, steps, chosen: by }];
    said.hidden = true;
    context.announce(those.length > 1 ? t("gallery.givenMany", { n: number(those.length) }) : words(those[0]));
    pickSeveral(false);
    choose(those.at(-1));
    step(1);
  }

  // `held` resolves to whether the change is to be sent; without it, it is sent at once.
  function giveOne(code, held) {
    give(() => code, (cell) => t("gallery.given", { n: number(cell.number), class: nameOf(cell) }), held);
  }

  function confirm(held) {
    give(codeOf, (cell) => t("gallery.confirmed", { n: number(cell.number), class: nameOf(cell) }), held);
  }

  function undo(held) {
    if (!open) return;
    said.hidden = true;
    const [first] = work.undo(held);
    if (list.order().includes(first)) choose(byNumber.get(first));
  }

  function undone(numbers) {
    if (numbers.length === 0) context.announce(t("gallery.nothing"));
    else context.announce(numbers.length > 1 ? t("gallery.undoneMany", { n: number(numbers.length) }) : t("gallery.undone", { n: number(numbers[0]) }));
  }

  function failed(numbers, problem) {
    const one = numbers.length === 1 && number(numbers[0]);
    const words = numbers.length === 0 ? problem.message
      : t(one ? "gallery.putBack" : "gallery.putBackMany", { n: one || number(numbers.length), problem: problem.message });
    // Also tell a user who has left the gallery, before the result is signed without the change.
    if (!root.isConnected) return document.getElementById("main").prepend(h("p", { class: "problem", role: "alert" }, words));
    fill(said, words);
    said.hidden = false;
  }

  // Another cell of the field that is shown.
  function goTo(cell) {
    if (list.order().includes(cell.number)) choose(cell);
    enlarge(root, id, cell, cells, scale(), kind, goTo, true);
  }

  // A scanner typed: nothing of it is sent, and the cell before it is chosen again.
  function scanned(since) {
    if (!open) return;
    const late = recent.filter((one) => one.at < since && since - one.at < SHORTLY);
    for (const { steps } of [...late].reverse()) work.takeBack(steps);
    if (late.length > 0) before = late[0].chosen;
    recent = [];
    if (before && root.isConnected && list.order().includes(before.number)) choose(before);
  }

  function pressed(event) {
    const key = event.key.toLowerCase();
    at = event.timeStamp;
    if (!event.altKey && !event.ctrlKey && !event.metaKey && scanner.first()) before = chosen;
    const held = scanner.held();
    const moves = { arrowright: 1, arrowleft: -1, arrowdown: list.across(chosen?.number), arrowup: -list.across(chosen?.number) };
    // Buttons outside the tiles keep the keys that press them.
    const elsewhere = event.target.closest("button, a") && !event.target.closest(".tile");
    let act = null;
    if (event.altKey) return;
    if (event.ctrlKey || event.metaKey) act = key === "z" && !event.shiftKey ? () => undo() : null;
    else if (key in moves) return step(moves[key], event.shiftKey && open), event.preventDefault();
    else if (key === "enter" && !elsewhere) act = () => confirm(held);
    else if (key === " " && !elsewhere) act = () => chosen && open && toggle(chosen);
    else if (key === "z") act = () => undo(held);
    else if (key === "h") act = aside.toggle;
    else if (key === "backspace") act = () => giveOne(null, held);
    else if (keys.has(key)) act = () => giveOne(keys.get(key), held);
    // French keyboards type digits with Shift only: the place of the key is enough.
    else if (keys.has(digit(event))) act = () => giveOne(keys.get(digit(event)), held);
    if (!act) return;
    event.preventDefault();
    // A held key counts as one press.
    if (!event.repeat) act();
  }

  filter(wish ?? ALL);
  return unwatch;
}
