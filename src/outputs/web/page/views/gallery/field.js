// The whole field that shows a cell, for those whose field was kept: magnified as wanted, with a ruler, and with the other
// white cells of the field.

import { get } from "../../api.js";
import { inForce } from "../../classes.js";
import { fill, h } from "../../dom.js";
import { className, number, t } from "../../words.js";

// Magnification from step to step, and its bounds in screen px a camera px.
const STEP = 1.5;
const [LEAST, MOST] = [0.2, 8];
// Lengths of the ruler, µm; the longest that is no wider than this many screen px is taken.
const RULERS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const WIDEST = 160;

// `cells`: the white cells of the session by number. `go(cell)` shows another one. Resolves to null if no field of the cell
// is kept.
export async function fieldOf(id, cell, cells, go) {
  const kept = await get(`/api/sessions/${id}/cells/${cell.number}/field`).catch((problem) => {
    if (problem.status === 404) return null;
    throw problem;
  });
  if (!kept) return null;
  const shown = kept.cells.filter((one) => cells.has(one.number)).sort((a, b) => a.y - b.y || a.x - b.x);
  const mine = shown.findIndex((one) => one.number === cell.number);
  let zoom = 1;

  const picture = h("img", { alt: t("field.alt", { n: number(shown.length) }), src: `/api/sessions/${id}/fields/${kept.number}/picture.jpg` });
  const scene = h("div", { class: "scene" }, picture, shown.map(box));
  const stage = h("div", { class: "stage", tabindex: 0, role: "group", "aria-label": t("field.title") }, scene);
  const bar = h("span", { class: "bar" });
  const length = h("span", {});
  const bright = h("input", { type: "range", min: 50, max: 200, value: 100, "aria-label": t("field.brightness"), on: { input: () => (picture.style.filter = `brightness(${bright.value}%)`) } });
  const button = (words, label, press, disabled) =>
    h("button", { class: "button small", type: "button", "aria-label": label, title: label, disabled, on: { click: press } }, words);

  function box(one) {
    const of = cells.get(one.number);
    const percent = (px, all) => `${(px / all) * 100}%`;
    return h("button", {
      class: `box ${one.number === cell.number ? "mine" : ""}`, type: "button", title: className(inForce(of)),
      "aria-label": t("gallery.large", { n: number(one.number), class: className(inForce(of)) }), "aria-current": one.number === cell.number ? "true" : undefined,
      vars: { left: percent(one.x, kept.width), top: percent(one.y, kept.height), width: percent(one.w, kept.width), height: percent(one.h, kept.height) },
      on: { click: () => one.number !== cell.number && go(of) },
    });
  }

  function magnify(to, centre = shown[mine]) {
    zoom = Math.min(MOST, Math.max(LEAST, to));
    scene.style.width = `${kept.width * zoom}px`;
    stage.scrollTo((centre.x + centre.w / 2) * zoom - stage.clientWidth / 2, (centre.y + centre.h / 2) * zoom - stage.clientHeight / 2);
    bar.hidden = !kept.um_per_px;
    if (!kept.um_per_px) return fill(length, t("field.noScale"));
    const px = (um) => (um / kept.um_per_px) * zoom;
    const um = RULERS.filter((one) => px(one) <= WIDEST).at(-1) ?? RULERS[0];
    bar.style.width = `${px(um)}px`;
    fill(length, `${number(um)} µm`);
  }

  const to = (by) => go(cells.get(shown[(mine + by + shown.length) % shown.length].number));
  const alone = shown.length < 2;
  const element = h("div", { class: "field-view", on: { keydown: pressed } },
    stage,
    h("div", { class: "line" }, h("span", { class: "ruler" }, bar, " ", length),
      button("−", t("field.smaller"), () => magnify(zoom / STEP)), button("+", t("field.larger"), () => magnify(zoom * STEP)),
      button(t("field.fit"), t("field.fit"), whole),
      h("label", { class: "bright" }, h("span", { "aria-hidden": "true" }, "☀"), bright)),
    h("div", { class: "line" },
      button("‹", t("field.before"), () => to(-1), alone), h("span", {}, t("field.of", { n: number(mine + 1), of: number(shown.length) })), button("›", t("field.next"), () => to(1), alone)));

  function whole() {
    magnify(Math.min(stage.clientWidth / kept.width, stage.clientHeight / kept.height));
  }

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const act = { "+": () => magnify(zoom * STEP), "-": () => magnify(zoom / STEP), 0: whole }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // Once it is in the page: only then it has a size.
  const begin = () => {
    magnify(Math.max(1, stage.clientWidth / kept.width));
    stage.focus();
  };
  return { element, begin };
}
