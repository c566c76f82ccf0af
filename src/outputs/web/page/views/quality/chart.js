// Levey-Jennings picture of one chart: the runs in their order, the target with its 2 and 3 SD, and what was rejected.

import { h } from "../../dom.js";
import { date, number, t } from "../../words.js";

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 46;
const RIGHT = 14;
const TOP = 18;
const BOTTOM = 24;
// Beyond this many SD a point lies on the edge, with an arrow.
const MOST = 4;
// Runs in one picture.
const SHOWN = 40;

function s(tag, props, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// `points`: {run, value} of one chart, oldest first; `name`: the chart for people.
export function chart(name, points) {
  const shown = points.slice(-SHOWN);
  const last = shown.at(-1)?.value;
  const learning = shown.every(({ value }) => value.z === null);
  // Limits of chance are not symmetric, so heights are in SD; without limits, in percent of what was found.
  const percents = shown.map(({ value }) => value.percent);
  const span = [Math.min(...percents), Math.max(...percents)];
  const height = (value) => {
    if (!learning) return Math.max(-MOST, Math.min(MOST, value.z ?? 0));
    return span[1] > span[0] ? ((value.percent - span[0]) / (span[1] - span[0])) * 4 - 2 : 0;
  };
  const y = (sd) => TOP + ((MOST - sd) / (2 * MOST)) * (HEIGHT - TOP - BOTTOM);
  const x = (at) => LEFT + ((at + 0.5) / Math.max(shown.length, 8)) * (WIDTH - LEFT - RIGHT);
  const words = summary(name, shown, last);
  const picture = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "levey", role: "img", "aria-label": words });
  if (!learning) {
    for (const [sd, kind] of [[3, "three"], [2, "two"], [0, "mean"], [-2, "two"], [-3, "three"]]) {
      picture.append(
        s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(sd), y2: y(sd), class: `level ${kind}` }),
        s("text", { x: LEFT - 6, y: y(sd) + 4, "text-anchor": "end" }, sd === 0 ? "0" : `${sd > 0 ? "+" : "−"}${Math.abs(sd)} SD`));
    }
  }
  picture.append(s("polyline", { points: shown.map(({ value }, at) => `${x(at)},${y(height(value))}`).join(" "), class: "way" }));
  shown.forEach(({ run, value }, at) => {
    if (at > 0 && shown[at - 1].run.lot !== run.lot) {
      const edge = (x(at - 1) + x(at)) / 2;
      picture.append(
        s("line", { x1: edge, x2: edge, y1: TOP - 6, y2: HEIGHT - BOTTOM, class: "change" }),
        s("text", { x: edge + 4, y: TOP - 6 }, run.lot_name));
    }
    picture.append(point(run, value, x(at), y(height(value))));
  });
  if (shown.length > 0) {
    picture.append(s("text", { x: LEFT, y: HEIGHT - 6 }, day(shown[0].run.at)), s("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, day(shown.at(-1).run.at)));
  }
  return h("figure", { class: "chart" }, h("figcaption", {}, words), picture);
}

const day = (time) => date(time).slice(0, 10);

// A rejected point is a cross with its rule, a warned one a square: no colour is needed to tell them apart.
function point(run, value, x, y) {
  const rejected = value.rule && value.rule !== "1-2s";
  const spoiled = run.causes.length > 0;
  const title = s("title", {}, `${date(run.at)}: ${number(value.percent, 1)} % (${value.count}/${value.of}), ${t("quality.run", { n: run.id })}${value.rule ? `, ${value.rule}` : ""}`);
  const mark = rejected || spoiled
    ? s("path", { d: `M${x - 6},${y - 6}L${x + 6},${y + 6}M${x - 6},${y + 6}L${x + 6},${y - 6}`, class: rejected ? "rejected" : "spoiled" }, title)
    : value.rule
      ? s("rect", { x: x - 5, y: y - 5, width: 10, height: 10, class: "warned" }, title)
      : s("circle", { cx: x, cy: y, r: 4.5, class: "kept" }, title);
  if (!value.rule) return mark;
  return s("g", {}, mark, s("text", { x, y: y > TOP + 16 ? y - 10 : y + 20, "text-anchor": "middle", class: rejected ? "rule rejected" : "rule" }, value.rule));
}

function summary(name, shown, last) {
  if (!last) return name;
  const now = t("quality.point", { name, percent: number(last.percent, 1), n: number(last.count), of: number(last.of) });
  if (last.limits === null) return `${now} ${t("quality.noLimits")}`;
  const [, low, high] = last.limits;
  return `${now} ${t("quality.limits", { mean: number(last.mean, 1), low: number(low, 1), high: number(high, 1) })}${last.rule ? ` ${t(`quality.rule.${last.rule}`)}` : ""}`;
}
