// Whether this station may be trusted today: one line for each finding, the worst first, each with what to do.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { help } from "../help.js";
import { date, knows, number, t } from "../words.js";

// How often it is looked at again while it is open, ms.
const AGAIN = 30_000;
const WORST_FIRST = ["bad", "look", "good"];
const TIMES = new Set(["at", "since", "until", "latest"]);
const SIZES = new Set(["bytes", "free"]);

export async function show(root) {
  const place = h("div", {});
  const said = h("p", { class: "problem", role: "alert", hidden: true });
  fill(root, h("div", { class: "line" }, h("h1", {}, t("nav.health")), help("health")), said, place);
  const look = async () => {
    try {
      draw(place, await get("/api/health"));
      said.hidden = true;
    } catch (problem) {
      // What stood there may not be true any more.
      fill(place);
      fill(said, problem.message);
      said.hidden = false;
    }
  };
  await look();
  const timer = setInterval(look, AGAIN);
  return () => clearInterval(timer);
}

function draw(place, { at, grade, items }) {
  // Within a grade the order of the station stays, from the camera on.
  const sorted = [...items].sort((a, b) => WORST_FIRST.indexOf(a.grade) - WORST_FIRST.indexOf(b.grade));
  const known = JSON.stringify([grade, items]);
  if (place.dataset.known === known) return;
  place.dataset.known = known;
  fill(place,
    h("p", { class: `verdict ${grade}`, role: "status" }, h("b", {}, t(`health.grade.${grade}`)), " ", t(`health.verdict.${grade}`)),
    h("ul", { class: "findings" }, sorted.map(line)),
    h("p", { class: "soft" }, t("health.asked", { at: date(at) })));
}

function line({ topic, grade, finding, values }) {
  const told = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(name, value)]));
  const todo = `health.do.${finding}`;
  const anchor = topic === "troubles" && values.part && finding.startsWith("trouble") ? `trouble-${values.part}` : "health";
  return h("li", { class: "finding", dataset: { finding, grade } },
    h("span", { class: "grade" }, t(`health.grade.${grade}`)),
    h("div", {},
      h("h2", {}, t(`health.topic.${topic}`), grade !== "good" && help(anchor)),
      h("p", {}, t(`health.${finding}`, told)),
      values.words && h("p", { class: "soft" }, values.words),
      knows(todo) && h("p", { class: "todo" }, t(todo, told))));
}

function shown(name, value) {
  if (value === null) return "–";
  if (TIMES.has(name)) return date(value);
  if (SIZES.has(name)) return value < 1e9 ? `${number(value / 1e6)}\u00a0MB` : `${number(value / 1e9, 1)}\u00a0GB`;
  if (name === "verdict") return t(`verdict.${value}`);
  if (name === "part") return knows(`part.${value}`) ? t(`part.${value}`) : value;
  if (name === "reason") return t(`health.reason.${value}`);
  if (name === "um") return number(value, 3);
  return typeof value === "number" ? number(value) : value;
}
