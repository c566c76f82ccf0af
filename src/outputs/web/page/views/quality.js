// Quality control: whether it passed, what to do, its runs and their charts.

import { get, loginAddress, send } from "../api.js";
import { fill, h } from "../dom.js";
import { date, number, t } from "../words.js";
import { chart } from "./quality/chart.js";
import { chartName, lotName, lotsInUse, newLot, override, standingNow } from "./quality/lots.js";

// How often to look whether a run is done, ms.
const AGAIN = 2000;
const RUNS = 30;

export async function show(root, _params, context) {
  const said = h("div", { role: "status", tabindex: -1 });
  const place = h("div", {});
  const admin = context.may("admin");
  // What an admin types must survive a run that ends meanwhile, so forms are drawn only when they were used.
  const forms = h("div", {});
  let drawn = "";
  let timer = null;
  let ended = false;

  async function act(work, done) {
    try {
      said.className = "notice";
      fill(said, t("quality.busy"));
      await work();
      said.className = "good";
      fill(said, done);
      await draw(true);
    } catch (problem) {
      said.className = "problem";
      fill(said, problem.message);
    }
    said.focus();
  }

  async function begin({ lot }) {
    await act(() => send("POST", `/api/quality/lots/${lot.id}/run`), t(lot.kind === "slide" ? "quality.counting" : "quality.checking"));
    if (lot.kind === "slide" && said.className === "good") context.go("#/live");
  }

  async function draw(anew) {
    const standing = await standingNow();
    if (ended) return;
    // Runs are many, so they are read only once one was added.
    const now = JSON.stringify({ ...standing, since: null });
    if (now !== drawn) {
      const { runs, lots } = await get("/api/quality/runs");
      if (ended) return;
      drawn = now;
      fill(place, banner(standing), todo(standing, begin), failures(standing), charts(runs, lots), table(runs));
    }
    if (anew && admin) fill(forms, context.me.name !== "device" && override(standing, act), lotsInUse(standing, act), newLot(context, act));
    context.quality?.(standing);
  }

  async function again() {
    await draw(false).catch(() => null);
    if (!ended) timer = setTimeout(again, AGAIN);
  }

  fill(root, h("h1", {}, t("nav.quality")), said, place, forms,
    !admin && h("p", { class: "soft" }, t("quality.adminDefines"), " ", h("a", { href: loginAddress() }, t("nav.login"))));
  await draw(true);
  timer = setTimeout(again, AGAIN);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

// One sentence on how it stands; also shown above the other views.
export function banner(standing) {
  const { state, overridden, may_sign: open, required } = standing;
  const kind = state === "passed" ? "good" : state === "failed" || (required === "sign" && !open) ? "problem" : "notice";
  return h("div", { class: kind, role: state === "passed" ? null : "alert" },
    h("b", {}, t(`quality.state.${state}`)), " ",
    state !== "passed" && required === "sign" && !open && t("quality.noSigning"),
    overridden && ` ${t("control.overridden", { by: overridden.by, reason: overridden.reason })}`);
}

function todo(standing, begin) {
  if (standing.lots.length === 0) return h("p", {}, t("quality.none"));
  return h("ul", { class: "plain controls" }, standing.lots.map((one) => {
    const { lot, last, tries, state, expired } = one;
    return h("li", { class: "card" },
      h("div", { class: "line" },
        h("h2", {}, t(`quality.kind.${lot.kind}`, { lot: lotName(lot) })),
        h("span", { class: "badge", dataset: { status: state === "passed" ? "final" : "preliminary" } }, t(`quality.badge.${expired ? "expired" : state}`))),
      h("p", {}, last ? t("quality.last", { at: date(last.at), outcome: t(`quality.outcome.${last.outcome}`), by: last.by }) : t("quality.never"),
        tries > 1 && ` ${t("quality.tries", { n: number(tries) })}`),
      h("div", { class: "buttons" },
        h("button", { class: state === "passed" ? "button" : "button primary", type: "button", disabled: expired || standing.checking, on: { click: () => begin(one) } },
          t(standing.checking && lot.kind === "cells" ? "quality.checking" : lot.kind === "slide" ? "quality.count" : "quality.check"))));
  }));
}

// What the failed runs broke, and what to do about each.
function failures(standing) {
  const failed = standing.lots.map(({ last }) => last).filter((run) => run?.outcome === "failed" || run?.outcome === "warning");
  if (failed.length === 0) return null;
  return h("section", { class: "card" }, h("h2", {}, t("quality.whatToDo")), failed.map((run) => {
    const rules = [...new Set(run.values.map(({ rule }) => rule).filter(Boolean))];
    const charts = (rule) => run.values.filter((value) => value.rule === rule).map(({ chart: code }) => chartName(code)).join(", ");
    return [
      h("h3", {}, lotName(run), ", ", date(run.at)),
      run.words && h("p", {}, run.words),
      h("ul", {},
        rules.map((rule) => h("li", {}, h("b", {}, `${rule} ${charts(rule)}: `), t(`quality.rule.${rule}`), " ", t(`quality.do.${rule}`))),
        run.causes.map((cause) => h("li", {}, h("b", {}, t(`quality.cause.${cause}`), ". "), figure(run, cause), t(`quality.do.${cause}`)))),
    ];
  }));
}

function figure(run, cause) {
  const found = run.look_checks.find(({ what }) => what === cause);
  if (!found) return null;
  const digits = cause === "scale" ? 4 : cause === "sharpness" ? 2 : 0;
  const sharp = cause === "sharpness";
  return `${t(sharp ? "quality.foundLow" : "quality.found", { value: number(found.value, digits), low: number(found.low, digits), ...(sharp ? {} : { high: number(found.high, digits) }) })} `;
}

// A chart for each class; lots of one level follow each other in one picture.
function charts(runs, lots) {
  const kindOf = new Map(lots.map((lot) => [lot.id, lot]));
  const series = new Map();
  for (const run of runs) {
    const lot = kindOf.get(run.lot);
    for (const value of run.values) {
      const key = JSON.stringify([lot?.kind, run.level, value.chart]);
      if (!series.has(key)) series.set(key, { name: `${chartName(value.chart)}${run.level > 1 ? `, ${t("quality.level")} ${run.level}` : ""}${lot?.kind === "cells" ? `, ${t("quality.right")}` : ""}`, points: [] });
      series.get(key).points.push({ run, value });
    }
  }
  if (series.size === 0) return null;
  return h("section", { class: "card" },
    h("h2", {}, t("quality.charts")),
    h("p", { class: "soft" }, t("quality.legend")),
    h("div", { class: "charts" }, [...series.values()].map(({ name, points }) => chart(name, points))));
}

function table(runs) {
  if (runs.length === 0) return null;
  const broke = (run) => [...run.values.filter(({ rule }) => rule).map(({ rule, chart: code }) => `${rule} ${chartName(code)}`), ...run.causes.map((cause) => t(`quality.cause.${cause}`))].join("; ");
  return h("section", { class: "card" },
    h("div", { class: "line" }, h("h2", {}, t("quality.runs")), h("a", { class: "button small", href: "/api/quality/runs.csv", download: "" }, "CSV")),
    h("div", { class: "wide" }, h("table", { class: "table left" },
      h("thead", {}, h("tr", {}, ["quality.number", "quality.at", "quality.lot", "quality.result", "quality.broke", "quality.by"].map((key) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, runs.slice(-RUNS).reverse().map((run) => h("tr", {},
        h("td", {}, run.session ? h("a", { class: "target", href: `#/session/${run.session}` }, String(run.id)) : String(run.id)),
        h("td", {}, date(run.at)), h("td", {}, lotName(run)),
        h("td", {}, t(`quality.outcome.${run.outcome}`), run.try_number > 1 && ` (${t("quality.try", { n: number(run.try_number) })})`),
        h("td", {}, broke(run)), h("td", {}, run.by)))))));
}
