// What the red cells of a result look like: shares of each class with the grade by ICSH 2015, size and colour. A screening aid.

import { bar, below, interval } from "../differential.js";
import { h } from "../dom.js";
import { RED } from "../tables.js";
import { className, number, share, t } from "../words.js";

export function redCells({ id, red_reclassified: changed, reviewed_result: result }) {
  const red = result?.red_cells;
  if (!red) return null;
  const { size, hypochromia } = red;
  const measured = [
    line(t("red.anisocytosis", { n: number(RED.offMedian * 100) }), size.anisocytosis),
    size.macrocytes && line(t("red.macrocytes", { um: number(RED.macrocyteAbove, 1) }), size.macrocytes),
    size.microcytes && line(t("red.microcytes", { um: number(RED.microcyteBelow, 1) }), size.microcytes),
    line(t("red.hypochromia", { share: share(RED.pale), n: number(hypochromia.of) }), hypochromia),
  ];
  return h("section", { class: "card", id: "red-cells" },
    h("h2", {}, t("red.title")),
    h("p", { class: "notice" }, t("red.aid")),
    h("p", {}, t("red.graded", { n: number(red.graded), not: number(red.not_graded), unk: number(red.not_categorised) }),
      changed > 0 && ` ${t("red.changed", { n: number(changed) })}`),
    !red.enough && h("p", { class: "notice" }, t("red.few", { n: number(RED.enough) })),
    h("p", {}, h("a", { class: "button small", href: `#/session/${id}/gallery?kind=red` }, t("red.gallery"))),
    table("result.class", red.classes.map((one) => line(
      [className(one.class), " ", h("abbr", { class: "code" }, one.class)], one,
      one.class === "SCHISTOCYTE" && !red.enough_for_schistocytes && t("red.fewer", { n: number(RED.enoughForSchistocytes) })))),
    table("red.measure", measured),
    h("p", {}, size.scale_known ? t("red.median", { um: number(size.median_um, 1), cv: number(size.cv_percent, 1) }) : t("red.variation", { cv: number(size.cv_percent, 1) })),
    !size.scale_known && h("p", { class: "soft" }, t("red.noScale")),
    size.held_back > 0 && h("p", { class: "soft" }, t("red.heldBack", { n: number(size.held_back) })));
}

function table(what, lines) {
  const head = (words) => h("th", { scope: "col" }, words);
  return h("table", { class: "table" },
    h("thead", {}, h("tr", {}, head(t(what)), head(t("result.cells")), head("%"), head(t("result.interval")), head(t("red.grade")), h("td", { class: "drawn" }))),
    h("tbody", {}, lines));
}

// `2+ moderate`; on narrow screens the mark alone.
function graded(grade) {
  const [mark, ...word] = t(`red.grade.${grade}`).split(" ");
  return [h("b", {}, mark), " ", h("span", { class: "word" }, word.join(" "))];
}

// `instead`: why there is no grade, where that is another reason than too low a share.
function line(name, { count, percent, low, high, grade }, instead = false) {
  return h("tr", {},
    h("th", { scope: "row" }, name, below(percent, low, high)), h("td", {}, number(count)), h("td", {}, number(percent, 1)),
    h("td", { class: "interval" }, interval(low, high)), h("td", { class: "grade" }, instead || (grade ? graded(grade) : "–")),
    h("td", { class: "drawn" }, bar(percent, low, high)));
}
