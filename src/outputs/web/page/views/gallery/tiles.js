// The cell pictures by class. Tiles keep their places while classes change, so that nothing moves under the finger.

import { changed, inForce, looked, nameOf, ownOf, programs } from "../../classes.js";
import { fill, h } from "../../dom.js";
import { className, number, share, shortName, t } from "../../words.js";
import { pictureOf } from "./evidence.js";

// `kind`: of the cells. `rank(code)` orders the classes. `pick(cell, event)` handles a click, `reached(cell)` a focus without one.
export function tiles(id, kind, { rank, pick, reached }) {
  const element = h("div", { class: "groups" });
  const shown = new Map();
  let headings = new Map();
  // A press moves the focus before the click shows whether it extends the selection.
  let pressing = false;
  element.addEventListener("pointerdown", () => (pressing = true));
  for (const event of ["pointerup", "pointercancel", "pointerleave"]) element.addEventListener(event, () => (pressing = false));

  function arrange(cells, none) {
    const groups = new Map();
    for (const cell of cells) {
      const code = inForce(cell);
      if (!groups.has(code)) groups.set(code, []);
      groups.get(code).push(cell);
    }
    shown.clear();
    headings = new Map();
    const order = [...groups].sort((a, b) => rank(a[0]) - rank(b[0]) || b[1].length - a[1].length);
    fill(element, order.map(([code, members]) => section(code, members)), cells.length === 0 && h("p", {}, none));
  }

  function section(code, members) {
    const count = h("span", { class: "soft" });
    headings.set(code, count);
    return h("section", {},
      h("h2", { id: `class-${code}` }, className(code), " ", !kind.red && h("abbr", { class: "code" }, code), " ", count),
      h("div", { class: "tiles", role: "listbox", "aria-multiselectable": "true", "aria-labelledby": `class-${code}` }, members.map(tile)));
  }

  function tile(cell) {
    const words = h("span", { class: "words" });
    const picture = cell.has_crop
      ? h("img", { src: pictureOf(id, cell), alt: "", loading: "lazy", width: 96, height: 96 })
      : h("span", { class: "nopicture" }, t("gallery.noPicture"));
    const button = h("button", {
      class: "tile",
      type: "button",
      role: "option",
      dataset: { cell: cell.number },
      tabindex: -1,
      on: {
        click: (event) => pick(cell, event),
        focus: () => pressing || reached(cell),
      },
    }, picture, words);
    shown.set(cell.number, { button, words, cell });
    label(cell.number);
    return button;
  }

  function label(which) {
    const found = shown.get(which);
    if (!found) return;
    const { button, words, cell } = found;
    const [code, person, other] = [inForce(cell), cell.by_person, changed(cell)];
    button.classList.toggle("changed", other);
    button.classList.toggle("seen", looked(cell));
    button.classList.toggle("quick", Boolean(person?.quickly));
    button.dataset.class = code;
    const own = ownOf(cell);
    fill(words,
      h("span", { class: "name" }, own ? own.name : shortName(code)),
      h("span", { class: "line-two" }, own && h("span", { class: "code own" }, own.code, " "), !kind.red && [h("abbr", { class: "code" }, own ? `(${code})` : code), " "], looked(cell) ? "✓" : person ? t("gallery.quickMark") : share(cell.probability)),
      other && h("span", { class: "was" }, `${kind.brief(programs(cell))} ${share(cell.probability)}`));
    button.setAttribute("aria-label",
      person?.quickly ? t("gallery.cellQuick", { n: cell.number, class: nameOf(cell), by: person.by })
        : other ? t("gallery.cellPerson", { n: cell.number, class: nameOf(cell), by: person.by, program: className(programs(cell)) })
        : person ? t("gallery.cellSeen", { n: cell.number, class: nameOf(cell), by: person.by })
          : t("gallery.cell", { n: cell.number, class: nameOf(cell), sure: share(cell.probability) }));
  }

  // The number of cells in each class now, wherever their tiles are.
  function counts(of) {
    for (const [code, place] of headings) fill(place, number(of.get(code) ?? 0));
  }

  // Marks the selected cells; `reach` is the tile that Tab leads to.
  function mark(chosen, reach) {
    for (const [which, { button }] of shown) {
      button.tabIndex = which === reach ? 0 : -1;
      button.classList.toggle("chosen", chosen.has(which));
      button.setAttribute("aria-selected", String(chosen.has(which)));
    }
  }

  // Tiles in a row at the present page width.
  function across(which) {
    const tops = [...(shown.get(which)?.button.parentElement.children ?? [])].map((one) => one.offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  }

  return {
    element, arrange, label, counts, mark, across,
    order: () => [...shown.keys()],
    focus: (which) => shown.get(which)?.button.focus(),
  };
}
