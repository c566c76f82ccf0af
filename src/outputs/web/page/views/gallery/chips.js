// The classes with their counts, as filters; and the cells that still should be looked at.

import { inForce } from "../../classes.js";
import { fill, h } from "../../dom.js";
import { className, number, shortName, t } from "../../words.js";

export const ALL = "all";
export const TO_REVIEW = "review";

export function chips(show) {
  const element = h("div", { class: "chips", role: "group", "aria-label": t("gallery.show") });
  const buttons = new Map();
  let current = ALL;

  function chip(what, name, count, part, more = "") {
    let button = buttons.get(what);
    if (!button) buttons.set(what, (button = h("button", { class: "button chip", type: "button", dataset: { show: what }, on: { click: () => show(what) } })));
    button.className = `button chip ${more}`;
    button.setAttribute("aria-current", String(current === what));
    fill(button, h("span", {}, name), " ", h("b", {}, number(count)), part !== undefined && h("small", {}, ` ${number(part, 1)}\u00a0%`));
    return button;
  }

  // `lines`: of the result by class, with the reviewers' answers; none if the session has no result. `rank` orders the classes.
  function draw({ cells, lines, rank, urgent, left }) {
    const now = tally(cells);
    const codes = [...new Set([...now.keys(), ...lines.keys()])].filter((code) => now.get(code) || lines.get(code)?.count);
    codes.sort((a, b) => rank(a) - rank(b) || (now.get(b) ?? 0) - (now.get(a) ?? 0));
    const wanted = [
      chip(ALL, t("gallery.all"), cells.length),
      chip(TO_REVIEW, t("gallery.review"), left, undefined, left > 0 ? "urgent" : ""),
      ...codes.map((code) => {
        const button = chip(code, shortName(code), now.get(code) ?? 0, lines.get(code)?.percent, urgent(code) ? "urgent" : "");
        button.title = className(code);
        return button;
      }),
    ];
    // Keep the focused element in place.
    const there = [...element.children];
    if (there.length !== wanted.length || wanted.some((one, n) => one !== there[n])) {
      const focused = wanted.find((one) => one === document.activeElement);
      fill(element, wanted);
      focused?.focus();
    }
  }

  return { element, draw, choose: (what) => (current = what) };
}

export function tally(cells) {
  const counts = new Map();
  for (const cell of cells) counts.set(inForce(cell), (counts.get(inForce(cell)) ?? 0) + 1);
  return counts;
}
