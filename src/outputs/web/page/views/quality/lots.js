// For admins: a new lot of a control, lots out of use, and the reason for signing without one that passed.

import { get, send } from "../../api.js";
import { field, fill, h } from "../../dom.js";
import { className, t } from "../../words.js";

// Lines that a lot of a slide begins with: what every blood holds.
const USUAL = ["NGS", "NGB", "LYT", "MON", "EOS"];

export function chartName(code) {
  const group = t(`group.${code}`);
  if (group !== `group.${code}`) return group;
  return code === "NEU" ? t("group.neutrophils") : code === "IG" ? t("group.immature-granulocytes") : className(code);
}

// `act` does what may fail and draws the view anew.
export function newLot(context, act) {
  const name = h("input", { required: true, maxlength: 32, autocomplete: "off" });
  const level = h("select", {}, [1, 2, 3].map((one) => h("option", { value: one }, String(one))));
  const expires = h("input", { type: "date" });
  const cells = h("input", { type: "number", min: 20, max: 1000000, step: 1 });
  const reference = field(t("quality.referenceCells"), cells, t("quality.referenceMeans"));
  const kind = h("select", { on: { change: () => drawRows() } },
    h("option", { value: "chance" }, t("quality.byChance")),
    h("option", { value: "normal" }, t("quality.byMean")),
    h("option", { value: "learning" }, t("quality.byLearning")),
    h("option", { value: "cells" }, t("quality.byCells")));
  const rows = h("tbody", {});
  const table = h("table", { class: "table" }, h("thead", {}), rows);
  const add = h("select", { "aria-label": t("quality.addClass"), on: { change: () => { row(add.value); add.value = ""; } } });
  const codes = context.classes.map(({ code }) => code);
  fill(add, h("option", { value: "" }, t("quality.addClass")), codes.map((code) => h("option", { value: code }, className(code))));
  const lines = new Map();

  function row(code) {
    if (!code || lines.has(code)) return;
    const figure = () => h("input", { type: "number", min: 0, max: 100, step: "any", "aria-label": `${className(code)}, %` });
    const inputs = kind.value === "normal" ? [figure(), h("input", { type: "number", min: 0.01, max: 50, step: "any", "aria-label": `${className(code)}, SD` })] : kind.value === "chance" ? [figure()] : [];
    const line = h("tr", {}, h("th", { scope: "row" }, className(code)), inputs.map((one) => h("td", {}, one)),
      h("td", {}, h("button", { class: "button small", type: "button", "aria-label": t("quality.without", { name: className(code) }), on: { click: () => { lines.delete(code); line.remove(); } } }, "✕")));
    lines.set(code, inputs);
    rows.append(line);
  }

  function drawRows() {
    lines.clear();
    fill(rows);
    const stored = kind.value === "cells";
    table.hidden = add.hidden = stored;
    reference.hidden = kind.value !== "chance";
    fill(table.tHead, h("tr", {}, h("th", { scope: "col" }, t("quality.class")),
      kind.value === "chance" && h("th", { scope: "col" }, t("quality.share")),
      kind.value === "normal" && [h("th", { scope: "col" }, t("quality.mean")), h("th", { scope: "col" }, "SD")], h("td", {})));
    if (!stored) USUAL.forEach(row);
  }
  drawRows();

  const submit = (event) => {
    event.preventDefault();
    const targets = {};
    for (const [code, [first, second]] of lines) {
      if (kind.value === "learning") targets[code] = { by: "learning" };
      else if (first.value === "") continue;
      else if (kind.value === "normal") targets[code] = { by: "normal", mean: Number(first.value), sd: Number(second.value) };
      else targets[code] = { by: "chance", percent: Number(first.value), ...(cells.value === "" ? {} : { cells: Number(cells.value) }) };
    }
    const lot = { kind: kind.value === "cells" ? "cells" : "slide", name: name.value.trim(), level: Number(level.value), targets };
    if (expires.value) lot.expires = expires.value;
    act(() => send("POST", "/api/quality/lots", lot), t("quality.defined"));
  };
  return h("details", { class: "card" },
    h("summary", {}, t("quality.newLot")),
    h("form", { on: { submit } },
      h("div", { class: "search" }, field(t("quality.lotName"), name), field(t("quality.level"), level, t("quality.levelMeans")), field(t("quality.expires"), expires)),
      field(t("quality.limitsBy"), kind), reference,
      table, add,
      h("div", { class: "buttons" }, h("button", { class: "button primary" }, t("quality.define")))));
}

// The lots in use, to be taught or taken out of use.
export function lotsInUse(standing, act) {
  if (standing.lots.length === 0) return null;
  return h("details", { class: "card" },
    h("summary", {}, t("quality.lots")),
    h("ul", { class: "plain" }, standing.lots.map(({ lot, learns }) => h("li", { class: "line" },
      h("b", {}, lotName(lot)),
      lot.expires && h("span", { class: "soft" }, t("quality.until", { day: lot.expires })),
      learns && h("button", { class: "button small", type: "button", on: { click: () => act(() => send("POST", `/api/quality/lots/${lot.id}/learn`), t("quality.learned")) } }, t("quality.learn")),
      h("button", { class: "button small", type: "button", on: { click: () => confirm(t("quality.retireSure", { lot: lotName(lot) })) && act(() => send("DELETE", `/api/quality/lots/${lot.id}`), t("quality.retired")) } }, t("quality.retire"))))));
}

export const lotName = ({ name, lot_name: of, level }) => (level > 1 ? t("quality.lotLevel", { lot: name ?? of, level }) : name ?? of);

// Why results are signed although the control has not passed.
export function override(standing, act) {
  if (standing.state === "passed" || standing.overridden) return null;
  const reason = h("textarea", { rows: 2, minlength: 5, maxlength: 500, required: true });
  const submit = (event) => {
    event.preventDefault();
    act(() => send("POST", "/api/quality/override", { reason: reason.value }), t("quality.opened"));
  };
  return h("form", { class: "card", on: { submit } },
    h("h2", {}, t("quality.override")),
    h("p", {}, t("quality.overrideMeans")),
    field(t("quality.reason"), reason),
    h("div", { class: "buttons" }, h("button", { class: "button" }, t("quality.open"))));
}

export const standingNow = () => get("/api/quality");
