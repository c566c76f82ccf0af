// The selected cell and the classes it can be given. Built once and updated in place, so that a button does not move
// away from the finger or lose the focus.

import { codeOf, inOrder, nameOf, programs } from "../../classes.js";
import { fill, h } from "../../dom.js";
import { className, number, share, shortName, t } from "../../words.js";
import { evidence, pictureOf } from "./evidence.js";

// `act`: give(code), confirm(), undo(), enlarge(). `open`: whether the user may change cells.
// `kind`: of the cells, with its classes and the laboratory's own.
export function panel(id, kind, open, act) {
  const { classes, own, isBlast } = kind;
  const large = h("button", { class: "large", type: "button", on: { click: act.enlarge } });
  const name = h("b", {});
  const by = h("p", {});
  const program = h("p", {});
  const network = h("p", { class: "soft" });
  const size = h("p", { class: "soft", hidden: true });
  const legend = h("p", { class: "soft legend", hidden: true }, h("span", { class: "ramp", "aria-hidden": "true" }), " ", t("gallery.legend"));
  const missing = h("p", { class: "soft", role: "status" });
  const map = h("button", { class: "button small", type: "button", "aria-pressed": "false", "aria-keyshortcuts": "h", on: { click: toggle } }, t("gallery.evidence"));
  const nothing = h("p", { class: "soft" }, t("gallery.choose"));
  const of = h("div", { class: "of", hidden: true }, large, h("div", { class: "said" }, name, by, program, network, size, map, legend, missing));
  const buttons = new Map([...inOrder(classes).map(({ code, key }) => [code, classButton(code, key)]), ...own.map((one) => [one.code, ownButton(one)])]);
  const right = h("button", { class: "button", type: "button", "aria-keyshortcuts": "Enter", on: { click: act.confirm } }, "✓ ", t("gallery.confirm"));
  const back = h("button", { class: "button", type: "button", "aria-keyshortcuts": "Backspace", on: { click: () => act.give(null) } }, t("gallery.back"));
  const undo = h("button", { class: "button", type: "button", "aria-keyshortcuts": "z", on: { click: act.undo } }, h("kbd", {}, "z"), " ", t("gallery.undo"));
  const element = h("aside", { class: "panel", "aria-label": t("gallery.chosen") }, nothing, of,
    open && h("div", { class: "classes", role: "group", "aria-label": t("gallery.give") }, [...buttons.values()], right, back, undo),
    open && h("p", { class: "soft keys" }, t("gallery.keys"), own.length > 0 && ` ${t("own.keys")}`));
  let cell = null;
  let mattered = null;

  function classButton(code, key) {
    return h("button", {
      class: `button class ${isBlast(code) ? "blast" : ""}`, type: "button", dataset: { class: code }, title: className(code),
      "aria-pressed": "false", "aria-label": kind.red ? t("gallery.redKey", { class: className(code), key }) : t("gallery.classKey", { class: className(code), code, key }), "aria-keyshortcuts": key,
      on: { click: () => act.give(code) },
    }, h("span", { class: "name" }, shortName(code)), h("span", { class: "line-two" }, !kind.red && [h("span", { class: "code" }, code), " "], h("kbd", {}, key)));
  }

  function ownButton({ code, name: words, class: fixed, key }) {
    const counts = t("own.counts", { class: className(fixed), code, name: words });
    return h("button", {
      class: `button class own ${isBlast(fixed) ? "blast" : ""}`, type: "button", dataset: { class: code }, title: counts,
      "aria-pressed": "false", "aria-label": t("own.key", { key, counts }), "aria-keyshortcuts": key,
      on: { click: () => act.give(code) },
    }, h("span", { class: "name" }, words), h("span", { class: "line-two" }, h("span", { class: "code" }, code), " ", h("kbd", {}, key)));
  }

  function toggle() {
    if (!mattered || kind.red) return;
    const on = map.getAttribute("aria-pressed") !== "true";
    map.setAttribute("aria-pressed", String(on));
    legend.hidden = !on;
    fill(missing);
    if (on) mattered.on();
    else mattered.off();
  }

  function withoutEvidence(which) {
    if (which !== cell) return;
    map.setAttribute("aria-pressed", "false");
    legend.hidden = true;
    fill(missing, t("gallery.noEvidence", { n: number(which.number) }));
  }

  // Shows one cell, or how many are selected.
  function show(next, many) {
    nothing.hidden = Boolean(next);
    of.hidden = !next;
    for (const button of [right, back]) button.disabled = !next;
    for (const button of buttons.values()) button.disabled = !next;
    if (!next) return;
    if (next !== cell) picture(next);
    const person = next.by_person;
    const single = many <= 1;
    fill(name, single ? nameOf(next) : t("gallery.many", { n: number(many) }));
    for (const one of [by, program, network]) one.hidden = !single;
    by.hidden = !single || !person;
    fill(by, person && t(person.quickly ? "gallery.byQuick" : "gallery.by", { by: person.by }));
    fill(program, t("gallery.program"), ` ${kind.brief(programs(next))} ${share(next.probability)}`);
    fill(network, t("gallery.network"), " ",
      next.ranked.slice(0, 3).filter(([, p], n) => n === 0 || p >= 0.01).map(([code, p]) => `${kind.brief(code)} ${share(p)}`).join(", "));
    size.hidden = !single || !kind.red;
    if (kind.red) fill(size, t("gallery.redOf", { um: number(next.diameter_um, 1) }), next.pallor !== null && `, ${t("gallery.redPallor", { share: share(next.pallor) })}`);
    // What mattered is known of white cells alone.
    map.hidden = !single || !next.has_crop || kind.red;
    back.disabled = single && !person;
    for (const [code, button] of buttons) button.setAttribute("aria-pressed", String(single && codeOf(next) === code));
  }

  function picture(next) {
    mattered?.off();
    cell = next;
    map.setAttribute("aria-pressed", "false");
    legend.hidden = true;
    fill(missing);
    large.disabled = !next.has_crop;
    large.setAttribute("aria-label", t("gallery.enlarge", { n: number(next.number) }));
    fill(large, next.has_crop
      ? h("img", { src: pictureOf(id, next), alt: "", width: 128, height: 128 })
      : h("span", { class: "nopicture" }, t("gallery.noPicture")));
    mattered = evidence(large, id, next, () => withoutEvidence(next));
  }

  return { element, show, toggle };
}
